"""What does Grafana OnCall's formatted webhook say?

Wire format: grafana/oncall engine/config_integrations/formatted_webhook.py.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, state, tags, unknown_state, words

STATES = words(firing="alerting firing", resolved="ok resolved", acknowledged="acknowledged", none="silenced paused")


class GrafanaOnCall(JsonSource):
    """Whatever was set up against OnCall's formatted webhook; the address is all that changes."""

    kind = "grafana_oncall"
    label = "Grafana OnCall (formatted webhook)"
    category = "Incident response"
    about = "Replace the address of the OnCall integration by this one; the body stays as it is:\n{address}"
    docs = "https://grafana.com/docs/oncall/latest/integrations/webhook/"
    sample = {"alert_uid": "08d6891a-835c-e661-39fa-96b6a9e26552", "title": "The whole system is down", "state": "alerting"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One message."""
        word = first(item, "state", "status")
        status = state(word, STATES) if word else "firing"
        return event(
            status, first(item, "alert_uid"), item, received, title=[item.get("title"), item.get("message")],
            word=first(item, "severity", "priority"), service=first(item, "service"), link=[item.get("link_to_upstream_details")],
            labels=tags(item.get("labels")), error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = GrafanaOnCall()
