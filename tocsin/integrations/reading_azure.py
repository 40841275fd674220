"""What do Azure Monitor's messages say, whatever schema they come in?"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import at, event, first, obj, state, unknown_state, words

STATES = words(firing="fired activated active succeeded inprogress in_progress started", resolved="resolved deactivated inactive")


def azure_event(item: dict[str, Any], received: Received) -> Event:
    """The event of one message: the common schema, or an older one."""
    if "eventType" in item and "SubscriptionValidation" in first(item, "eventType"):
        return event("handshake", "handshake", item, received, title=[item.get("eventType")], details={})
    data = obj(item, "data") or item
    if essentials := obj(data, "essentials"):
        return _common(item, essentials, obj(data, "alertContext"), received)
    context = obj(data, "context")
    if log := obj(context, "activityLog"):
        return _activity(item, data, log, received)
    return _older(item, data, context, received)


def _common(item: dict[str, Any], said: dict[str, Any], context: dict[str, Any], received: Received) -> Event:
    word = first(said, "monitorCondition")
    status = state(word, STATES)
    if status == "firing" and "resolved" in (first(context, "Status", "status").lower(), first(context, "properties.stage").lower()):
        status = "resolved"  # service health and the activity log say it in their own part only
    target = first(said, "alertTargetIDs.0", "alertTargetIds.0")
    ended = said.get("resolvedDateTime") if status == "resolved" else None
    return event(
        status, first(said, "originAlertId", "alertId"), item, received, title=[said.get("alertRule"), said.get("description")],
        word=first(said, "severity"), service=first(said, "configurationItems.0") or target.rsplit("/", 1)[-1],
        started=[said.get("firedDateTime")], occurred=[ended, said.get("firedDateTime")],
        link=[said.get("investigationLink"), at(context, "condition.allOf.0.linkToSearchResultsUI"), context.get("LinkToSearchResults")],
        labels={
            **obj(item, "data.customProperties"), "signal": first(said, "signalType"), "monitor": first(said, "monitoringService"), "target": target,
            "alert_id": first(said, "alertId"),
        },
        error=unknown_state(status, word),
    )  # fmt: skip


def _activity(item: dict[str, Any], data: dict[str, Any], log: dict[str, Any], received: Received) -> Event:
    over = "resolved" in (first(log, "properties.stage").lower(), first(log, "status").lower())
    resource = first(log, "resourceId")
    title = [at(log, "properties.title"), log.get("description"), log.get("operationName"), "Activity of Azure"]
    return event(
        "resolved" if over else "firing", first(log, "properties.trackingId", "correlationId") or resource, item, received, title=title,
        word=first(log, "level"), service=resource.rsplit("/", 1)[-1], started=[log.get("eventTimestamp"), log.get("submissionTimestamp")],
        labels={"operation": first(log, "operationName"), "by": first(log, "caller"), "target": resource, "status": first(data, "status")},
    )  # fmt: skip


def _older(item: dict[str, Any], data: dict[str, Any], context: dict[str, Any], received: Received) -> Event:
    word, number = first(data, "status") or first(item, "status"), first(context, "severity") or first(data, "Severity")
    status: EventStatus = state(word, STATES) if word else "firing"
    name = [context.get("name"), data.get("AlertRuleName"), data.get("BudgetName"), data.get("SmartDetectorRuleName"), data.get("name")]
    resource = first(context, "resourceId")
    key = first(context, "id") or next((word for value in name if (word := first({"value": value}, "value"))), "")
    return event(
        status, key, item, received, title=[*name, context.get("description"), data.get("Description"), "Alert of Azure"],
        word=f"Sev{number}" if number.isdigit() else number, service=first(context, "resourceName") or resource.rsplit("/", 1)[-1],
        started=[context.get("timestamp"), data.get("SearchIntervalStartTimeUtc")], link=[context.get("portalLink"), data.get("LinkToSearchResults")],
        labels={**obj(data, "properties"), "group": first(context, "resourceGroupName"), "region": first(context, "resourceRegion")},
        error=unknown_state(status, word),
    )  # fmt: skip
