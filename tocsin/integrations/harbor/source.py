"""What does Harbor say about a scan, a push, a quota or a replication?

Wire format: goharbor.io/docs "Configure Webhook Notifications"; since 2.8 also as CloudEvents.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received
from tocsin.integrations.reading_item import JsonSource, event, first, obj, unknown_state

EVENTS: dict[str, EventStatus] = {
    "PUSH_ARTIFACT": "change", "DELETE_ARTIFACT": "change", "UPLOAD_CHART": "change", "DELETE_CHART": "change", "TAG_RETENTION": "change",
    "REPLICATION": "change", "PULL_ARTIFACT": "none", "DOWNLOAD_CHART": "none", "QUOTA_EXCEED": "firing", "QUOTA_WARNING": "firing",
    "SCANNING_FAILED": "firing", "SCANNING_STOPPED": "none", "SCANNING_COMPLETED": "firing",
}  # fmt: skip
NOTHING_FOUND = ("none", "negligible", "unknown", "")


class Harbor(JsonSource):
    """A project's webhook."""

    kind = "harbor"
    label = "Harbor"
    category = "Security"
    about = "In Harbor, project, Webhooks: add one of type http with this endpoint for scans and quotas:\n{address}"
    docs = "https://goharbor.io/docs/latest/working-with-projects/project-configuration/configure-webhooks/"
    sample = {
        "type": "SCANNING_COMPLETED",
        "event_data": {
            "resources": [{"digest": "sha256:b503", "scan_overview": {"report": {"severity": "High"}}}], "repository": {"repo_full_name": "shop/checkout"},
        },
    }  # fmt: skip

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        what = first(item, "type").upper().removeprefix("HARBOR.").replace(".", "_")
        data = obj(item, "event_data") or obj(item, "data")
        repository, resource = first(data, "repository.repo_full_name", "repository.name"), obj(data, "resources.0")
        reports = [report for report in obj(resource, "scan_overview").values() if isinstance(report, dict)]
        word = first(reports, "0.severity")
        status: EventStatus = EVENTS.get(what, "none" if what else "unknown")
        if what in ("SCANNING_COMPLETED", "SCAN_COMPLETED"):
            status = "resolved" if word.lower() in NOTHING_FOUND else "firing"
        elif what == "REPLICATION" and first(data, "replication.job_status", "replication.status").lower() == "failed":
            status = "firing"
        return event(
            status, first(resource, "digest") or f"{what}:{repository}", item, received, title=[f"{what} {repository}".strip(), what],
            word=word or {"QUOTA_EXCEED": "error", "QUOTA_WARNING": "warning"}.get(what, ""), service=repository,
            started=[item.get("occur_at"), item.get("time")], link=[resource.get("resource_url")], error=unknown_state(status, what),
            labels={"repository": repository, "tag": first(resource, "tag"), "operator": first(item, "operator"), "type": what},
        )  # fmt: skip


SOURCE = Harbor()
