"""What does a saved search of Splunk say, or a detector of Splunk Observability?

Wire format: docs.splunk.com "Use a webhook alert action"; help.splunk.com "Send alerts to a webhook". A saved search never says that it is over.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, obj, state, unknown_state, words

DETECTOR = words(firing="anomalous 0", resolved="ok manually_resolved stopped auto_resolved 4", none="test")


class Splunk(JsonSource):
    """The webhook alert action."""

    kind = "splunk"
    label = "Splunk"
    category = "Logs"
    about = "In Splunk, edit the alert, Add actions: Webhook with this URL:\n{address}"
    docs = "https://docs.splunk.com/Documentation/Splunk/latest/Alert/Webhooks"
    sample = {
        "search_name": "checkout 5xx",
        "app": "search",
        "result": {"host": "web1", "_raw": "503 /cart"},
        "results_link": "https://splunk.example.com/1",
    }

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One search that matched, or one detector."""
        if "incidentId" in item or "detectorId" in item:
            return _detector(item, received)
        result = obj(item, "result")
        name = first(item, "search_name")
        return event(
            "firing", name or first(item, "sid"), item, received, title=[name, result.get("_raw"), "Search of Splunk"],
            word=first(result, "severity", "urgency"), service=first(result, "service", "host"), started=[result.get("_time")],
            link=[item.get("results_link")],
            labels={"app": item.get("app"), "host": first(result, "host"), "source": first(result, "source"), "index": first(result, "index")},
        )  # fmt: skip


def _detector(item: dict[str, Any], received: Received) -> Event:
    word = first(item, "status", "statusExtended")
    status = state(word, DETECTOR)
    return event(
        status, first(item, "incidentId", "detectorId"), item, received, title=[item.get("messageTitle"), item.get("detector"), item.get("rule")],
        word=first(item, "severity"), started=[item.get("timestampISO8601"), item.get("timestamp")], link=[item.get("detectorUrl")],
        runbook=item.get("runbookUrl"), labels=item.get("dimensions"), error=unknown_state(status, word),
    )  # fmt: skip


SOURCE = Splunk()
