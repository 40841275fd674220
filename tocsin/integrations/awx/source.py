"""What does a job of AWX or Ansible Tower say? A run that fails fires, the next one that succeeds ends it.

Wire format: docs.ansible.com "Notifications: webhook".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, state, unknown_state, words

STATES = words(firing="failed error", resolved="successful", none="canceled running pending waiting started new approved denied timed_out")


class Awx(JsonSource):
    """A webhook notification template."""

    kind = "awx"
    label = "AWX / Ansible Tower"
    category = "Automation"
    about = "In AWX, Notification templates: add a Webhook with this target URL, and turn it on for success and failure:\n{address}"
    docs = "https://docs.ansible.com/automation-controller/latest/html/userguide/notifications.html"
    sample = {
        "id": 2722,
        "name": "Deploy checkout",
        "status": "failed",
        "friendly_name": "Job",
        "project": "shop",
        "url": "https://awx.example.com/#/jobs/2722",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One job."""
        word, name = first(item, "status"), first(item, "name")
        status = state(word, STATES) if word else "none"
        return event(
            status, f"job:{name}" if name else first(item, "id"), item, received, title=[name, item.get("friendly_name"), item.get("body"), "Job of AWX"],
            severity="error" if status == "firing" else None, service=first(item, "project"), started=[item.get("started"), item.get("created")],
            link=[item.get("url")], error=unknown_state(status, word),
            labels={"inventory": first(item, "inventory"), "playbook": first(item, "playbook"), "by": first(item, "created_by")},
        )  # fmt: skip


SOURCE = Awx()
