"""What does a Nagios notification say about a host or a service? Naemon, Shinken and Centreon send the same macros.

Wire format: assets.nagios.com "Standard Macros"; the names of the macros with or without NAGIOS_ before them, as JSON or as a form.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource
from tocsin.integrations.reading_nagios import notification_of


class Nagios(JsonSource):
    """A notification command that posts the macros."""

    kind = "nagios"
    label = "Nagios"
    about = (
        "In Nagios, define a command and use it as service_notification_commands (and the same with the host macros):\n"
        "curl -s --data-urlencode 'NOTIFICATIONTYPE=$NOTIFICATIONTYPE$' --data-urlencode 'HOSTNAME=$HOSTNAME$' \\\n"
        " --data-urlencode 'SERVICEDESC=$SERVICEDESC$' --data-urlencode 'SERVICESTATE=$SERVICESTATE$' \\\n"
        " --data-urlencode 'SERVICEOUTPUT=$SERVICEOUTPUT$' --data-urlencode 'TIMET=$TIMET$' {address}"
    )
    docs = "https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/notifications.html"
    sample = {"NOTIFICATIONTYPE": "PROBLEM", "HOSTNAME": "web1", "SERVICEDESC": "HTTP", "SERVICESTATE": "CRITICAL", "SERVICEOUTPUT": "503"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One notification."""
        return notification_of(item, received)


SOURCE = Nagios()
