"""What do the answers of a status page's API say, posted as they are? Nothing that is an alert: they are kept for people.

Wire format: status.atlassian.com/api.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event


class StatuspageApi(JsonSource):
    """summary.json and its kin; Tocsin's own status page writes them, it does not read them."""

    kind = "statuspage_api_v2"
    label = "Statuspage API (kept, never alerts)"
    category = "Status pages"
    about = "Nothing sends this by itself; to follow a vendor's page use the kind statuspage_webhook. Bodies posted here are kept, and alert nobody:\n{address}"
    docs = "https://status.atlassian.com/api"
    sample = {"page": {"id": "jb7j80lkgqvb", "name": "Example"}, "status": {"indicator": "none", "description": "All Systems Operational"}}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """What the page says of itself."""
        title = [at(item, "status.description"), at(item, "page.name"), "Answer of a status page"]
        return event("none", "status page", item, received, title=title)


SOURCE = StatuspageApi()
