"""What does StatusCake's webhook say? A form: Name, Status, StatusCode, URL, Tags.

Wire format: statuscake.com/kb "Webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, joined, state, tags, unknown_state, words

STATES = words(firing="down", resolved="up", none="paused")


class StatusCake(JsonSource):
    """A contact group's webhook."""

    kind = "statuscake"
    label = "StatusCake"
    category = "Uptime"
    about = "In StatusCake, Contact groups: set the webhook URL to this address, method POST:\n{address}"
    docs = "https://www.statuscake.com/kb/knowledge-base/how-to-use-the-web-hook-url/"
    sample = {"Name": "shop", "URL": "https://shop.example.com", "Status": "Down", "StatusCode": "503", "Tags": "prod"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of a test."""
        word, name, address = first(item, "Status", "status"), first(item, "Name", "name"), first(item, "URL", "url")
        status, code = state(word, STATES), first(item, "StatusCode", "status_code")
        return event(
            status, first(item, "TestID", "ID", "id") or "|".join(part for part in (name, address) if part), item, received,
            title=[joined(name or address, f"is down ({code})" if code else "is down") if status == "firing" else name or address],
            service=name, link=[address], labels=tags(first(item, "Tags", "tags")) | {"http_status": code}, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = StatusCake()
