"""What does a page of Atlassian Statuspage tell its webhook subscribers about an incident or a component?

Wire format: support.atlassian.com/statuspage "Enable webhook notifications".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, unknown_state

COMPONENT: dict[str, EventStatus] = {
    "operational": "resolved", "degraded_performance": "firing", "partial_outage": "firing", "major_outage": "firing", "under_maintenance": "none",
}  # fmt: skip
COMPONENT_SEVERITY: dict[str, SourceSeverity] = {"degraded_performance": "warning", "partial_outage": "error", "major_outage": "critical"}
IMPACT: dict[str, SourceSeverity] = {"none": "info", "maintenance": "info", "minor": "warning", "major": "error", "critical": "critical"}


class StatuspageWebhook(JsonSource):
    """A webhook subscription to somebody's Statuspage."""

    kind = "statuspage_webhook"
    label = "Statuspage (a vendor's page)"
    category = "Status pages"
    about = "On the vendor's status page, Subscribe to updates, Webhook: enter this address:\n{address}"
    docs = "https://support.atlassian.com/statuspage/docs/enable-webhook-notifications/"
    sample = {
        "page": {"id": "jb7j80lkgqvb"},
        "incident": {"id": "z3lct0r596n4", "name": "Database query delays", "status": "identified", "impact": "major"},
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One incident or one component."""
        if incident := obj(item, "incident"):
            return self._incident(incident, item, received)
        update, component = obj(item, "component_update"), obj(item, "component")
        word = first(update, "new_status") or first(component, "status")
        if not word:
            return event("none", "none", item, received, title=[at(item, "page.status_description"), "Message of a status page"])
        status: EventStatus = COMPONENT.get(word, "unknown")
        return event(
            status, first(component, "id") or first(update, "component_id"), item, received, title=[component.get("name"), "Component"],
            severity=COMPONENT_SEVERITY.get(word), word=word, service=first(component, "name"),
            started=[update.get("created_at"), component.get("updated_at")], error=unknown_state(status, word),
        )  # fmt: skip

    def _incident(self, incident: dict[str, Any], item: dict[str, Any], received: Received) -> Event:
        word, impact = first(incident, "status").lower(), first(incident, "impact_override", "impact").lower()
        status: EventStatus = "firing"
        if first(incident, "scheduled_for") or impact == "maintenance":
            status = "none"
        elif word in ("resolved", "postmortem", "completed") or first(incident, "resolved_at"):
            status = "resolved"
        return event(
            status, first(incident, "id"), item, received, title=[incident.get("name")], severity=IMPACT.get(impact), word=impact,
            service=first(item, "page.name", "page.id"), started=[incident.get("started_at"), incident.get("created_at")], link=[incident.get("shortlink")],
            labels={"page": first(item, "page.id"), "state": word},
        )  # fmt: skip


SOURCE = StatuspageWebhook()
