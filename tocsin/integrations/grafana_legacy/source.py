"""What do the messages of Grafana's older alerting say? The rule and its organisation are the identity, never the title.

Wire format: grafana/grafana v7 pkg/services/alerting/notifiers/webhook.go.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, state, tags, unknown_state, words

STATES = words(firing="alerting no_data nodata error", resolved="ok normal", none="paused pending unknown")


class GrafanaLegacy(JsonSource):
    """The webhook notifier of Grafana up to version 10."""

    kind = "grafana_legacy"
    label = "Grafana (legacy alerting)"
    about = "In Grafana, Alerting, Notification channels: add a webhook with this URL, method POST:\n{address}"
    docs = "https://grafana.com/docs/grafana/v7.5/alerting/old-alerting/notifications/#webhook"
    sample = {"ruleId": 1, "orgId": 1, "ruleName": "checkout 5xx", "state": "alerting", "title": "[Alerting] checkout 5xx", "tags": {}}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """The rule's state."""
        word, rule, org = first(item, "state"), first(item, "ruleId"), first(item, "orgId")
        status, labels = state(word, STATES) if word else "firing", tags(item.get("tags"))
        key = f"rule:{rule}" + (f"/org:{org}" if org not in ("", "0") else "") if rule else first(item, "ruleUrl", "ruleName")
        return event(
            status, key, item, received, title=[item.get("title"), item.get("ruleName"), item.get("message")],
            word=labels.get("severity") or labels.get("priority") or "", service=labels.get("service", ""), link=[item.get("ruleUrl")],
            labels=labels, error=unknown_state(status, word),
        )  # fmt: skip


SOURCE = GrafanaLegacy()
