"""What does Site24x7's webhook say? Names in capitals, as JSON or as a form.

Wire format: site24x7.com/help/third-party-integrations/webhooks.html.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, joined, state, unknown_state, words

STATES = words(firing="down trouble critical configuration_error", resolved="up", none="suspended maintenance discovery test")
SEVERITIES: dict[str, SourceSeverity] = {"down": "critical", "critical": "error", "trouble": "warning", "configuration error": "warning"}


class Site24x7(JsonSource):
    """A webhook of Site24x7."""

    kind = "site24x7"
    label = "Site24x7"
    category = "Uptime"
    about = "In Site24x7, Admin, Third-party integrations: add a Webhook with this hook URL, method POST, and send the incident parameters:\n{address}"
    docs = "https://www.site24x7.com/help/third-party-integrations/webhooks.html"
    sample = {"MONITORNAME": "shop", "MONITORURL": "https://shop.example.com", "STATUS": "DOWN", "INCIDENT_REASON": "Internal Server Error"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of a monitor."""
        item = {name.upper(): value for name, value in item.items()}
        word, name = first(item, "STATUS"), first(item, "MONITORNAME", "MONITOR_NAME")
        status, reason = state(word, STATES), first(item, "INCIDENT_REASON", "REASON")
        return event(
            status, first(item, "MONITOR_ID", "MONITORURL") or name, item, received,
            title=[joined(name, reason) if status == "firing" else name, reason], severity=SEVERITIES.get(word.lower()), word=word, service=name,
            started=[item.get("OUTAGE_TIME_UNIX_FORMAT"), item.get("INCIDENT_TIME_ISO")],
            link=[item.get("MONITOR_DASHBOARD_LINK"), item.get("RCA_LINK"), item.get("MONITORURL")],
            labels={"type": first(item, "MONITORTYPE"), "group": first(item, "MONITOR_GROUPNAME")}, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = Site24x7()
