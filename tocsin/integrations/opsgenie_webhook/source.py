"""What do Opsgenie's outgoing webhooks say: an alert was created, acknowledged, closed?

Wire format: support.atlassian.com/opsgenie "Opsgenie Edge Encryption / Webhook integration"; times in milliseconds and in nanoseconds.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_item import JsonSource, event, first, obj, rows, words

ACTIONS = words(
    firing="create unacknowledge reopen",
    acknowledged="acknowledge",
    resolved="close delete",
)


class OpsgenieWebhook(JsonSource):
    """Opsgenie's webhook integration, for the time of moving over."""

    kind = "opsgenie_webhook"
    label = "Opsgenie (webhook)"
    category = "Incident response"
    about = "In Opsgenie, add a Webhook integration with this address; let it send Create, Acknowledge and Close:\n{address}"
    docs = "https://support.atlassian.com/opsgenie/docs/integrate-opsgenie-with-webhook/"
    sample = {
        "action": "Create", "integrationName": "Webhook",
        "alert": {"alertId": "052652ac-5d1c-464a-812a-7dd18bbfba8c", "alias": "checkout-5xx", "message": "checkout: 5xx", "priority": "P2"},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """What the action did to the alert; notes, tags and owners change nothing."""
        alert, action = obj(item, "alert"), first(item, "action")
        if not alert or not action:
            raise UnreadableError("action and alert were expected, as Opsgenie's webhook sends them")
        number = first(alert, "priority")
        tags = [tag for tag in rows(alert, "tags") if isinstance(tag, str)]
        return event(
            ACTIONS.get(action.lower(), "none"), first(alert, "alias", "alertId"), item, received,
            title=[alert.get("message"), alert.get("alias"), "Opsgenie alert"], word=f"P{number}" if number.isdigit() else number,
            service=first(alert, "entity"), started=[alert.get("createdAt")], occurred=[alert.get("updatedAt"), alert.get("createdAt")],
            labels={"tags": ",".join(tags), "source": alert.get("source"), "entity": alert.get("entity"), "tiny_id": alert.get("tinyId")},
        )  # fmt: skip


SOURCE = OpsgenieWebhook()
