"""What does a saved search of Papertrail say? A form whose field `payload` holds JSON; it never says that it is over.

Wire format: papertrail.com/help/webhooks.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, rows


class Papertrail(JsonSource):
    """A webhook of a saved search."""

    kind = "papertrail"
    label = "Papertrail"
    category = "Logs"
    about = "In Papertrail, edit the saved search, Create an alert, Webhook: enter this URL:\n{address}"
    docs = "https://www.papertrail.com/help/webhooks/"
    sample = {
        "saved_search": {"id": 42, "name": "checkout 5xx", "html_search_url": "https://papertrailapp.com/searches/42"},
        "events": [{"hostname": "web1", "message": "503 /cart", "severity": "Error"}],
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """The search that matched."""
        search, found = obj(item, "saved_search"), rows(item, "events")
        if not search:
            raise UnreadableError("there is no saved_search, as Papertrail sends it")
        number = first(search, "id")
        return event(
            "firing", f"search:{number}" if number else first(search, "name"), item, received,
            title=[search.get("name"), search.get("query"), at(found, "0.message")], started=[at(found, "0.received_at")],
            link=[search.get("html_search_url"), search.get("html_edit_url")],
            labels={"query": search.get("query"), "host": first(found, "0.hostname"), "program": first(found, "0.program")},
        )  # fmt: skip


SOURCE = Papertrail()
