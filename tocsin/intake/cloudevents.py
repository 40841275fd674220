"""What of CloudEvents is judged at the door of `/in/{key}`: an event in its headers, one in its body, and a sender that asks whether it may send?

Wire formats: cloudevents.io spec 1.0, HTTP binding and HTTP webhooks 1.0.
"""

from __future__ import annotations

from typing import Any

from tocsin.intake.request import Answer, InvalidError, Refuse, Request
from tocsin.intake.state import integration_of, state

REQUIRED = ("id", "source", "type", "specversion")  # of each event; beginning with "1." as versions do that mean the same
LONGEST_ORIGIN = 500
_ALLOW = (b"allow", b"OPTIONS, POST")


def in_headers(request: Request) -> bool:
    """Is it an event in binary mode? Its body is its data then, whatever that is."""
    return any(name == b"ce-specversion" for name, _ in request.headers)


def check_headers(request: Request, refuse: Refuse) -> None:
    """All attributes that an event needs are in the headers. Raises InvalidError naming those that are not."""
    _demand({name: request.header(f"ce-{name}".encode()) for name in REQUIRED}, "ce-", refuse)


def check_object(said: Any, content_type: str, refuse: Refuse) -> None:
    """An event in structured mode has all attributes that it needs, and a batch is a list. Raises InvalidError naming what is wrong."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/cloudevents-batch+json" and not isinstance(said, list):
        raise InvalidError(refuse("A batch of CloudEvents is a JSON array."))
    if kind == "application/cloudevents+json":
        if not isinstance(said, dict):
            raise InvalidError(refuse("A CloudEvent is a JSON object; a batch is sent as application/cloudevents-batch+json."))
        _demand(said, "", refuse)


def _demand(said: dict[str, Any], prefix: str, refuse: Refuse) -> None:
    missing = [f"{prefix}{name}" for name in REQUIRED if not (isinstance(said.get(name), str) and said[name].strip())]
    if missing:
        raise InvalidError(refuse(f"A CloudEvent needs {', '.join(missing)} as a text that is not empty."))
    if not said["specversion"].startswith("1."):
        raise InvalidError(refuse(f"The {prefix}specversion {said['specversion'][:20]!r} is not known; 1.0 is."))


async def may_send(request: Request, refuse: Refuse) -> Answer:
    """The handshake of HTTP webhooks: whoever has the key may send, from any origin, as fast as the integration's rate allows."""
    integration = await integration_of(request.key())
    if integration is None:
        return refuse("No integration has this key.", 404)
    origin = request.header(b"webhook-request-origin")[:LONGEST_ORIGIN]
    if not origin:
        return Answer(204, b"", headers=(_ALLOW,))
    a_minute = int(state.keys.buckets[integration].rate * 60) if integration in state.keys.buckets else 0
    rate = str(a_minute) if a_minute else "*"
    agreed = ((b"webhook-allowed-origin", origin.encode("latin-1")), (b"webhook-allowed-rate", rate.encode()))
    return Answer(200, b"", headers=(_ALLOW, *agreed))
