"""What do Freshping's webhooks say? Insping, its forerunner, sent the same.

Wire format: support.freshping.io "Webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, joined, obj, state, unknown_state, words

STATES = words(
    firing="reporting_error not_responding down unreachable performance_degraded", resolved="available up", none="paused restarted unknown"
)


class Freshping(JsonSource):
    """A webhook of Freshping."""

    kind = "freshping"
    label = "Freshping"
    category = "Uptime"
    about = "In Freshping, Settings, Integrations: add a Webhook of type JSON (simplified) with this callback URL:\n{address}"
    docs = "https://support.freshping.io/"
    sample = {
        "webhook_type": "AL",
        "webhook_event_data": {"check_id": 585767, "check_name": "shop", "check_state_name": "Not Responding", "request_url": "https://shop.example.com"},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of a check."""
        data = obj(item, "webhook_event_data")
        if not data:
            return event("none", "none", item, received, title=[item.get("text"), f"Message of {self.label}"])
        word, number = first(data, "check_state_name"), first(data, "check_id")
        status = state(word, STATES)
        name = first(data, "check_name", "request_url")
        return event(
            status, f"check:{number}" if number else name, item, received, title=[joined(name, word) if status == "firing" else name],
            severity="warning" if "degraded" in word.lower() else None, service=first(data, "application_name"),
            started=[data.get("request_start_time"), item.get("webhook_event_created_on")], link=[data.get("request_url")],
            labels={"http_status": data.get("http_status_code")}, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = Freshping()
