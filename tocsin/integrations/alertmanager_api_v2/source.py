"""What do the alerts say that are posted to `/api/v2/alerts`? They expire by themselves when they are not renewed.

Wire format: prometheus/alertmanager api/v2/openapi.yaml.
Prometheus re-sends a firing alert at least every minute, its `endsAt` four intervals ahead.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_prometheus import event_of

RESOLVE_TIMEOUT = timedelta(minutes=5)  # Alertmanager's own default


class AlertmanagerApi:
    """The alerts endpoint of Alertmanager's API v2."""

    kind = "alertmanager_api_v2"
    label = "Prometheus (Alertmanager API v2)"
    category = "Monitoring"
    about = (
        "In prometheus.yml (Grafana, Loki, Mimir and vmalert have the same setting):\nalerting:\n  alertmanagers:\n    - scheme: {scheme}\n"
        '      authorization: {{ credentials: {key} }}\n      static_configs:\n        - targets: ["{host}"]'
    )
    docs = "https://prometheus.io/docs/prometheus/latest/configuration/configuration/#alertmanager_config"
    sample = (
        {
            "labels": {"alertname": "HighErrorRate", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "More than 1 % of requests fail"},
        },
    )

    def parse(self, received: Received) -> list[Event]:
        """One event per alert. Raises UnreadableError where the body is no list."""
        body = reading.json_body(received)
        if isinstance(body, dict) and isinstance(body.get("alerts"), list):
            body = body["alerts"]
        if not isinstance(body, list):
            raise UnreadableError("a JSON array of alerts was expected")
        return [self._read(item, received.received_at) for item in body]

    def _read(self, item: Any, received_at: datetime) -> Event:
        try:
            item = reading.checked(item, "an alert")
        except UnreadableError as error:
            return reading.unreadable(error)
        labels = reading.labels(item.get("labels"))
        if not labels:
            return reading.unreadable(UnreadableError("an alert has no labels"))
        ends = _ends(item, received_at)
        status = "resolved" if ends <= received_at else "firing"
        event = event_of(item, received_at, status=status, key=reading.labels_key(labels))
        return event if status == "resolved" else replace(event, ends_at=ends)


def _ends(item: dict[str, Any], received_at: datetime) -> datetime:
    # An end further ahead than a day is nobody's interval: the default applies.
    return reading.time(item.get("endsAt"), received_at) or received_at + RESOLVE_TIMEOUT


SOURCE = AlertmanagerApi()
