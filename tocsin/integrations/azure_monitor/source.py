"""What does Azure Monitor's common alert schema say? Older schemas that an action group still sends are read too.

Wire format: learn.microsoft.com "Common alert schema".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_azure import azure_event
from tocsin.integrations.reading_item import JsonSource


class AzureMonitor(JsonSource):
    """An action group's webhook with the common alert schema."""

    kind = "azure_monitor"
    label = "Azure Monitor"
    category = "Cloud"
    about = "In Azure, Monitor, Action groups: add an action of type Webhook with this URI and the common alert schema on:\n{address}"
    docs = "https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema"
    sample = {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {"essentials": {
            "originAlertId": "3f2d4487", "alertRule": "checkout 5xx", "severity": "Sev1", "monitorCondition": "Fired",
            "alertTargetIDs": ["/subscriptions/1/resourceGroups/shop/providers/Microsoft.Web/sites/checkout"],
        }},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One alert instance."""
        return azure_event(item, received)


SOURCE = AzureMonitor()
