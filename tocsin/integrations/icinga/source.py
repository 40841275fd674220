"""What does an Icinga notification say about a host or a service, by a script or by Icinga Notifications?

Wire format: icinga.com/docs "Monitoring Basics: Notification commands": host.name, service.name, notification.type and their kin.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource
from tocsin.integrations.reading_nagios import notification_of


class Icinga(JsonSource):
    """A notification command that posts its variables."""

    kind = "icinga"
    label = "Icinga"
    about = (
        "In Icinga 2, define a NotificationCommand that posts JSON to this address.\n{address}\n"
        "Names that are read: notification.type, host.name, host.state, host.output, service.name, service.state, service.output."
    )
    docs = "https://icinga.com/docs/icinga-2/latest/doc/03-monitoring-basics/#notifications"
    sample = {
        "notification.type": "PROBLEM", "host.name": "web1", "service.name": "http", "service.state": "CRITICAL", "service.output": "503",
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One notification."""
        return notification_of(item, received)


SOURCE = Icinga()
