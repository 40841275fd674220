"""What does Better Stack say about an incident or a monitor? The times that are set decide, not the word.

Wire format: betterstack.com/docs/uptime/webhooks, API v2 and v3; the template can be edited.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, joined, obj, state, unknown_state, words
from tocsin.integrations.statuspage_webhook.source import SOURCE as STATUSPAGE

MONITOR = words(firing="down", resolved="up", none="paused pending maintenance validating")


class BetterStack(JsonSource):
    """An outgoing webhook of Better Stack (Better Uptime)."""

    kind = "betterstack"
    label = "Better Stack"
    category = "Uptime"
    about = "In Better Stack, Integrations, Outgoing webhooks: add one for incident changes with this URL:\n{address}"
    docs = "https://betterstack.com/docs/uptime/webhooks/"
    sample = {
        "data": {"id": "789012", "type": "incident", "attributes": {"name": "shop.example.com", "cause": "Timeout", "status": "Started"}}
    }
    what = "an element of data"

    def items(self, body: Any) -> list[Any]:
        """The incident, or the incidents of a list."""
        inner = body.get("data") if isinstance(body, dict) else None
        return inner if isinstance(inner, list) else [inner] if isinstance(inner, dict) else super().items(body)

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One incident."""
        if "page" in item and ("incident" in item or "component" in item):
            return STATUSPAGE.read(item, received)
        said, kind = obj(item, "attributes") or item, first(item, "type") or "incident"
        word, name, cause = first(said, "status").lower(), first(said, "name", "pronounceable_name", "url"), first(said, "cause")
        status: EventStatus = "firing"
        if kind == "monitor":
            status = state(word, MONITOR)
        elif kind != "incident":
            status = "none"
        elif first(said, "resolved_at") or word == "resolved":
            status = "resolved"
        elif first(said, "acknowledged_at") or word == "acknowledged":
            status = "acknowledged"
        number = first(item, "id", "incident_id")
        return event(
            status, number if kind == "incident" else f"{kind}:{number}", item, received, title=[joined(name, cause) if status == "firing" else name, cause],
            service=name, started=[said.get("started_at"), said.get("created_at")], link=[said.get("url"), said.get("origin_url")],
            labels={"team": first(said, "team_name")}, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = BetterStack()
