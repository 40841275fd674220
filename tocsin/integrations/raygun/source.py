"""What does Raygun say about a group of errors? Its page is its identity.

Wire format: raygun.com/documentation "Webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, obj


class Raygun(JsonSource):
    """A webhook of Raygun."""

    kind = "raygun"
    label = "Raygun"
    category = "Errors"
    about = "In Raygun, Application settings, Integrations: add a Webhook with this URL:\n{address}"
    docs = "https://raygun.com/documentation/integrations/webhooks/"
    sample = {
        "event": "error_notification",
        "eventType": "NewErrorOccurred",
        "error": {"url": "https://app.raygun.com/1", "message": "no cart"},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One notification or one activity."""
        kind, what, error = first(item, "event"), first(item, "eventType"), obj(item, "error")
        status: EventStatus = "firing" if kind == "error_notification" or "error" in what.lower() else "none"
        if kind == "error_activity":
            said = first(error, "status", "state").lower() or first(item, "activity.status").lower()
            status = "resolved" if what == "StatusChanged" and said in ("resolved", "ignored", "permanently ignored") else "none"
        return event(
            status, first(error, "url"), item, received, title=[error.get("message"), what, "Message of Raygun"],
            severity="error" if error else None, service=first(item, "application.name"),
            started=[error.get("firstOccurredOn"), error.get("lastOccurredOn")], link=[error.get("url")],
            labels={"application": first(item, "application.name"), "event": what},
        )  # fmt: skip


SOURCE = Raygun()
