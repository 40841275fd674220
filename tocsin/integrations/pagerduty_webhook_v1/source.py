"""What does an outgoing webhook of PagerDuty (v1) say about an incident? Several messages may come in one body.

Wire format: PagerDuty's webhooks v1, retired by PagerDuty and still sent by what imitates them.
"""

from __future__ import annotations

from tocsin.integrations.pagerduty_webhook_v3.source import PagerDutyWebhookV3


class PagerDutyWebhookV1(PagerDutyWebhookV3):
    """The oldest form."""

    kind = "pagerduty_webhook_v1"
    label = "PagerDuty webhooks v1"
    about = "Enter this address as the webhook's URL:\n{address}"
    sample = {
        "messages": [{"type": "incident.trigger", "data": {"incident": {
            "id": "PX7K9J2", "status": "triggered", "trigger_summary_data": {"subject": "checkout: 5xx"}, "service": {"name": "checkout"},
        }}}],
    }  # fmt: skip


SOURCE = PagerDutyWebhookV1()
