"""What does an alert say that is created by Opsgenie's Alert API? The alias is its identity; the priority is P3 where none is given.

Wire format: docs.opsgenie.com/docs/alert-api; prometheus/alertmanager notify/opsgenie.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations import reading
from tocsin.integrations.reading_item import JsonSource, event, first, rows


class OpsgenieAlerts(JsonSource):
    """POST /v2/alerts."""

    kind = "opsgenie_alert_api"
    label = "Opsgenie Alert API"
    category = "Drop-in"
    about = "Point an Opsgenie client at this server and give it the key.\nAPI address: {url}/\nAPI key:     {key}"
    docs = "https://docs.opsgenie.com/docs/alert-api"
    sample = {"message": "checkout: more than 1 % of requests fail", "alias": "checkout-5xx", "priority": "P2", "entity": "checkout"}
    what = "the alert"

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """The alert that is created."""
        word = first(item, "priority") or "P3"
        tags = [tag for tag in rows(item, "tags") if isinstance(tag, str)]
        return event(
            "firing", first(item, "alias"), item, received, title=[item.get("message"), item.get("alias"), item.get("entity"), "Opsgenie alert"],
            word=word, service=first(item, "entity"),
            labels=reading.labels(item.get("details")) | {"tags": ",".join(tags), "source": item.get("source"), "entity": item.get("entity")},
        )  # fmt: skip


SOURCE = OpsgenieAlerts()
