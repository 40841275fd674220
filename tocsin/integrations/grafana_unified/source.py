"""What do the messages of Grafana's webhook contact point say? Alertmanager's form, with Grafana's own gaps.

Wire format: grafana/alerting receivers/webhook/v1. `state` and `groupKey` are not to be relied on; generatorURL may be relative.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.alertmanager.source import Alertmanager
from tocsin.integrations.grafana_legacy.source import SOURCE as LEGACY
from tocsin.integrations.grafana_oncall.source import SOURCE as ONCALL
from tocsin.integrations.reading_body import body_of
from tocsin.integrations.reading_item import first, obj


class GrafanaUnified(Alertmanager):
    """Grafana alerting since version 8."""

    kind = "grafana_unified"
    label = "Grafana"
    category = "Monitoring"
    about = "In Grafana, Alerting, Contact points: add a Webhook with this URL, method POST, and leave resolved messages on:\n{address}"
    docs = "https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/"
    sample = {
        "version": "1", "status": "firing", "orgId": 1,
        "alerts": [{
            "status": "firing", "labels": {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "More than 1 % of requests fail"}, "generatorURL": "https://grafana.example.com/alerting/1/view",
        }],
    }  # fmt: skip

    def parse(self, received: Received) -> list[Event]:
        """One event per alert; a message without alerts is one of the older alerting, or of a template of the owner's."""
        body = body_of(received)
        if isinstance(body, dict) and not isinstance(body.get("alerts"), list):
            known = LEGACY if "ruleId" in body or "evalMatches" in body or "ruleUrl" in body else ONCALL
            return known.parse(received)
        return super().parse(received)

    def _read(self, item: Any, group: dict[str, Any], received_at: datetime) -> Event:
        if isinstance(item, dict):
            item = {
                **item, "labels": {**obj(group, "commonLabels"), **obj(item, "labels")},
                "annotations": {**obj(group, "commonAnnotations"), **obj(item, "annotations")},
                "generatorURL": _absolute(first(item, "generatorURL", "panelURL", "dashboardURL"), first(group, "externalURL")),
            }  # fmt: skip
        return super()._read(item, group, received_at)


def _absolute(address: str, base: str) -> str:
    try:
        return urljoin(base, address) if address else ""
    except ValueError:
        return ""


SOURCE = GrafanaUnified()
