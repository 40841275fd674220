"""One morning at Larkfield, as rows: card payments fail, a SEV1 runs, two more incidents are open, and alerts wait to be triaged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin import clock
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import Membership, Organisation, Role, Team, User
from tocsin.alerts.models import Alert, Integration, RawEvent, Service
from tocsin.incidents.models import Incident
from tocsin.obligations import operations as obligations
from tocsin.oncall import operations as oncall
from tocsin.paging import operations as paging
from tocsin.paging.models import ContactMethod, EscalationPolicy
from tocsin.response.acknowledge import acknowledge_alert
from tocsin.response.assign_role import assign_role
from tocsin.response.declare_incident import declare
from tocsin.response.mitigate import propose
from tocsin.response.post_message import give_task, post_message
from tocsin.response.post_update import post_update
from tocsin.response.verify_alert import verify_alert
from tocsin.statuspage import operations as statuspage


@dataclass
class Larkfield:
    """The people and things of the story."""

    ana: User
    ben: User
    cy: User
    service: Service
    integration: Integration
    alert: Alert
    loose: Alert
    incident: Incident
    raw: RawEvent
    policy: EscalationPolicy


def person(name: str, role: str = Role.RESPONDER) -> User:
    user = User.objects.create_user(f"{name.split()[0].lower()}@larkfield.example", "a long enough password", name=name, role=role)
    ContactMethod.objects.create(user=user, kind="screen", address=str(user.pk), verified_at=clock.now())
    return user


def alert(integration: Integration, service: Service, title: str, *, severity: str, now: datetime, raw: RawEvent, **fields) -> Alert:
    row = Alert.objects.create(
        integration=integration, service=service, dedup_key=title, title=title, source_severity="critical", severity=severity, labels={"region": "eu"},
        severity_reason="critical is SEV2; the service is critical: one step up", trace=[f"Integration {integration.name}: service {service.name}"],
        started_at=now, first_seen=now, last_seen=now, last_event_at=now, first_raw_event=raw, last_raw_event=raw, **fields,
    )  # fmt: skip
    obligations.promise(
        "acknowledge", f"{severity}.response", "Immediate (within 5 minutes)", started_at=now, due_at=now + timedelta(minutes=5),
        warn_at=now + timedelta(minutes=3.5), severity=severity, alert_id=row.pk,
    )  # fmt: skip
    paging.start(
        policy=service.escalation_policy, track="on_call", alert=row, reason="A new alert", by=SYSTEM, now=now,
        subject={"title": title, "severity": severity, "service": service.name, "team_id": service.team_id, "link": f"/alerts/{row.pk}/"},
    )  # fmt: skip
    return row


def build() -> Larkfield:
    """Everything, written through the verbs."""
    now = clock.now()
    Organisation.objects.filter(pk=1).update(name="Larkfield")
    ana, ben, cy = person("Ana Alder", Role.ADMINISTRATOR), person("Ben Birch"), person("Cy Cole", Role.OBSERVER)
    team = Team.objects.create(name="Payments", slug="payments")
    for one in (ana, ben):
        Membership.objects.create(team=team, user=one)
    rotations = [{"name": "primary", "participants": [ana.pk, ben.pk], "starts_at": "2026-01-05T09:00:00", "shift": {"days": 7}}]
    schedule = oncall.create_schedule(name="Payments primary", time_zone="Europe/Berlin", rotations=rotations, by=SYSTEM, now=now)
    targets = [{"kind": "schedule", "id": schedule.pk}]
    steps = [{"wait_seconds": 300, "targets": targets}, {"wait_seconds": 300, "targets": [{"kind": "user", "id": ben.pk}]}]
    policy = EscalationPolicy.objects.create(name="Payments", team=team, steps=steps)
    Organisation.objects.filter(pk=1).update(leadership_policy=policy, fallback_user=ana)
    service = Service.objects.create(name="payments-api", team=team, escalation_policy=policy, critical=True)
    service.components.add(statuspage.add_component(name="Checkout", by=SYSTEM, now=now))
    integration = Integration.objects.create(name="Prometheus", kind="generic", key="k" * 32, service=service)
    raw = RawEvent.objects.create(
        integration=integration, protocol="in", content_type="application/json", body=b'{"title": "Checkout payments failing"}', received_at=now,
        state="done", outcomes=[{"alert": None, "change": "opened", "reason": "a new alert"}],
    )  # fmt: skip
    first = alert(integration, service, "Checkout payment errors 61% of requests", severity="SEV1", now=now - timedelta(minutes=4), raw=raw)
    loose = alert(integration, service, "Login check failing from Frankfurt", severity="SEV2", now=now, raw=raw)
    incident = work(first, ana, ben, now)
    declare(title="Search suggestions slow", severity="SEV3", service=service, incident_commander=ben, by=Actor.of(ben, "web"), now=now)
    return Larkfield(ana, ben, cy, service, integration, first, loose, incident, raw, policy)


def work(first: Alert, ana: User, ben: User, now: datetime) -> Incident:
    """The SEV1 in the middle of its course."""
    by, other = Actor.of(ana, "web"), Actor.of(ben, "web")
    acknowledge_alert(alert=first, by=by, now=now)
    verify_alert(alert=first, verdict="real", note="3 of 3 checkout probes fail", by=by, now=now)
    incident = declare(
        title="Checkout payments failing", severity="SEV1", impact="About 61% of card payments fail at checkout in all regions.",
        reason="Payment processing failure", alert=first, incident_commander=ana, by=by, now=now,
    )  # fmt: skip
    assign_role(incident=incident, role="technical_lead", user=ben, by=by, now=now)
    post_message(incident=incident, text="pg-payments is at 500 of 500 connections since 03:03.", by=other, now=now)
    post_message(incident=incident, text="Roll back rather than raise the connection limit.", kind="decision", by=by, now=now)
    post_update(
        incident=incident, audience="public", status="Identified", verb="experiencing", description="failed card payments at checkout",
        impact="About 4 in 10 card payments fail for shoppers in all regions.", next_update_minutes=15, by=by, now=now,
    )  # fmt: skip
    post_update(
        incident=incident, audience="internal", status="Identified", impact="All card revenue", cause="4.18.0 opens a connection per card token.",
        actions="Ben has the rollback to 4.17.3 ready.", next_steps="Close the breaker once errors are under 1%.", eta="5 minutes after the rollback",
        by=by, now=now,
    )  # fmt: skip
    rollback = incident.mitigations.order_by("position")[0]
    effect = "24 hosts restart two at a time. About 5 minutes."
    propose(incident=incident, mitigation_id=rollback.pk, effect=effect, by=other, now=now)
    give_task(incident=incident, user=ben, task="Rollback to 4.17.3", by=by, now=now)
    incident.refresh_from_db()
    return incident
