"""What does an event of Sensu Go or Sensu Core say? Entity and check together are the identity; the status is a number.

Wire format: docs.sensu.io "Events"; sensu/sensu-go api/core/v2/event.go.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations import reading
from tocsin.integrations.reading_item import JsonSource, event, first, joined, obj


class Sensu(JsonSource):
    """An HTTP handler."""

    kind = "sensu"
    label = "Sensu"
    about = "In Sensu, add a handler that posts the event with curl, and name it in the checks:\ncurl -s -H 'Content-Type: application/json' -d @- {address}"
    docs = "https://docs.sensu.io/sensu-go/latest/observability-pipeline/observe-process/handlers/"
    sample = {
        "entity": {"metadata": {"name": "web1"}},
        "check": {"metadata": {"name": "check-http"}, "status": 2, "output": "CRITICAL: 503"},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One check of one entity."""
        check, entity = obj(item, "check"), obj(item, "entity") or obj(item, "client")
        if not check:
            return event("none", "none", item, received, title=["Metrics of Sensu"])
        host, name, number = first(entity, "metadata.name", "name", "id"), first(check, "metadata.name", "name"), first(check, "status")
        over = number == "0" or first(item, "action") == "resolve"
        severity: SourceSeverity | None = {"1": "warning", "2": "critical"}.get(number)  # type: ignore[assignment]
        return event(
            "resolved" if over else "firing", f"{host}/{name}", item, received,
            title=[joined(name, reading.first_line(check.get("output"))), f"{name} on {host}"], severity=severity, word=number, service=host,
            started=[item.get("timestamp"), check.get("executed")], runbook=first(check, "metadata.annotations.runbook", "runbook"),
            labels={**obj(entity, "metadata.labels"), **obj(check, "metadata.labels"), "entity": host, "check": name},
        )  # fmt: skip


SOURCE = Sensu()
