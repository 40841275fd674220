"""What does Airbrake say about an error or a deployment?

Wire format: docs.airbrake.io "Webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_item import JsonSource, event, first, joined, obj


class Airbrake(JsonSource):
    """Airbrake's webhooks."""

    kind = "airbrake"
    label = "Airbrake"
    category = "Errors"
    about = "In Airbrake, project settings, Integrations: add a webhook with this URL:\n{address}"
    docs = "https://docs.airbrake.io/docs/integrations/webhooks/"
    sample = {
        "error": {"id": "17051", "error_class": "ZeroDivisionError", "error_message": "divided by 0", "project": {"name": "checkout"}}
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One error, or one deployment."""
        if deploy := obj(item, "deploy"):
            where = first(deploy, "environment")
            return event(
                "change", "deploy:" + first(deploy, "id"), item, received, title=[f"Deployed to {where}" if where else "Deployed"],
                service=first(deploy, "project.name"), started=[deploy.get("created_at")], labels={"revision": first(deploy, "revision")},
            )  # fmt: skip
        error = obj(item, "error")
        if not error:
            raise UnreadableError('there is no "error", as Airbrake sends it')
        return event(
            "resolved" if error.get("resolved") is True else "firing", first(error, "id"), item, received,
            title=[joined(first(error, "error_class"), first(error, "error_message"))], word=first(error, "severity") or "error",
            service=first(error, "project.name"), started=[error.get("first_occurred_at"), error.get("last_occurred_at")],
            link=[item.get("airbrake_error_url"), error.get("url")],
            labels={"environment": first(error, "environment"), "file": first(error, "file"), "class": first(error, "error_class")},
        )  # fmt: skip


SOURCE = Airbrake()
