"""How is an alert read in the form that Prometheus, Alertmanager and their kin share?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.integrations import reading


def title_of(annotations: dict[str, str], labels: dict[str, str], fallback: str) -> str:
    """The most telling short text: summary, title, message, description, the alert's name."""
    for name in ("summary", "title", "message", "description"):
        if line := reading.first_line(annotations.get(name)):
            return line
    return reading.first_line(labels.get("alertname")) or fallback


def service_of(labels: dict[str, str]) -> str:
    """The service that the labels name, by the label that most set-ups use, then the job that was scraped."""
    return labels.get("service") or labels.get("service_name") or labels.get("job") or ""


def event_of(item: dict[str, Any], received_at: datetime, *, status: str, key: str, external_url: str = "") -> Event:
    """The event that one alert object of Prometheus's form is."""
    labels, annotations = reading.labels(item.get("labels")), reading.labels(item.get("annotations"))
    word = labels.get("severity") or labels.get("priority") or ""
    started, ended = reading.time(item.get("startsAt"), received_at), reading.time(item.get("endsAt"), received_at)
    resolved = status == "resolved"
    return Event(
        "resolved" if resolved else "firing", title_of(annotations, labels, "Alert without a name"), key,
        severity=reading.severity(word), severity_word=word[:100], service=service_of(labels)[:200],
        started_at=started, occurred_at=ended if resolved else started,
        link=reading.link(item.get("generatorURL")) or reading.link(external_url), runbook=reading.link(annotations.get("runbook_url")),
        labels=labels, details={"annotations": annotations} if annotations else {},
    )  # fmt: skip
