"""What does an event notification of Graylog say, or an alert callback of Graylog 2 and 3?

Wire format: go2docs.graylog.org "HTTP notification"; Graylog2/graylog2-server HTTPEventNotification. It never says that it is over.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.ports import Received
from tocsin.integrations import reading
from tocsin.integrations.reading_item import JsonSource, event, first, obj

PRIORITIES: dict[str, SourceSeverity] = {"1": "info", "2": "warning", "3": "error", "4": "critical"}


class Graylog(JsonSource):
    """An HTTP notification."""

    kind = "graylog"
    label = "Graylog"
    category = "Logs"
    about = (
        "In Graylog, Alerts, Notifications: add an HTTP notification with this URL; its address must be in the URL allow list:\n{address}"
    )
    docs = "https://go2docs.graylog.org/current/interacting_with_your_log_data/http_notification.html"
    sample = {
        "event_definition_id": "671a28a03696bb3801a7a9f1", "event_definition_title": "checkout 5xx",
        "event": {"message": "checkout 5xx", "source": "graylog1", "priority": 3, "key": "", "alert": True},
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        if check := obj(item, "check_result"):
            return _callback(item, check, received)
        said = obj(item, "event") or item
        definition = first(item, "event_definition_id") or first(said, "event_definition_id")
        title = [item.get("event_definition_title"), said.get("message"), item.get("event_definition_description")]
        return event(
            "firing", f"{definition}:{first(said, 'key')}" if definition else first(said, "id"), item, received, title=title,
            severity=PRIORITIES.get(first(said, "priority")), word=first(said, "priority"), service=first(said, "source"),
            started=[said.get("timestamp")], link=[said.get("replay_url"), item.get("link")],
            labels={**reading.labels(said.get("group_by_fields")), **reading.labels(said.get("fields"))},
        )  # fmt: skip


def _callback(item: dict[str, Any], check: dict[str, Any], received: Received) -> Event:
    stream, condition = obj(item, "stream"), obj(check, "triggered_condition")
    return event(
        "firing" if check.get("triggered", True) else "none", ":".join((first(stream, "id"), first(condition, "id"))), item, received,
        title=[condition.get("title"), check.get("result_description"), stream.get("title")], service=first(stream, "title"),
        started=[check.get("triggered_at")],
    )  # fmt: skip


SOURCE = Graylog()
