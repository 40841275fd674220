"""What does Jira say about a ticket? It keeps tickets in step and never pages.

Wire format: developer.atlassian.com "Jira webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, obj


class Jira(JsonSource):
    """Jira's webhooks."""

    kind = "jira"
    label = "Jira"
    category = "Tickets"
    about = "In Jira, System, WebHooks: add one with this URL for issues created, updated and deleted:\n{address}"
    docs = "https://developer.atlassian.com/cloud/jira/platform/webhooks/"
    sample = {
        "webhookEvent": "jira:issue_updated",
        "issue": {"key": "OPS-15", "fields": {"summary": "Replace the disk", "project": {"key": "OPS"}}},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One step of one ticket."""
        what, issue, inside = first(item, "webhookEvent"), obj(item, "issue"), obj(item, "issue.fields")
        name = first(issue, "key", "id")
        return event(
            "ticket" if issue else "none", name or what or "none", item, received, title=[inside.get("summary"), name, what, "Message of Jira"],
            service=first(inside, "project.key") or name.partition("-")[0], started=[inside.get("created"), item.get("timestamp")],
            labels={
                "action": what, "state": first(inside, "status.name"), "done": first(inside, "status.statusCategory.key"),
                "priority": first(inside, "priority.name"), "type": first(inside, "issuetype.name"), "by": first(item, "user.displayName"),
            },
        )  # fmt: skip


SOURCE = Jira()
