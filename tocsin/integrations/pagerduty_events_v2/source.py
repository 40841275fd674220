"""What does an event of PagerDuty's Events API v2 say? trigger, acknowledge, resolve; the integration's key and `dedup_key` name the alert.

Wire format: PagerDuty/developer-docs docs/events-API-v2. Gatus sends an empty dedup_key, which means none.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_pagerduty import change_of, link_of

ACTIONS = {"trigger": "firing", "acknowledge": "acknowledged", "resolve": "resolved"}


class PagerDutyEvents:
    """The enqueue endpoint of the Events API v2."""

    kind = "pagerduty_events_v2"
    label = "PagerDuty Events API v2"
    category = "Drop-in"
    about = "In whatever pages through PagerDuty, replace the host of the events API; the key is the routing key.\nEvents host:  {url}\nRouting key:  {key}"
    docs = "https://developer.pagerduty.com/docs/events-api-v2-overview"
    sample = {
        "routing_key": "{key}", "event_action": "trigger", "dedup_key": "checkout-5xx",
        "payload": {"summary": "checkout: 5xx", "source": "web1", "severity": "critical", "component": "checkout"},
    }  # fmt: skip

    def parse(self, received: Received) -> list[Event]:
        """The one event. Raises UnreadableError where the action is none of the three."""
        body = reading.checked(reading.json_body(received), "the event")
        if "event_type" in body and "event_action" not in body:
            body = _newer(body)
        action = reading.text(body.get("event_action"), 40).lower()
        if not action and isinstance(body.get("payload"), dict):
            return [change_of(body, received.received_at)]
        if action not in ACTIONS:
            raise UnreadableError(f"event_action is {action[:40]!r}; trigger, acknowledge and resolve are known")
        return [self._read(body, ACTIONS[action], received)]

    def _read(self, body: dict[str, Any], status: Any, received: Received) -> Event:
        payload = body.get("payload") if isinstance(body.get("payload"), dict) else {}
        assert isinstance(payload, dict)
        word = reading.text(payload.get("severity"), 100)
        at = reading.time(payload.get("timestamp"), received.received_at)
        details = payload.get("custom_details")
        kept = {"custom_details": reading.plain(details)} if details not in (None, {}, "") else {}
        kept |= {name: reading.plain(body[name]) for name in ("links", "images", "client", "client_url") if body.get(name)}
        return Event(
            status, reading.first_line(payload.get("summary")) or reading.first_line(payload.get("source")) or "PagerDuty event",
            reading.key(body.get("dedup_key")) or received.dedup_key or (reading.body_key(body) if status == "firing" else ""),
            severity=reading.severity(word), severity_word=word, service=_service(payload), started_at=at, occurred_at=at,
            link=link_of(body), labels=_labels(payload), details=kept,
        )  # fmt: skip


def _newer(body: dict[str, Any]) -> dict[str, Any]:
    """An event of the first version in the words of the second; incident keys and dedup keys are one name space."""
    contexts = [item for item in body.get("contexts") or [] if isinstance(item, dict)] if isinstance(body.get("contexts"), list) else []
    return {
        "event_action": body.get("event_type"), "dedup_key": body.get("incident_key"),
        "payload": {"summary": body.get("description"), "custom_details": body.get("details")},
        "client": body.get("client"), "client_url": body.get("client_url"),
        "links": [item for item in contexts if item.get("type") != "image"], "images": [item for item in contexts if item.get("type") == "image"],
    }  # fmt: skip


def _service(payload: dict[str, Any]) -> str:
    return reading.text(payload.get("component"), 200)


def _labels(payload: dict[str, Any]) -> dict[str, str]:
    return reading.labels({name: payload.get(name) for name in ("source", "component", "group", "class")})


SOURCE = PagerDutyEvents()
