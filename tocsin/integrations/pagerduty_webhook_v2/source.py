"""What does an outgoing webhook of PagerDuty (v2) say about an incident? Several messages may come in one body.

Wire format: PagerDuty's webhooks v2, retired by PagerDuty and still sent by extensions and by what imitates them.
"""

from __future__ import annotations

from tocsin.integrations.pagerduty_webhook_v3.source import PagerDutyWebhookV3


class PagerDutyWebhookV2(PagerDutyWebhookV3):
    """An extension of type Generic V2 Webhook."""

    kind = "pagerduty_webhook_v2"
    label = "PagerDuty webhooks v2"
    about = "In the service's extensions, add a Generic V2 Webhook with this URL:\n{address}"
    sample = {
        "messages": [
            {"event": "incident.trigger", "incident": {"id": "PRORDTY", "title": "checkout: 5xx", "status": "triggered", "urgency": "high"}}
        ]
    }


SOURCE = PagerDutyWebhookV2()
