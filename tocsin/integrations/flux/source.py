"""What does Flux say about what it reconciles? An error fires, the next success of the same object ends it and is a change.

Wire format: fluxcd.io/flux/components/notification/providers "Generic webhook".
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_body import body_of
from tocsin.integrations.reading_item import JsonSource, event, first, obj


class Flux(JsonSource):
    """A Provider of type generic."""

    kind = "flux"
    label = "Flux"
    category = "Changes"
    about = (
        "apiVersion: notification.toolkit.fluxcd.io/v1beta3\nkind: Provider\nmetadata: {{name: tocsin, namespace: flux-system}}\n"
        "spec: {{type: generic, address: {address}}}"
    )
    docs = "https://fluxcd.io/flux/components/notification/providers/#generic-webhook"
    sample = {
        "involvedObject": {"kind": "Kustomization", "namespace": "flux-system", "name": "shop"}, "severity": "error",
        "reason": "ReconciliationFailed", "message": "timeout waiting for deployment/checkout",
    }  # fmt: skip

    def parse(self, received: Received) -> list[Event]:
        """The failure; or the change, and the end of a failure before it."""
        body = body_of(received)
        involved = obj(body, "involvedObject")
        if not isinstance(body, dict) or not first(involved, "name"):
            raise UnreadableError("involvedObject.name is missing: nothing says what is reconciled")
        if first(body, "severity") == "error":
            return [self._event("firing", body, involved, received)]
        if first(body, "reason").startswith("Progressing") or not first(body, "severity"):
            return [self._event("none", body, involved, received)]
        return [self._event("change", body, involved, received), self._event("resolved", body, involved, received)]

    def _event(self, status: EventStatus, body: dict[str, Any], involved: dict[str, Any], received: Received) -> Event:
        place = "/".join(first(involved, part) for part in ("kind", "namespace", "name") if first(involved, part))
        revision = first(body, "metadata.revision") or next(
            (v for k, v in reading.labels(body.get("metadata")).items() if k.endswith("/revision")), ""
        )
        return event(
            status, f"{place}@{revision}" if status == "change" else place, body, received,
            title=[f"{place}: {reading.first_line(body.get('message')) or first(body, 'reason')}"], severity="error" if status == "firing" else None,
            word=first(body, "severity"), service=first(involved, "name"), started=[body.get("timestamp")],
            labels={
                "kind": first(involved, "kind"), "namespace": first(involved, "namespace"), "name": first(involved, "name"),
                "reason": first(body, "reason"), "revision": revision, "cluster": first(body, "metadata.cluster"),
            },
        )  # fmt: skip


SOURCE = Flux()
