"""What does a notification script of Checkmk say about a host or a service?

Wire format: docs.checkmk.com "Notifications": the variables NOTIFY_…, under the names that scripts give them.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource
from tocsin.integrations.reading_nagios import notification_of


class Checkmk(JsonSource):
    """A notification script that posts JSON."""

    kind = "checkmk"
    label = "Checkmk"
    about = (
        "In Checkmk, Setup, Notifications: add a rule whose script posts the notification's variables as JSON to this address.\n{address}\n"
        "Names that are read: what, notification_type, host, service, status, output, short_date_time, url."
    )
    docs = "https://docs.checkmk.com/latest/en/notifications.html"
    sample = {"what": "SERVICE", "notification_type": "PROBLEM", "host": "web1", "service": "HTTP", "status": "CRIT", "output": "503"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One notification."""
        return notification_of(item, received)


SOURCE = Checkmk()
