"""What does Alertmanager's API v2 demand of a request, and in which words does it answer?"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from tocsin.intake import threads
from tocsin.intake.request import Answer, Checked, InvalidError, Protocol, Request, decoded, json_answer
from tocsin.intake.state import integration_of, state, store
from tocsin.lib.refusal import Refused

EMPTY_OK = Answer(200, b"")
# What `amtool config show` prints and Grafana reads: who is notified is not said in this form here.
CONFIGURATION = "route:\n  receiver: tocsin\nreceivers:\n- name: tocsin\n"
SUCCESS = json_answer(200, status="success")


def refuse(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """Alertmanager says no with a JSON string."""
    return Answer(status, msgspec.json.encode(sentence), retry_after)


PROTOCOL = Protocol(refuse)
_SHOWN_AS_400 = {("GET", "/api/v2/alerts"), ("GET", "/api/v2/alerts/groups"), ("POST", "/api/v2/alerts"), ("POST", "/api/v2/silences")}


def _in_words(request: Request, answer: Answer) -> Answer:
    """The same refusal with a status whose words are shown: amtool's client knows 400 or 500, by what was asked, and prints of any other
    (401, 403, 409) that the specification does not have it, and nothing of its body. Other clients get the true status."""
    amtool = request.header(b"user-agent").startswith("Go-http-client/") and request.header(b"accept") == "application/json"
    if not amtool or not 400 <= answer.status < 500:
        return answer
    return answer._replace(status=400 if (request.method, request.path) in _SHOWN_AS_400 else 500)


class PostableAlert(msgspec.Struct):
    """As much of an alert as is judged before it is accepted."""

    labels: dict[str, str]


class SilenceMatcher(msgspec.Struct):
    """One condition of a posted silence."""

    name: str
    value: str
    isRegex: bool
    isEqual: bool = True


class PostableSilence(msgspec.Struct):
    """A silence as Alertmanager's clients send it."""

    matchers: list[SilenceMatcher]
    startsAt: datetime
    endsAt: datetime
    createdBy: str
    comment: str
    id: str | None = None


_SILENCE: msgspec.json.Decoder[PostableSilence] = msgspec.json.Decoder(PostableSilence)
_ALERTS: msgspec.json.Decoder[list[PostableAlert]] = msgspec.json.Decoder(list[PostableAlert])
_LIST: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[Any])


def check(body: bytes, accepted: Answer = EMPTY_OK) -> Checked:
    """An array of alerts, one at least with labels: a bad one is refused alone later, for nobody sends its neighbours again."""
    try:
        alerts: list[Any] = decoded(body, refuse, _ALERTS)
    except InvalidError:
        alerts = decoded(body, refuse, _LIST)
        if not any(_is_alert(alert) for alert in alerts):
            raise
    else:
        if alerts and not any(alert.labels for alert in alerts):
            raise InvalidError(refuse("at least one label pair required"))
    return Checked("", "", accepted, max(1, len(alerts)))


def _is_alert(said: Any) -> bool:
    try:
        return bool(msgspec.convert(said, PostableAlert).labels)
    except msgspec.ValidationError:
        return False


async def take_alerts(request: Request) -> Answer:
    """Keep the alerts that Prometheus sends."""
    return await _keep(request, EMPTY_OK)


async def take_alerts_v1(request: Request) -> Answer:
    """The same from senders that still speak the first version."""
    return await _keep(request, SUCCESS)


async def _keep(request: Request, accepted: Answer) -> Answer:
    integration = await integration_of(request.key())
    if integration is None:
        return _in_words(request, refuse("No integration has this key; send it as bearer token or as basic-auth password.", 401))
    return await store(request, integration, "alertmanager_api", check(request.body, accepted))


async def status(request: Request) -> Answer:
    """What Prometheus and `amtool` ask an Alertmanager."""
    known = {
        "cluster": {"status": "disabled", "peers": []}, "config": {"original": CONFIGURATION}, "uptime": "1970-01-01T00:00:00.000Z",
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


async def alerts(request: Request) -> Answer:
    """The alerts that fire, as `amtool alert query` asks for them."""
    return await _read(request, "alerts", _query(request))


async def groups(request: Request) -> Answer:
    """The same by cause."""
    return await _read(request, "groups", _query(request))


async def receivers(request: Request) -> Answer:
    """The services, which are what is notified."""
    return await _read(request, "receivers")


async def silences(request: Request) -> Answer:
    """Silences: those that hold and will, and the newest that ended."""
    return await _read(request, "silences", _query(request))


async def silence(request: Request) -> Answer:
    """One silence."""
    return await _read(request, "silence", request.parts["id"])


async def save_silence(request: Request) -> Answer:
    """Make a silence, or change one."""
    return await _read(request, "save_silence", decoded(request.body, refuse, _SILENCE))


async def end_silence(request: Request) -> Answer:
    """End a silence now."""
    return await _read(request, "end_silence", request.parts["id"])


def _query(request: Request) -> dict[str, list[str]]:
    return parse_qs(request.query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)


async def _read(request: Request, name: str, *arguments: Any) -> Answer:
    key = request.key()
    integration = None if key.startswith("tcs_") else await integration_of(key)
    try:
        said = await threads.ask("alertmanager_reads", name, integration, key, *arguments)
    except Refused as refused:
        return _in_words(request, refuse(refused.detail, 400 if refused.status == 422 else refused.status))
    except threads.BusyError:
        return refuse("Too many reads wait; ask again.", 503, 1)
    return EMPTY_OK if said is None else Answer(200, msgspec.json.encode(said))
