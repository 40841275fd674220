"""What does an incident of Google Cloud Monitoring say, posted by itself or through Pub/Sub?

Wire format: cloud.google.com/monitoring/support/notification-options, versions 1.1 and 1.2. `closed` counts, not `ended_at`.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_body import as_json
from tocsin.integrations.reading_item import JsonSource, at, event, first, obj, state, unknown_state, words

STATES = words(firing="open", resolved="closed", acknowledged="acknowledged acked")


class GoogleCloudMonitoring(JsonSource):
    """A webhook or Pub/Sub notification channel."""

    kind = "gcp_monitoring"
    label = "Google Cloud Monitoring"
    category = "Cloud"
    about = "In Google Cloud, Monitoring, Alerting, Edit notification channels: add a Webhook with this address:\n{address}"
    docs = "https://cloud.google.com/monitoring/support/notification-options#webhooks"
    sample = {
        "version": "1.2",
        "incident": {"incident_id": "0.mtdi83m6w8ao", "state": "open", "condition_name": "checkout: 5xx", "severity": "Critical"},
    }  # fmt: skip

    def items(self, body: Any) -> list[Any]:
        """The message, out of Pub/Sub's envelope where it has one."""
        packed = at(body, "message.data")
        if isinstance(packed, str):
            try:
                return [as_json(b64decode(packed).decode("utf-8", "replace"))]
            except ValueError:
                raise UnreadableError("message.data is not base64, as Pub/Sub writes it") from None
        return super().items(body)

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """The incident."""
        incident = obj(item, "incident")
        if not incident:
            raise UnreadableError('there is no "incident", as Google Cloud Monitoring sends it')
        word = first(incident, "state")
        status = state(word, STATES)
        names = ("condition_name", "policy_name", "summary", "condition.displayName")
        return event(
            status, first(incident, "incident_id"), item, received, title=[at(incident, name) for name in names],
            word=first(incident, "severity"), service=first(incident, "resource_name", "resource_display_name"),
            started=[incident.get("started_at")], occurred=[incident.get("ended_at") if status == "resolved" else incident.get("started_at")],
            link=[incident.get("url")], error=unknown_state(status, word),
            labels={
                **obj(incident, "resource.labels"), **obj(incident, "metric.labels"), **obj(incident, "policy_user_labels"),
                "project": first(incident, "scoping_project_id"), "policy": first(incident, "policy_name"),
            },
        )  # fmt: skip


SOURCE = GoogleCloudMonitoring()
