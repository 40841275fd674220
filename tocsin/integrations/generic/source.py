"""What does unknown JSON say? Sensible guesses by what such fields are called everywhere; a list holds one event per element."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading

TITLES = ("title", "summary", "subject", "name", "alert_name", "alertname", "rule_name", "message", "description", "text", "event")
KEYS = ("dedup_key", "key", "alert_uid", "fingerprint", "alias", "incident_key", "alert_id", "event_id", "uid", "id")
SEVERITIES = ("severity", "priority", "level", "urgency", "alert_severity", "criticality")
STATES = ("status", "state", "event_action", "action", "alert_status", "event_type", "resolved")
STARTS = ("started_at", "startsAt", "starts_at", "start_time", "timestamp", "time", "date", "created_at", "occurred_at", "event_time")
LINKS = ("link", "url", "link_to_upstream_details", "alert_url", "permalink", "html_url", "web_url", "details_url", "generatorURL")
SERVICES = ("service", "service_name", "application", "app", "component", "host", "hostname", "source")
RUNBOOKS = ("runbook", "runbook_url")

_STATE_WORDS: dict[EventStatus, str] = {
    "resolved": "resolved resolve ok okay closed close recovered recovery up healthy normal cleared clear success inactive fixed true",
    "acknowledged": "acknowledged acknowledge ack acked",
    "firing": "firing trigger triggered alerting alert open opened active problem down critical error warning failed failure false new",
}
STATUSES: dict[str, EventStatus] = {word: status for status, words in _STATE_WORDS.items() for word in words.split()}


class Generic:
    """Any JSON."""

    kind = "generic"
    label = "Any JSON"

    def parse(self, received: Received) -> list[Event]:
        """One event per object. Raises UnreadableError for what is neither an object nor a list of objects."""
        body = reading.json_body(received)
        items = body if isinstance(body, list) else [body]
        if not items or not all(isinstance(item, dict) for item in items[:1]):
            raise UnreadableError("a JSON object, or a list of objects, was expected")
        return [self._read(item, received.received_at) for item in items]

    def _read(self, item: Any, received_at: datetime) -> Event:
        try:
            item = reading.checked(item, "an element of the list")
        except UnreadableError as error:
            return reading.unreadable(error)
        title_field = _found(item, TITLES)
        title = reading.first_line(item.get(title_field)) if title_field else ""
        status, state_word = _status(item)
        word = next((reading.text(item[name], 100) for name in SEVERITIES if reading.text(item.get(name))), "")
        at = next((moment for name in STARTS if (moment := reading.time(item.get(name), received_at))), None)
        if status == "unknown":
            return Event(
                "unknown", title or "Event without a title", _key(item, title), error=f"the state {state_word[:60]!r} is not known"
            )
        return Event(
            status, title or "Event without a title", _key(item, title), severity=reading.severity(word), severity_word=word,
            service=next((reading.text(item[name], 200) for name in SERVICES if reading.text(item.get(name))), ""),
            started_at=at, occurred_at=None,
            link=next((found for name in LINKS if (found := reading.link(item.get(name)))), ""),
            runbook=next((found for name in RUNBOOKS if (found := reading.link(item.get(name)))), ""),
            labels=_labels(item), details=reading.plain(item),
        )  # fmt: skip


def _found(item: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if reading.text(item.get(name))), "")


def _status(item: dict[str, Any]) -> tuple[EventStatus, str]:
    said = ""
    for name in STATES:
        word = reading.text(item.get(name), 60).lower().strip()
        if not word:
            continue
        if name != "resolved" and word in ("true", "false"):
            continue
        if word in STATUSES:
            return STATUSES[word], word
        said = said or word
    # A word nobody knows is not silently dropped, and not paged for as if it were a problem; no word at all is a problem report.
    return ("unknown", said) if said and "status" in item and reading.text(item["status"]) else ("firing", said)


def _key(item: dict[str, Any], title: str) -> str:
    if name := _found(item, KEYS):
        return reading.key(item[name])
    if title:
        return reading.key("title:" + title)
    return "body:" + hashlib.sha256(msgspec.json.encode(item, order="deterministic")).hexdigest()[:40]


def _labels(item: dict[str, Any]) -> dict[str, str]:
    for name in ("labels", "tags"):
        if isinstance(item.get(name), dict):
            return reading.labels(item[name])
        if isinstance(item.get(name), list):
            pairs = [reading.text(tag, 400).partition(":") for tag in item[name] if isinstance(tag, str)]
            return reading.labels({before: after or "true" for before, _, after in pairs})
    return {}


SOURCE = Generic()
