"""What does Argo CD say about an application: deployed, failed to sync, ill, or well again?

Wire format: argo-cd.readthedocs.io "Notifications: webhook"; the body is the template that Tocsin publishes, or the application itself.
"""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event, EventStatus
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.reading_body import body_of
from tocsin.integrations.reading_item import JsonSource, event, first, obj


class ArgoCd(JsonSource):
    """A webhook service of argocd-notifications. One body may be a change and the end of an alert at once."""

    kind = "argocd"
    label = "Argo CD"
    category = "Changes"
    about = (
        "In argocd-notifications-cm (the default method is GET: set POST), for the triggers on-deployed, on-sync-failed and on-health-degraded:\n"
        "service.webhook.tocsin: |\n  url: {address}\n  headers: [{{name: Content-Type, value: application/json}}]\n"
        "template.tocsin: |\n  webhook:\n    tocsin:\n      method: POST\n      body: |\n"
        '        {{"app": "{{{{.app.metadata.name}}}}", "project": "{{{{.app.spec.project}}}}",\n'
        '         "phase": "{{{{.app.status.operationState.phase}}}}", "health": "{{{{.app.status.health.status}}}}",\n'
        '         "sync": "{{{{.app.status.sync.status}}}}", "revision": "{{{{.app.status.sync.revision}}}}",\n'
        '         "finished_at": "{{{{.app.status.operationState.finishedAt}}}}",\n'
        '         "url": "{{{{.context.argocdUrl}}}}/applications/{{{{.app.metadata.name}}}}"}}'
    )
    docs = "https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/"
    sample = {"app": "checkout", "project": "shop", "phase": "Succeeded", "health": "Degraded", "sync": "Synced", "revision": "f95f852b"}

    def parse(self, received: Received) -> list[Event]:
        """The change, and what became of the application's two conditions: its sync and its health."""
        body = body_of(received)
        if not isinstance(body, dict):
            raise UnreadableError("a JSON object was expected, as the template sends it")
        app = obj(body, "app")
        name = first(body, "app", "app.metadata.name", "application", "metadata.name")
        status = obj(app, "status") or obj(body, "status")
        phase = first(body, "phase") or first(status, "operationState.phase")
        health, trigger = first(body, "health") or first(status, "health.status"), first(body, "trigger")
        if not name:
            raise UnreadableError('"app" is missing: nothing says which application it is')
        words = {
            "phase": phase,
            "health": health,
            "trigger": trigger,
            "message": first(body, "message") or first(status, "operationState.message"),
        }
        said = _Said(name, body, received, words)
        events = []
        if trigger in ("on-deployed", "on-sync-succeeded") or (phase == "Succeeded" and not trigger.startswith("on-health")):
            events += [said.of("change", "deployed"), said.of("resolved", "sync")]
        elif phase in ("Failed", "Error") or trigger == "on-sync-failed":
            events.append(said.of("firing", "sync"))
        if health in ("Degraded", "Missing") or trigger == "on-health-degraded":
            events.append(said.of("firing", "health"))
        elif health == "Healthy":
            events.append(said.of("resolved", "health"))
        return events or [said.of("none", "state")]


class _Said:
    """What a message says of one application."""

    def __init__(self, name: str, body: dict[str, Any], received: Received, words: dict[str, str]) -> None:
        self.name, self.body, self.received, self.words = name, body, received, words

    def of(self, status: EventStatus, about: str) -> Event:
        """The event about its sync or its health."""
        body, words = self.body, self.words
        what = {
            "deployed": "deployed", "sync": f"sync {words['phase'] or 'failed'}", "health": f"health {words['health'] or 'Degraded'}",
        }.get(about, words["phase"] or words["health"])  # fmt: skip
        revision = first(body, "revision", "app.status.sync.revision", "status.sync.revision")
        return event(
            status, f"{self.name}:{about}:{revision}" if status == "change" else f"{self.name}:{about}", body, self.received,
            title=[f"{self.name} {what}" + (f": {words['message']}" if about == "sync" and words["message"] and status == "firing" else "")],
            severity="error" if status == "firing" else None, service=self.name,
            started=[first(body, "finished_at", "app.status.operationState.finishedAt", "status.operationState.finishedAt")], link=[body.get("url")],
            labels={"app": self.name, "project": first(body, "project", "app.spec.project", "spec.project"), "revision": revision},
        )  # fmt: skip


SOURCE = ArgoCd()
