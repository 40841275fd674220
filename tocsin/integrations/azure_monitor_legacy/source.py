"""What do Azure's older alerts say: metric, classic, activity log, log search, budget?

Wire format: learn.microsoft.com "Non-common alert schema definitions".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_azure import azure_event
from tocsin.integrations.reading_item import JsonSource


class AzureMonitorLegacy(JsonSource):
    """An action group's webhook without the common alert schema."""

    kind = "azure_monitor_legacy"
    label = "Azure Monitor (legacy schemas)"
    category = "Cloud"
    about = "In Azure, Monitor, Action groups: add an action of type Webhook with this URI; the common schema may stay off:\n{address}"
    docs = "https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-non-common-schema-definitions"
    sample = {
        "schemaId": "AzureMonitorMetricAlert",
        "data": {"status": "Activated", "context": {"id": "/subscriptions/1/checkout", "name": "checkout 5xx", "severity": "1", "resourceName": "checkout"}},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alert."""
        return azure_event(item, received)


SOURCE = AzureMonitorLegacy()
