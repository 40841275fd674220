"""What does NetBox say was changed? Always a change event.

Wire format: netboxlabs.com/docs "Webhooks".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first


class NetBox(JsonSource):
    """A webhook of NetBox."""

    kind = "netbox"
    label = "NetBox"
    category = "Changes"
    about = "In NetBox, Operations, Webhooks: add one with this URL, then an event rule for creations, updates and deletions:\n{address}"
    docs = "https://netboxlabs.com/docs/netbox/integrations/webhooks/"
    sample = {"event": "updated", "model": "device", "username": "ada", "data": {"name": "sw1", "display": "sw1"}}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One change of one object."""
        name, model = first(item, "data.display", "data.name"), first(item, "model", "object_type")
        return event(
            "change", first(item, "request_id"), item, received, title=[" ".join(w for w in (first(item, "event"), model, name) if w)],
            service=first(item, "data.name", "data.display"), started=[item.get("timestamp")], link=[at(item, "data.display_url"), at(item, "data.url")],
            labels={"by": first(item, "username", "user"), "model": model, "site": first(item, "data.site.name")},
        )  # fmt: skip


SOURCE = NetBox()
