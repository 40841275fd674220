"""What do Freshstatus's webhooks say about an incident? Absent values come as the texts "None" and "False".

Wire format: support.freshstatus.io "Webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first


class Freshstatus(JsonSource):
    """A webhook of Freshstatus."""

    kind = "freshstatus"
    label = "Freshstatus"
    category = "Status pages"
    about = "In Freshstatus, Settings, Integrations: add a Webhook with this callback URL:\n{address}"
    docs = "https://support.freshstatus.io/"
    sample = {"id": "53481", "title": "Degradation of the database", "status": "Open", "event_data": {"event_type": "INCIDENT_OPEN"}}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One step of an incident; maintenance and notes change nothing."""
        what, word = first(item, "event_data.event_type").upper(), first(item, "status").lower()
        status: EventStatus = "none"
        if "MAINTENANCE" not in what and "NOTE" not in what and (what or word):
            over = any(part in what for part in ("RESOLVE", "CLOSE", "COMPLETE")) or word in ("closed", "resolved", "completed")
            status = "resolved" if over else "firing"
        return event(
            status, first(item, "incident_id", "id"), item, received, title=[item.get("title"), item.get("message"), item.get("text"), what],
            service=first(item, "affected_services"), started=[item.get("start_time"), at(item, "event_data.event_created_on")],
            link=[item.get("url")], labels={"source": item.get("source")},
        )  # fmt: skip


SOURCE = Freshstatus()
