"""What does a Thinkst Canary say that somebody touched? Nobody has business there: always critical.

Wire format: docs.canary.tools "Webhook notifications"; canarytokens.org.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first


class ThinkstCanary(JsonSource):
    """The console's generic webhook, or a free canarytoken's."""

    kind = "thinkst_canary"
    label = "Thinkst Canary"
    category = "Security"
    about = "In the Canary console, Global settings, Webhooks: add a generic webhook with this URL:\n{address}"
    docs = "https://help.canary.tools/hc/en-gb/articles/360012727777"
    sample = {
        "AlertType": "CanaryIncident",
        "Description": "SSH Login Attempt",
        "CanaryName": "db-backup",
        "SourceIP": "192.0.2.7",
        "IncidentHash": "4ef51a93",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One incident, or what the console tells about itself."""
        kind = first(item, "AlertType")
        if not kind and first(item, "manage_url", "memo"):
            return event(
                "firing", first(item, "manage_url", "memo"), item, received, title=[item.get("memo"), item.get("channel")], severity="critical",
                started=[item.get("time")], link=[item.get("manage_url")], labels={"source": first(item, "src_ip"), "channel": first(item, "channel")},
            )  # fmt: skip
        if not first(item, "Description", "Intro"):
            return event("none", "none", item, received, title=[kind, "Message of Thinkst Canary"])
        when = first(item, "Timestamp").replace("(UTC)", "UTC")
        return event(
            "firing", first(item, "IncidentHash", "IncidentKey"), item, received, title=[item.get("Description"), item.get("Intro")],
            severity="critical", word=kind, service=first(item, "CanaryName", "FlockName"), started=[when],
            labels={
                "source": item.get("SourceIP"), "canary": item.get("CanaryName"), "location": item.get("CanaryLocation"), "ip": item.get("CanaryIP"),
                "port": item.get("CanaryPort"), "type": kind,
            },
        )  # fmt: skip


SOURCE = ThinkstCanary()
