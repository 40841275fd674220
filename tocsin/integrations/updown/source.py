"""What do updown.io's webhooks say? A list: several events may come in one body, in order.

Wire format: updown.io/api#webhooks.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, joined, obj, unknown_state

EVENTS: dict[str, EventStatus] = {
    "check.down": "firing", "check.still_down": "firing", "check.up": "resolved", "check.ssl_invalid": "firing", "check.ssl_expiration": "firing",
    "check.ssl_valid": "resolved", "check.ssl_renewed": "resolved", "check.performance_drop": "firing",
}  # fmt: skip


class Updown(JsonSource):
    """updown.io's webhooks."""

    kind = "updown"
    label = "updown.io"
    category = "Uptime"
    about = "In updown.io, Settings, Recipients: add a webhook with this URL:\n{address}"
    docs = "https://updown.io/api#webhooks"
    sample = [{"event": "check.down", "check": {"token": "ngg8", "url": "https://shop.example.com", "error": "500"}}]
    what = "an event"

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event of a check."""
        what, check = first(item, "event"), obj(item, "check")
        status: EventStatus = EVENTS.get(what, "none" if what else "unknown")
        name, text = first(check, "alias") or first(check, "url"), first(item, "description") or first(check, "error")
        about = "certificate" if ".ssl_" in what else "performance" if what == "check.performance_drop" else "check"
        return event(
            status, f"{about}:{first(check, 'token') or name}", item, received,
            title=[joined(name, text) if status == "firing" else name, what], service=name,
            severity={"certificate": "warning", "performance": "info"}.get(about),  # type: ignore[arg-type]
            started=[at(item, "downtime.started_at"), check.get("down_since"), item.get("time")], link=[check.get("url")],
            labels={"type": about}, error=unknown_state(status, what),
        )  # fmt: skip


SOURCE = Updown()
