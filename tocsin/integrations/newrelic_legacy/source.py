"""What does the webhook channel of New Relic's older alerting say? Sent as JSON or as a form.

Wire format: docs.newrelic.com "Customize your webhook payload" (before workflows).
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_body import as_json
from tocsin.integrations.reading_item import JsonSource, event, first, state, unknown_state, words

STATES = words(firing="open", acknowledged="acknowledged", resolved="closed", none="test")


class NewRelicLegacy(JsonSource):
    """The notification channels before workflows."""

    kind = "newrelic_legacy"
    label = "New Relic (legacy channel)"
    about = "In New Relic, Alerts, Notification channels: add a webhook with this base URL:\n{address}"
    docs = "https://docs.newrelic.com/docs/alerts/"
    sample = {
        "incident_id": 1234,
        "current_state": "open",
        "condition_name": "Server down",
        "policy_name": "Golden signals",
        "severity": "CRITICAL",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """The incident's state."""
        word = first(item, "current_state", "state") or first(item, "event_type").removeprefix("INCIDENT_")
        status = state(word, STATES | {"opened": "firing"})
        targets = as_json(item.get("targets"))
        return event(
            status, first(item, "incident_id"), item, received, title=[item.get("condition_name"), item.get("details"), item.get("policy_name")],
            word=first(item, "severity"), service=first(targets, "0.name"), started=[item.get("timestamp")], link=[item.get("incident_url")],
            runbook=item.get("runbook_url"), labels={"policy": item.get("policy_name"), "condition": item.get("condition_name")},
            error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = NewRelicLegacy()
