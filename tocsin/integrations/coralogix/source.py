"""What do Coralogix's alerts say, in the flat form or in the webhook's own template?

Wire format: coralogix.com/docs "Alert webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, rows, state, unknown_state, words

STATES = words(firing="trigger triggered", resolved="resolve resolved", acknowledged="acknowledged", none="test")


class Coralogix(JsonSource):
    """An outbound webhook."""

    kind = "coralogix"
    label = "Coralogix"
    about = "In Coralogix, Data flow, Outbound webhooks: add a generic webhook with this URL, method POST:\n{address}"
    docs = "https://coralogix.com/docs/user-guides/alerting/outbound-webhooks/generic-outbound-webhooks-alert-webhooks/"
    sample = {
        "alert_id": "alert-001",
        "alert_name": "High error rate",
        "alert_action": "trigger",
        "alert_severity": "Critical",
        "application": "checkout",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alert."""
        given = [row for row in rows(item, "fields") if isinstance(row, dict)]
        item = {**{first(row, "key"): row.get("value") for row in given}, **item}
        word = first(item, "alert_action", "action")
        status = state(word, STATES) if word else "firing"
        return event(
            status, first(item, "alert_id", "alert.id", "uuid"), item, received,
            title=[item.get("alert_name"), at(item, "alert.name"), item.get("name"), item.get("description")],
            word=first(item, "alert_severity", "severity"), service=first(item, "application", "subsystem"), started=[item.get("timestamp")],
            link=[item.get("alert_url"), item.get("alertUrl")], error=unknown_state(status, word),
            labels={name: item.get(name) for name in ("application", "subsystem", "computer", "ip_address", "alert_type", "team_name")},
        )  # fmt: skip


SOURCE = Coralogix()
