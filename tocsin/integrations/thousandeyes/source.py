"""What do ThousandEyes' alert notifications say?

Wire format: docs.thousandeyes.com "Webhooks", API v6 and v7.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, joined, obj, unknown_state


class ThousandEyes(JsonSource):
    """A webhook of an alert rule."""

    kind = "thousandeyes"
    label = "ThousandEyes"
    about = "In ThousandEyes, Alert rules, Notifications: add a webhook with this URL:\n{address}"
    docs = "https://docs.thousandeyes.com/product-documentation/integration-guides/custom-webhooks"
    sample = {
        "eventType": "ALERT_NOTIFICATION_TRIGGER",
        "alert": {"alertId": "5abda706", "ruleName": "Latency", "testName": "shop", "severity": "Major"},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alert."""
        alert, what = obj(item, "alert"), first(item, "eventType", "type").upper()
        status: EventStatus = (
            "resolved" if "CLEAR" in what else "firing" if "TRIGGER" in what else "none" if not alert or "TEST" in what else "unknown"
        )
        return event(
            status, first(alert, "alertId", "id"), item, received,
            title=[joined(first(alert, "ruleName", "rule.name"), first(alert, "testName", "test.name")), alert.get("ruleExpression"), what],
            word=first(alert, "severity"), service=first(alert, "testName", "test.name"),
            started=[alert.get("dateStartZoned"), alert.get("dateStart"), alert.get("startDate")], link=[alert.get("permalink")],
            labels={"type": first(alert, "type", "alertType"), "rule": first(alert, "ruleName")}, error=unknown_state(status, what),
        )  # fmt: skip


SOURCE = ThousandEyes()
