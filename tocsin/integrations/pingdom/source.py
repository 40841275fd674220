"""What does Pingdom's webhook say about a check or a transaction?

Wire format: pingdom.com/resources/webhooks.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, joined, state, tags, unknown_state, words

STATES = words(firing="down failing unconfirmed_down", resolved="up success", none="paused unknown")


class Pingdom(JsonSource):
    """A webhook integration."""

    kind = "pingdom"
    label = "Pingdom"
    category = "Uptime"
    about = "In Pingdom, Integrations: add a Webhook with this URL and tick it in your checks:\n{address}"
    docs = "https://www.pingdom.com/resources/webhooks/"
    sample = {"check_id": 2048467, "check_name": "shop", "current_state": "DOWN", "previous_state": "UP", "description": "DNS error"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of a check."""
        word, name, number = first(item, "current_state"), first(item, "check_name"), first(item, "check_id")
        status = state(word, STATES)
        text = first(item, "description", "long_description")
        return event(
            status, f"check:{number}" if number else name, item, received, title=[joined(name, text) if status == "firing" else name, text],
            word=first(item, "importance_level"), service=first(item, "check_params.hostname"),
            started=[item.get("state_changed_timestamp"), item.get("state_changed_utc_time")],
            link=[at(item, "check_params.full_url"), at(item, "check_params.url")],
            labels=tags(item.get("tags")) | {"type": first(item, "check_type")}, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = Pingdom()
