"""What does an issue of New Relic's workflows say? The template is its owner's; lists may come as text that holds JSON.

Wire format: docs.newrelic.com "Workflows: webhook".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.newrelic_legacy.source import SOURCE as LEGACY
from tocsin.integrations.reading_body import as_json
from tocsin.integrations.reading_item import JsonSource, at, event, first, state, unknown_state, words

STATES = words(firing="created activated open opened active", acknowledged="acknowledged", resolved="closed deactivated")


class NewRelic(JsonSource):
    """A webhook destination of a workflow."""

    kind = "newrelic"
    label = "New Relic"
    about = (
        "In New Relic, Alerts, Destinations: add a Webhook with this URL, and choose it in a workflow with the default template:\n{address}"
    )
    docs = "https://docs.newrelic.com/docs/alerts/get-notified/notification-integrations/#webhook"
    sample = {"id": "8ceed342-f305-4bfa-adb8-97ba93f5dd26", "title": "checkout: error rate", "state": "ACTIVATED", "priority": "CRITICAL"}

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """The issue's state."""
        if "current_state" in item:
            return LEGACY.read(item, received)
        word = first(item, "state", "status", "issueState")
        status = state(word, STATES) if word else "firing"
        names = ("condition_name", "title", "issueTitle", "annotations.title", "alertConditionNames", "details", "alertPolicyNames")
        entities = ("impactedEntities", "entitiesData.names", "entityName")
        return event(
            status, first(item, "id", "issueId", "issue_id"), item, received, title=[_one(at(item, name)) for name in names],
            word=first(item, "priority", "severity"), service=next((found for name in entities if (found := _one(at(item, name)))), ""),
            started=[item.get("createdAt"), item.get("activatedAt")], link=[item.get("issueUrl"), item.get("issuePageUrl"), item.get("violationChartUrl")],
            runbook=_one(item.get("runbookUrl")), labels={"workflow": item.get("workflowName"), "policy": _one(item.get("alertPolicyNames"))},
            error=unknown_state(status, word),
        )  # fmt: skip


def _one(value: Any) -> str:
    """The first text of a list, of a list as text, or the text itself."""
    value = as_json(value)
    return first({"value": value}, "value.0", "value")


SOURCE = NewRelic()
