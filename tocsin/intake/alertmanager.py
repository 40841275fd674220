"""What does Alertmanager's API v2 demand of a request, and in which words does it answer?"""

from __future__ import annotations

import msgspec

from tocsin.intake.request import Answer, Checked, InvalidError, Protocol, Request, decoded
from tocsin.intake.state import integration_of, state, store

EMPTY_OK = Answer(200, b"")


def refuse(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """Alertmanager says no with a JSON string."""
    return Answer(status, msgspec.json.encode(sentence), retry_after)


PROTOCOL = Protocol(refuse)


class PostableAlert(msgspec.Struct):
    """As much of an alert as is judged before it is accepted."""

    labels: dict[str, str]


_ALERTS: msgspec.json.Decoder[list[PostableAlert]] = msgspec.json.Decoder(list[PostableAlert])


def check(body: bytes) -> Checked:
    """An array of alerts with labels."""
    alerts = decoded(body, refuse, _ALERTS)
    for alert in alerts:
        if not alert.labels:
            raise InvalidError(refuse("at least one label pair required"))
    return Checked("", "", EMPTY_OK, max(1, len(alerts)))


async def take_alerts(request: Request) -> Answer:
    """Keep the alerts that Prometheus sends."""
    integration = await integration_of(request.key())
    if integration is None:
        return refuse("No integration has this key; send it as bearer token or as basic-auth password.", 401)
    return await store(request, integration, "alertmanager_api", check(request.body))


async def status(request: Request) -> Answer:
    """What Prometheus and `amtool` ask an Alertmanager."""
    known = {
        "cluster": {"status": "disabled", "peers": []}, "config": {"original": ""}, "uptime": "1970-01-01T00:00:00.000Z",
        "versionInfo": dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision", "version"), "tocsin"),
    }  # fmt: skip
    return Answer(200, msgspec.json.encode(known))


async def healthy(request: Request) -> Answer:
    """The intake lives."""
    return Answer(200, b'"OK"')


async def ready(request: Request) -> Answer:
    """The keys have been read from the database."""
    loaded = state.keys.loaded
    return Answer(200 if loaded else 503, b'"OK"' if loaded else b'"Not ready: the database has not answered yet"')
