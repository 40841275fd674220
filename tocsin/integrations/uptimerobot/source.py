"""What does UptimeRobot's webhook say, as JSON, as a form, or as a query? What it leaves between asterisks it did not know.

Wire format: uptimerobot.com "Web-Hook alert contacts".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, joined, state, unknown_state, words

TYPES = words(firing="1 3 down ssl", resolved="2 up", none="0 10 11 paused started")


class UptimeRobot(JsonSource):
    """A web-hook alert contact."""

    kind = "uptimerobot"
    label = "UptimeRobot"
    category = "Uptime"
    about = (
        "In UptimeRobot, My settings, Alert contacts: add a Web-Hook with this URL, and send as JSON:\n{address}\n"
        '{{"monitorID": "*monitorID*", "monitorURL": "*monitorURL*", "monitorFriendlyName": "*monitorFriendlyName*",\n'
        ' "alertType": "*alertType*", "alertDetails": "*alertDetails*", "alertDateTime": "*alertDateTime*"}}'
    )
    docs = "https://uptimerobot.com/integrations/webhooks-integration/"
    sample = {
        "monitorID": "779",
        "monitorURL": "https://shop.example.com",
        "monitorFriendlyName": "shop",
        "alertType": "1",
        "alertDetails": "Timeout",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of a monitor."""
        word = first(item, "alertType", "alert_type", "alertTypeFriendlyName", "alert_type_friendly_name")
        status = state(word, TYPES)
        address, name = first(item, "monitorURL", "monitor_url"), first(item, "monitorFriendlyName", "monitor_friendly_name")
        details = first(item, "alertDetails", "alert_details")
        certificate = word.lower() in ("3", "ssl")
        key = first(item, "monitorID", "monitor_id") or address or name
        return event(
            status, f"certificate:{key}" if certificate else key, item, received,
            title=[joined(name or address, details) if status == "firing" else name, details, address],
            severity="warning" if certificate else None, service=name, started=[item.get("alertDateTime"), item.get("alert_date_time")],
            link=[address], error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = UptimeRobot()
