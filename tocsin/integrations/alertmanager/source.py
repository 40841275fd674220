"""What do the messages of Alertmanager's webhook say? One event per element of `alerts`; the group around them decides nothing.

Wire format: prometheus/alertmanager notify/webhook/webhook.go, template/template.go.
Clones leave out groupKey, fingerprint, startsAt, even status.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_prometheus import event_of


class Alertmanager:
    """The webhook receiver of Alertmanager."""

    kind = "alertmanager"
    label = "Alertmanager (webhook)"
    category = "Monitoring"
    about = "In alertmanager.yml:\nreceivers:\n  - name: tocsin\n    webhook_configs:\n      - url: {address}\n        send_resolved: true"
    docs = "https://prometheus.io/docs/alerting/latest/configuration/#webhook_config"
    sample: Any = {
        "version": "4", "status": "firing",
        "alerts": [{
            "status": "firing", "labels": {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "More than 1 % of requests fail"},
        }],
    }  # fmt: skip

    def parse(self, received: Received) -> list[Event]:
        """One event per alert. Raises UnreadableError where there is no list of alerts."""
        body = reading.json_body(received)
        if isinstance(body, list):  # the API's form, posted to the webhook's address
            alerts, group = body, {}
        elif isinstance(body, dict) and isinstance(body.get("alerts"), list):
            alerts, group = body["alerts"], body
        else:
            raise UnreadableError('this is not a message of Alertmanager\'s webhook: it has no list "alerts"')
        return [self._read(item, group, received.received_at) for item in alerts]

    def _read(self, item: Any, group: dict[str, Any], received_at: datetime) -> Event:
        try:
            item = reading.checked(item, "an element of alerts")
        except UnreadableError as error:
            return reading.unreadable(error)
        labels = reading.labels(item.get("labels"))
        if not labels and not item.get("fingerprint"):
            return reading.unreadable(UnreadableError("an element of alerts has no labels and no fingerprint"))
        key = reading.key(item.get("fingerprint")) or reading.labels_key(labels)
        return event_of(
            item, received_at, status=_status(item, received_at), key=key, external_url=reading.text(group.get("externalURL"), 2001)
        )


def _status(item: dict[str, Any], received_at: datetime) -> str:
    said = reading.text(item.get("status"), 20).lower()
    if said in ("firing", "resolved"):
        return said
    ended = reading.time(item.get("endsAt"), received_at)
    return "resolved" if ended and ended <= received_at else "firing"


SOURCE = Alertmanager()
