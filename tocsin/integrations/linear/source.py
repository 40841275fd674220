"""What does Linear say about an issue? It keeps tickets in step and never pages.

Wire format: linear.app/developers/webhooks.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj

TICKETS = ("Issue", "Comment", "IssueLabel", "IssueAttachment")


class Linear(JsonSource):
    """Linear's webhooks."""

    kind = "linear"
    label = "Linear"
    category = "Tickets"
    about = "In Linear, Settings, API, Webhooks: add one with this URL for issues and comments:\n{address}"
    docs = "https://linear.app/developers/webhooks"
    sample = {
        "action": "update",
        "type": "Issue",
        "data": {"id": "a4344dc7", "title": "Replace the disk", "team": {"key": "OPS"}, "state": {"type": "completed"}},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One step of one issue."""
        kind, data = first(item, "type"), obj(item, "data")
        key = first(data, "issueId", "issue.id") if kind == "Comment" else ""
        return event(
            "ticket" if kind in TICKETS else "none", key or first(data, "id") or kind, item, received,
            title=[data.get("title"), at(data, "issue.title"), data.get("body"), kind, "Message of Linear"],
            service=first(data, "team.key", "issue.team.key"), started=[data.get("createdAt"), item.get("createdAt")], link=[item.get("url"), data.get("url")],
            labels={
                "action": f"{kind} {first(item, 'action')}", "state": first(data, "state.name"), "done": first(data, "state.type"),
                "priority": first(data, "priorityLabel"), "by": first(item, "actor.name"),
            },
        )  # fmt: skip


SOURCE = Linear()
