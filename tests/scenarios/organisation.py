"""The small organisation of the incident stories: Ana (commander), Ben (technical lead), Cy (an outsider), a service, and how they act."""

from __future__ import annotations

from datetime import timedelta

from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, Team, User
from tocsin.alerts.models import Alert, Integration, Service
from tocsin.incidents.models import Incident
from tocsin.obligations.models import Obligation
from tocsin.paging.models import ContactMethod, EscalationPolicy, NotificationRule
from tocsin.response.declare_incident import declare
from tocsin.timeline.models import Entry

MINUTE = timedelta(minutes=1)


def person(name: str, role: str = Role.RESPONDER) -> User:
    """Somebody who can be paged on screen."""
    user = User.objects.create_user(f"{name.lower()}@example.com", name=name, role=role)
    method = ContactMethod.objects.create(user=user, kind="screen", address="screen", verified_at=clock.now())
    NotificationRule.objects.create(user=user, contact_method=method, after_seconds=0)
    return user


def policy(name: str, *people: User) -> EscalationPolicy:
    """One step a person, five minutes each."""
    steps = [{"wait_seconds": 300, "targets": [{"kind": "user", "id": user.pk}]} for user in people]
    return EscalationPolicy.objects.create(name=name, steps=steps, created_at=clock.now())


class Organisation:
    """The cast and their service. `act` is the actor of a person; `tell` reads an incident's record."""

    def __init__(self) -> None:
        self.ana, self.ben, self.cy = person("Ana"), person("Ben"), person("Cy", Role.OBSERVER)
        self.lea = person("Lea")
        self.team = Team.objects.create(name="Payments", slug="payments", time_zone="Europe/Berlin", country="DE")
        self.service = Service.objects.create(
            name="checkout",
            team=self.team,
            escalation_policy=policy("Payments", self.ana, self.ben),
            leadership_policy=policy("Leadership", self.lea),
        )
        self.integration = Integration.objects.create(name="Prometheus", kind="alertmanager", key="key-1", service=self.service)

    @staticmethod
    def act(user: User) -> Actor:
        return Actor.of(user, "web")

    def alert(self, title: str = "Checkout payments failing", **fields) -> Alert:
        now = clock.now()
        values = {
            "integration": self.integration, "dedup_key": title, "service": self.service, "title": title, "source_severity": "critical",
            "severity": "SEV2", "started_at": now, "first_seen": now, "last_seen": now, "last_event_at": now,
        }  # fmt: skip
        return Alert.objects.create(**{**values, **fields})

    def declare(self, title: str = "Checkout payments failing", severity: str | None = "SEV2", **fields) -> Incident:
        fields.setdefault("service", self.service)
        fields.setdefault("incident_commander", self.ana)
        return declare(title=title, severity=severity, by=self.act(fields.pop("by", self.ana)), now=clock.now(), **fields)

    @staticmethod
    def said(incident: Incident, kind: str) -> list[str]:
        return list(Entry.objects.filter(incident_id=incident.pk, kind=kind).order_by("id").values_list("text", flat=True))

    @staticmethod
    def owed(incident: Incident, kind: str, **more) -> Obligation:
        return Obligation.objects.filter(incident_id=incident.pk, kind=kind, **more).latest("id")
