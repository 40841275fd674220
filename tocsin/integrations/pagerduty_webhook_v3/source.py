"""What does an outgoing webhook of PagerDuty (v3) say about an incident? For the time of moving over.

Wire format: PagerDuty/developer-docs docs/webhooks.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource
from tocsin.integrations.reading_pagerduty_webhooks import message_of, messages_of


class PagerDutyWebhookV3(JsonSource):
    """A webhook subscription."""

    kind = "pagerduty_webhook_v3"
    label = "PagerDuty webhooks v3"
    category = "Incident response"
    about = "In PagerDuty, Integrations, Generic webhooks (v3): add a subscription with this URL for incident events:\n{address}"
    docs = "https://developer.pagerduty.com/docs/webhooks-overview"
    sample = {
        "event": {"event_type": "incident.triggered", "data": {
            "id": "PGR0VU2", "type": "incident", "status": "triggered", "title": "checkout: 5xx", "urgency": "high", "service": {"summary": "checkout"},
        }},
    }  # fmt: skip

    def items(self, body: Any) -> list[Any]:
        """The event, or the messages of an older version."""
        return messages_of(body)

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        return message_of(item, received)


SOURCE = PagerDutyWebhookV3()
