"""What does Dash0 say about a failed check? Labels come as OpenTelemetry writes them.

Wire format: dash0.com/documentation "Webhook notification channel".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, tags


class Dash0(JsonSource):
    """A webhook notification channel."""

    kind = "dash0"
    label = "Dash0"
    about = "In Dash0, Organization settings, Notification channels: add a webhook with this URL:\n{address}"
    docs = "https://www.dash0.com/documentation/dash0/alerting"
    sample = {"type": "alert.ongoing", "data": {"issue": {"issueIdentifier": "68207", "summary": "checkout: 5xx", "status": "critical"}}}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One issue."""
        issue, what = obj(item, "data.issue") or obj(item, "issue"), first(item, "type").lower()
        word = first(issue, "status").lower()
        if not issue or what == "test":
            return event("none", "none", item, received, title=["Test of Dash0"])
        labels = tags(issue.get("labels"))
        return event(
            "resolved" if what.endswith("resolved") or word == "resolved" else "firing", first(issue, "issueIdentifier", "id"), item, received,
            title=[issue.get("summary"), at(issue, "checkrules.0.name"), issue.get("description")], word="" if word == "resolved" else word,
            service=labels.get("service.name", ""), started=[issue.get("start")], link=[issue.get("url")],
            labels={**labels, **tags(issue.get("annotations"))},
        )  # fmt: skip


SOURCE = Dash0()
