"""What does a message to the REST endpoint of VictorOps (Splunk On-Call) say?

Wire format: help.victorops.com "REST endpoint integration guide"; prometheus/alertmanager notify/victorops.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations import reading
from tocsin.integrations.reading_item import JsonSource, event, first, state, unknown_state, words

TYPES = words(firing="critical warning", acknowledged="acknowledgement", resolved="recovery", none="info")


class VictorOps(JsonSource):
    """The REST endpoint."""

    kind = "victorops"
    label = "VictorOps / Splunk On-Call (REST endpoint)"
    category = "Drop-in"
    about = "Replace the address of the REST endpoint in the client by this one; the routing key may stay at its end:\n{address}"
    docs = "https://help.victorops.com/knowledge-base/rest-endpoint-integration-guide/"
    sample = {
        "message_type": "CRITICAL",
        "entity_id": "checkout/5xx",
        "entity_display_name": "checkout: 5xx",
        "state_message": "12 % of requests fail",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One message."""
        word = first(item, "message_type")
        status = state(word, TYPES)
        text = reading.first_line(item.get("state_message"))
        return event(
            status, first(item, "entity_id"), item, received, title=[item.get("entity_display_name"), text, item.get("entity_id")], word=word,
            service=first(item, "service", "host_name", "hostname") or received.headers.get(":routing-key", ""), started=[item.get("state_start_time"), item.get("timestamp")],
            link=[item.get("alert_url"), item.get("vo_annotate.u.Runbook"), item.get("monitor_url")], runbook=item.get("vo_annotate.u.Runbook"),
            labels={name: item.get(name) for name in ("monitoring_tool", "host_name", "entity_state", "entity_id") if item.get(name)},
            error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = VictorOps()
