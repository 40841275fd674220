"""What do Checkly's alert webhooks say?

Wire format: checklyhq.com/docs "Webhooks": the template's names, lower-case in the default one.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, joined, unknown_state

CLOSING = ("ALERT_RECOVERY", "ALERT_DEGRADED_RECOVERY")


class Checkly(JsonSource):
    """A webhook alert channel."""

    kind = "checkly"
    label = "Checkly"
    category = "Uptime"
    about = (
        "In Checkly, Alert settings: add a Webhook channel, POST, with this URL and the default payload, and send recovery too:\n{address}"
    )
    docs = "https://www.checklyhq.com/docs/alerting-and-retries/webhooks/"
    sample = {
        "event": "shop has failed",
        "alert_type": "ALERT_FAILURE",
        "check_name": "shop",
        "check_id": "927a2982-1007-4b81-b383-eae8bf717e61",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of a check."""
        item = {name.lower(): value for name, value in item.items()}
        word, name, text = (
            first(item, "alert_type").upper(),
            first(item, "check_name"),
            first(item, "check_error_message", "event", "alert_title", "title"),
        )
        certificate = "SSL" in word
        status: EventStatus = "resolved" if word in CLOSING else "firing" if word.startswith("ALERT_") else "unknown"
        key = first(item, "check_id") or name
        return event(
            status, f"certificate:{key}" if certificate else key, item, received, title=[joined(name, text) if status == "firing" else name, text],
            severity="warning" if certificate or ("DEGRADED" in word and not word.endswith("FAILURE")) else None, word=word, service=name,
            started=[item.get("started_at")], link=[item.get("link"), item.get("result_link")],
            labels={"type": first(item, "check_type"), "location": first(item, "run_location"), "group": first(item, "group_name")},
            error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = Checkly()
