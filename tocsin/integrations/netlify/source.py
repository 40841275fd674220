"""What does Netlify say about a deploy? Always a change event.

Wire format: docs.netlify.com "Deploy notifications".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first


class Netlify(JsonSource):
    """An outgoing webhook of a site."""

    kind = "netlify"
    label = "Netlify"
    category = "Changes"
    about = "In Netlify, site configuration, Notifications: add an HTTP POST request for deploys with this URL:\n{address}"
    docs = "https://docs.netlify.com/site-deploys/notifications/"
    sample = {
        "id": "5b64d77c02ed83730664c2f6",
        "state": "ready",
        "name": "shop",
        "branch": "main",
        "admin_url": "https://app.netlify.com/sites/shop",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One deploy's state."""
        name, word = first(item, "name", "site_name"), first(item, "state")
        if not name and not word:
            return event("none", first(item, "id") or "none", item, received, title=["Message of Netlify"])
        return event(
            "change", first(item, "id"), item, received, title=[f"{name} deploy {word}".strip()], service=name,
            started=[item.get("created_at"), item.get("published_at")], link=[item.get("admin_url"), item.get("deploy_ssl_url"), item.get("ssl_url")],
            labels={
                "branch": first(item, "branch"), "context": first(item, "context"), "revision": first(item, "commit_ref"), "by": first(item, "committer"),
                "state": word,
            },
        )  # fmt: skip


SOURCE = Netlify()
