"""What does an event of Kubernetes say, posted by an event exporter or by kubewatch? Warnings fire and run out; roll-outs are changes.

Wire format: kubernetes.io core/v1 Event and events.k8s.io/v1; bitnami-labs/kubewatch webhook.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_item import JsonSource, event, first, joined, obj

KEPT_FOR = timedelta(hours=1)  # as long as Kubernetes keeps its events: a warning that does not come again is over
CHANGES = ("ScalingReplicaSet", "SuccessfulRescale", "DeploymentRollback", "RollingUpdate", "Created", "Deleted", "Updated")
OWNERS = ("Deployment", "StatefulSet", "DaemonSet", "HorizontalPodAutoscaler", "Rollout", "ConfigMap", "Secret", "Ingress", "Service")


class Kubernetes(JsonSource):
    """An exporter of events (kubernetes-event-exporter, kubewatch) with a webhook."""

    kind = "kubernetes"
    label = "Kubernetes events"
    category = "Changes"
    about = (
        "With kubernetes-event-exporter, add a receiver and a route to it:\n"
        "receivers:\n  - name: tocsin\n    webhook: {{endpoint: {address}}}\nroute: {{routes: [{{match: [{{receiver: tocsin}}]}}]}}"
    )
    docs = "https://github.com/resmoio/kubernetes-event-exporter"
    sample = {
        "kind": "Event", "type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container", "count": 12,
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "checkout-5d8f"},
    }  # fmt: skip

    def items(self, body: Any) -> list[Any]:
        """One event, or the items of a list."""
        inner = body.get("items") if isinstance(body, dict) else None
        return inner if isinstance(inner, list) else super().items(body)

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """One event."""
        if meta := obj(item, "eventmeta"):  # kubewatch
            return self._event("change", meta, first(meta, "reason"), item, received)
        about = obj(item, "involvedObject") or obj(item, "regarding")
        kind, reason = first(item, "type"), first(item, "reason")
        if not about:
            raise UnreadableError("involvedObject is missing: this is no event of Kubernetes")
        if kind == "Warning":
            return replace(self._event("firing", about, reason, item, received), ends_at=received.received_at + KEPT_FOR)
        changes = reason in CHANGES and first(about, "kind") in OWNERS
        return self._event("change" if changes else "none", about, reason, item, received)

    def _event(self, status: EventStatus, about: dict[str, Any], reason: str, item: dict[str, Any], received: Received) -> Event:
        place = "/".join(first(about, part) for part in ("kind", "namespace", "name") if first(about, part))
        text = reading.first_line(first(item, "message", "note", "text"))
        labels = {**obj(about, "labels"), **{part: first(about, part) for part in ("kind", "namespace", "name")}, "reason": reason}
        return event(
            status, f"{place}:{reason}", item, received, title=[joined(f"{place} {reason}", text)], severity="warning" if status == "firing" else None,
            word=first(item, "type"), service=labels.get("app.kubernetes.io/name", "") or labels.get("app", ""),
            started=[item.get("firstTimestamp"), item.get("eventTime"), item.get("lastTimestamp"), item.get("time")], labels=labels,
        )  # fmt: skip


SOURCE = Kubernetes()
