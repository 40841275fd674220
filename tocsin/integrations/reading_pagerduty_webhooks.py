"""What do PagerDuty's outgoing webhooks say, in all three versions?"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_item import at, event, first, obj, state, unknown_state, words

STATES = words(firing="triggered", acknowledged="acknowledged", resolved="resolved")


def messages_of(body: Any) -> list[Any]:
    """The messages of a body: `messages` (v1, v2), the one `event` (v3), or a list."""
    if isinstance(body, dict) and isinstance(body.get("messages"), list):
        return body["messages"]
    if isinstance(body, list):
        return body
    if isinstance(body, dict):
        return [body]
    raise UnreadableError("event or messages was expected, as PagerDuty's webhooks send them")


def message_of(item: dict[str, Any], received: Received) -> Event:
    """One message. The incident's own state counts, not the name of the event: many events leave it as it is."""
    said = obj(item, "event")  # v3; in v2 `event` is a text
    incident = obj(said, "data") or obj(item, "incident") or obj(item, "data.incident")
    what = first(said, "event_type") or first(item, "event", "type")
    when = first(said, "occurred_at") or first(item, "created_on")
    if not incident and not what:
        raise UnreadableError("event or messages was expected, as PagerDuty's webhooks send them")
    title = [incident.get("title"), at(incident, "trigger_summary_data.subject"), at(incident, "trigger_summary_data.description")]
    title += [incident.get("description"), incident.get("incident_key"), incident.get("summary"), what]
    word = first(incident, "status")
    status: EventStatus = "none"
    if first(incident, "type") in ("incident", "") and incident and not what.startswith(("service.", "pagey.")):
        status = state(word, STATES) if word else "none"
    urgency = first(incident, "urgency")
    return event(
        status, first(incident, "id"), item, received, title=title, word=first(incident, "priority.summary", "priority.name") or urgency_word(urgency),
        service=first(incident, "service.summary", "service.name") if status != "none" else "",
        started=[incident.get("created_at"), incident.get("created_on"), when], occurred=[when] if status != "none" else [],
        link=[incident.get("html_url")],
        labels={"event": what, "urgency": urgency, "policy": first(incident, "escalation_policy.summary", "escalation_policy.name")},
        error=unknown_state(status, word),
    )  # fmt: skip


def urgency_word(urgency: str) -> str:
    """A high urgency is an error, a low one a warning: without a priority PagerDuty says no more."""
    return {"high": "error", "low": "warning"}.get(urgency.lower(), "")
