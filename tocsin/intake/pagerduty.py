"""What does PagerDuty's Events API demand of a request, and in which words does it answer?"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from tocsin.intake.request import Answer, Checked, InvalidError, Protocol, Request, decoded, json_answer, word
from tocsin.intake.state import integration_of, store

LARGEST_PAGERDUTY = 512 * 1024  # bytes


def refuse(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """PagerDuty says no with a status, a message and a list of errors."""
    words = {400: "invalid event", 429: "throttle exceeded", 413: "request too large"}.get(status, "unavailable")
    message = "Event object is invalid" if status == 400 else sentence
    return json_answer(status, retry_after, status=words, message=message, errors=[sentence])


PROTOCOL = Protocol(refuse, LARGEST_PAGERDUTY, 429)


class PagerDutyEvent(msgspec.Struct):
    """As much of an event as is judged before it is accepted."""

    routing_key: Any = None
    event_action: Any = None
    dedup_key: Any = None
    payload: Any = None


_EVENT: msgspec.json.Decoder[PagerDutyEvent] = msgspec.json.Decoder(PagerDutyEvent)
CHANGE_ACCEPTED = json_answer(202, status="success", message="Change event processed")


def check(body: bytes, key: str = "") -> Checked:
    """A trigger with a summary, an acknowledgement or a resolution with a dedup_key. A trigger without one is given one.

    A missing source or severity is accepted: a client does not send again what it was told is wrong, and the alert would be lost.
    """
    event: PagerDutyEvent = decoded(body, refuse, _EVENT)
    errors = []
    routing_key = word(event.routing_key) or key
    if not routing_key:
        errors.append("'routing_key' is missing or blank")
    action = word(event.event_action).lower()
    if action not in ("trigger", "acknowledge", "resolve"):
        errors.append("'event_action' is missing or is not one of: trigger, acknowledge, resolve")
    dedup_key = word(event.dedup_key)
    if len(dedup_key) > 255:
        errors.append("'dedup_key' is longer than 255 characters")
    if action in ("acknowledge", "resolve") and not dedup_key:
        errors.append(f"'dedup_key' is missing or blank (required to {action})")
    if action == "trigger" and not (
        isinstance(event.payload, dict) and (word(event.payload.get("summary")) or word(event.payload.get("source")))
    ):
        errors.append("'payload.summary' is missing or blank")
    if errors:
        raise InvalidError(json_answer(400, status="invalid event", message="Event object is invalid", errors=errors))
    made = "" if dedup_key else secrets.token_hex(16)
    accepted = json_answer(202, status="success", message="Event processed", dedup_key=dedup_key or made)
    return Checked(routing_key, made, accepted)


def check_change(body: bytes, key: str = "") -> Checked:
    """A change event with a summary."""
    event: PagerDutyEvent = decoded(body, refuse, _EVENT)
    routing_key = word(event.routing_key) or key
    errors = [] if routing_key else ["'routing_key' is missing or blank"]
    if not isinstance(event.payload, dict) or not word(event.payload.get("summary")):
        errors.append("'payload.summary' is missing or blank")
    if errors:
        raise InvalidError(json_answer(400, status="invalid event", message="Change event object is invalid", errors=errors))
    return Checked(routing_key, "", CHANGE_ACCEPTED)


async def take_event(request: Request) -> Answer:
    """Keep an event of the Events API v2."""
    return await _keep(request, check(request.body, request.key()), "pagerduty")


async def take_change(request: Request) -> Answer:
    """Keep a change event."""
    return await _keep(request, check_change(request.body, request.key()), "pagerduty_change")


async def _keep(request: Request, checked: Checked, protocol: str) -> Answer:
    integration = await integration_of(checked.key)
    if integration is None:
        return refuse("'routing_key' is not the key of an integration", 403)
    return await store(request, integration, protocol, checked)


# -- Events API v1 ------------------------------------------------------------------------------------------------------

PROTOCOL_V1 = Protocol(refuse, LARGEST_PAGERDUTY, 403)  # its rate limit is a 403, which its clients wait and repeat


class EventV1(msgspec.Struct):
    """As much of an event of the first version as is judged before it is accepted."""

    service_key: Any = None
    event_type: Any = None
    incident_key: Any = None
    description: Any = None


_EVENT_V1: msgspec.json.Decoder[EventV1] = msgspec.json.Decoder(EventV1)


async def take_v1(request: Request) -> Answer:
    """Keep an event of the Events API v1; a key that is unknown is an invalid event there, because 403 would be repeated for ever."""
    event: EventV1 = decoded(request.body, refuse, _EVENT_V1)
    key, action, given = word(event.service_key) or request.key(), word(event.event_type).lower(), word(event.incident_key)
    errors = [] if key else ["Service key can't be blank"]
    if action not in ("trigger", "acknowledge", "resolve"):
        errors.append("Event type is not one of: trigger, acknowledge, resolve")
    if len(given) > 255:
        errors.append("Incident key is longer than 255 characters")
    if action in ("acknowledge", "resolve") and not given:
        errors.append("Incident key can't be blank")
    if action == "trigger" and not word(event.description):
        errors.append("Description can't be blank")
    integration = None if errors else await integration_of(key)
    if not errors and integration is None:
        errors.append("Service key is not the key of an integration")
    if integration is None:
        return json_answer(400, status="invalid event", message="Event object is invalid", errors=errors)
    made = given or secrets.token_hex(16)
    said = json_answer(200, status="success", message="Event processed", incident_key=made)
    return await store(request, integration, "pagerduty_v1", Checked(key, "" if given else made, said))
