"""What does a monitor of Axiom say? Times are written as Go prints them.

Wire format: axiom.co/docs/monitor-data/notifiers "Custom webhook".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, obj, state, unknown_state, words

STATES = words(firing="open opened triggered alert", resolved="closed close resolved", none="test")


class Axiom(JsonSource):
    """A custom webhook notifier."""

    kind = "axiom"
    label = "Axiom"
    about = "In Axiom, Monitors, Notifiers: add a custom webhook with this URL:\n{address}"
    docs = "https://axiom.co/docs/monitor-data/custom-webhook-notifier"
    sample = {"action": "Open", "event": {"monitorID": "Rxg89nIwu9WwrOsJKA", "title": "Triggered: checkout 5xx", "body": "value 12"}}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of a monitor."""
        said, word = obj(item, "event") or item, first(item, "action", "event.action")
        status = state(word, STATES) if word else "firing"
        return event(
            status, first(said, "monitorID", "monitorId"), item, received, title=[said.get("title"), said.get("name"), said.get("body")],
            word=first(said, "severity"), started=[said.get("timestamp"), said.get("queryEndTime")], link=[said.get("url")],
            error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = Axiom()
