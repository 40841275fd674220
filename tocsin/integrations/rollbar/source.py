"""What does Rollbar say about an item or a deployment? Levels are numbers or words.

Wire format: docs.rollbar.com/docs/webhooks.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, state, unknown_state, words

EVENTS = words(
    firing="new_item occurrence exp_repeat_item item_velocity reactivated_item reopened_item", resolved="resolved_item", change="deploy",
    none="test snoozed_item muted_item",
)  # fmt: skip
LEVELS: dict[str, SourceSeverity] = {"50": "critical", "40": "error", "30": "warning", "20": "info", "10": "info"}


class Rollbar(JsonSource):
    """A webhook of Rollbar."""

    kind = "rollbar"
    label = "Rollbar"
    category = "Errors"
    about = "In Rollbar, project settings, Notifications: add a Webhook with this URL:\n{address}"
    docs = "https://docs.rollbar.com/docs/webhooks"
    sample = {
        "event_name": "new_item",
        "data": {"item": {"id": 496445267, "title": "TypeError: no cart", "level": 40, "environment": "production"}},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event of an item."""
        what, data, said = first(item, "event_name"), obj(item, "data"), obj(item, "data.item")
        status = state(what, EVENTS)
        if deploy := obj(data, "deploy"):
            return event(
                "change", "deploy:" + first(deploy, "id"), item, received, title=[deploy.get("comment"), f"Deployed to {first(deploy, 'environment')}"],
                started=[deploy.get("start_time")], labels={"environment": first(deploy, "environment"), "revision": first(deploy, "revision")},
            )  # fmt: skip
        level, number = first(said, "level") or first(data, "occurrence.level"), first(said, "id")
        began = "last_activated_timestamp" if what in ("reactivated_item", "reopened_item") else "first_occurrence_timestamp"
        return event(
            status, f"item:{number}" if number else first(said, "hash"), item, received, title=[said.get("title"), data.get("message"), what],
            severity=LEVELS.get(level), word=level, started=[said.get(began), at(data, "occurrence.timestamp")],
            link=[data.get("url"), said.get("url")], error=unknown_state(status, what),
            labels={"environment": first(said, "environment"), "project": first(said, "project_id"), "counter": first(said, "counter")},
        )  # fmt: skip


SOURCE = Rollbar()
