"""What does each protocol demand of a request, and in which words is it answered?"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec

from tocsin.integrations import reading

JSON = b"application/json"
LARGEST = 1_000_000
LARGEST_PAGERDUTY = 512 * 1024
RETRY_AFTER = 5  # seconds


class Answer(NamedTuple):
    """A ready answer."""

    status: int
    body: bytes
    retry_after: int = 0


class InvalidError(Exception):
    """The request is not what the protocol demands; `answer` says so in the protocol's own words."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


class Checked(NamedTuple):
    """A request that may be stored."""

    key: str  # the integration key in the body, where the protocol carries it there
    dedup_key: str  # made by the server where the sender gave none
    accepted: Answer


def _json(code: int, retry_after: int = 0, /, **fields: Any) -> Answer:
    return Answer(code, msgspec.json.encode(fields), retry_after)


def _depth(body: bytes, refuse: Any) -> None:
    if reading.too_deep(body):
        raise InvalidError(refuse(f"the JSON is nested deeper than {reading.DEEPEST} levels"))


# -- any source at /in/{key} --------------------------------------------------------------------------------------------

ACCEPTED = _json(202, status="accepted")


def refuse_in(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """A refusal as a problem in JSON."""
    return _json(status, retry_after, status="refused", error=sentence)


def check_in(body: bytes) -> Checked:
    """The body is JSON, or a form that carries it in the field `payload`; anything else is told so at once."""
    content = body.removeprefix(b"\xef\xbb\xbf").strip()
    if content.startswith(b"payload="):
        content = parse_qs(content.decode("utf-8", "replace"), max_num_fields=20).get("payload", [""])[0].encode()
    if not content:
        raise InvalidError(refuse_in("The body is empty; JSON was expected."))
    _depth(content, refuse_in)
    _valid(content, refuse_in)
    return Checked("", "", ACCEPTED)


def _valid(content: bytes, refuse: Any, decoder: Any = None) -> Any:
    try:
        return (decoder or _ANY).decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidError(refuse(f"The body is not valid JSON: {str(error)[:300]}.")) from None


_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


# -- Alertmanager API v2 ------------------------------------------------------------------------------------------------

EMPTY_OK = Answer(200, b"")


def refuse_alertmanager(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """Alertmanager says no with a JSON string."""
    return Answer(status, msgspec.json.encode(sentence), retry_after)


class PostableAlert(msgspec.Struct):
    """As much of an alert as is judged before it is accepted."""

    labels: dict[str, str]


_ALERTS: msgspec.json.Decoder[list[PostableAlert]] = msgspec.json.Decoder(list[PostableAlert])


def check_alertmanager(body: bytes) -> Checked:
    """An array of alerts with labels."""
    _depth(body, refuse_alertmanager)
    for alert in _valid(body, refuse_alertmanager, _ALERTS):
        if not alert.labels:
            raise InvalidError(refuse_alertmanager("at least one label pair required"))
    return Checked("", "", EMPTY_OK)


# -- PagerDuty Events API v2 --------------------------------------------------------------------------------------------


def refuse_pagerduty(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """PagerDuty says no with a status, a message and a list of errors."""
    words = {400: "invalid event", 429: "throttle exceeded", 413: "request too large"}.get(status, "unavailable")
    message = "Event object is invalid" if status == 400 else sentence
    return _json(status, retry_after, status=words, message=message, errors=[sentence])


class PagerDutyEvent(msgspec.Struct):
    """As much of an event as is judged before it is accepted."""

    routing_key: Any = None
    event_action: Any = None
    dedup_key: Any = None
    payload: Any = None


_EVENT: msgspec.json.Decoder[PagerDutyEvent] = msgspec.json.Decoder(PagerDutyEvent)
CHANGE_ACCEPTED = _json(202, status="success", message="Change event processed")


def check_pagerduty(body: bytes, key: str = "") -> Checked:
    """A trigger with a summary, an acknowledgement or a resolution with a dedup_key. A trigger without one is given one.

    A missing source or severity is accepted: a client does not send again what it was told is wrong, and the alert would be lost.
    """
    _depth(body, refuse_pagerduty)
    event: PagerDutyEvent = _valid(body, refuse_pagerduty, _EVENT)
    errors = []
    routing_key = _text(event.routing_key) or key
    if not routing_key:
        errors.append("'routing_key' is missing or blank")
    action = _text(event.event_action).lower()
    if action not in ("trigger", "acknowledge", "resolve"):
        errors.append("'event_action' is missing or is not one of: trigger, acknowledge, resolve")
    dedup_key = _text(event.dedup_key)
    if len(dedup_key) > 255:
        errors.append("'dedup_key' is longer than 255 characters")
    if action in ("acknowledge", "resolve") and not dedup_key:
        errors.append(f"'dedup_key' is missing or blank (required to {action})")
    if action == "trigger" and not (
        isinstance(event.payload, dict) and (_text(event.payload.get("summary")) or _text(event.payload.get("source")))
    ):
        errors.append("'payload.summary' is missing or blank")
    if errors:
        raise InvalidError(_json(400, status="invalid event", message="Event object is invalid", errors=errors))
    made = "" if dedup_key else secrets.token_hex(16)
    accepted = _json(202, status="success", message="Event processed", dedup_key=dedup_key or made)
    return Checked(routing_key, made, accepted)


def check_pagerduty_change(body: bytes, key: str = "") -> Checked:
    """A change event with a summary."""
    _depth(body, refuse_pagerduty)
    event: PagerDutyEvent = _valid(body, refuse_pagerduty, _EVENT)
    routing_key = _text(event.routing_key) or key
    errors = [] if routing_key else ["'routing_key' is missing or blank"]
    if not isinstance(event.payload, dict) or not _text(event.payload.get("summary")):
        errors.append("'payload.summary' is missing or blank")
    if errors:
        raise InvalidError(_json(400, status="invalid event", message="Change event object is invalid", errors=errors))
    return Checked(routing_key, "", CHANGE_ACCEPTED)


def _text(value: Any) -> str:
    return reading.text(value) if isinstance(value, (str, int)) else ""
