"""What does an alert of Librato or AppOptics say? A form whose field `payload` holds JSON, or JSON.

Wire format: librato.com/docs "Alerts: webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_item import JsonSource, event, first, obj


class Librato(JsonSource):
    """A webhook service."""

    kind = "librato"
    label = "Librato / AppOptics"
    about = "In Librato, Integrations, Webhook: add one with this URL, then choose it in the alert:\n{address}"
    docs = "https://docs.appoptics.com/kb/alerts/webhook/"
    sample = {
        "alert": {"id": 6294535, "name": "checkout.5xx", "runbook_url": "https://wiki.example.com/5xx"},
        "violations": {"web1": [{"value": 12}]},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alert, or its end."""
        alert, number = obj(item, "alert"), first(item, "alert.id")
        if not alert:
            raise UnreadableError("there is no alert, as Librato sends it")
        sources = list(obj(item, "violations"))
        over = bool(first(item, "clear")) or first(item, "status") == "resolved"
        return event(
            "resolved" if over else "firing", f"alert:{number}" if number else first(alert, "name"), item, received,
            title=[alert.get("name"), alert.get("description")], started=[item.get("trigger_time")], link=[alert.get("runbook_url")],
            word=first(alert, "severity"), runbook=alert.get("runbook_url"), labels={"source": ",".join(sources[:20])},
        )  # fmt: skip


SOURCE = Librato()
