"""Who takes a role that nobody has taken, by itself? Whoever is on call in the schedule that fills it; they are paged where the severity pages."""

from __future__ import annotations

from datetime import datetime

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import User
from tocsin.domain import obligations as rules
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents.models import Incident
from tocsin.oncall import operations_roles, queries
from tocsin.oncall.models import Schedule
from tocsin.paging import operations as paging
from tocsin.response import frame
from tocsin.response.assign_role import give


def fill(incident: Incident, procedure: Procedure, *, by: Actor, now: datetime) -> None:
    """In the caller's transaction: each role that the severity demands and nobody holds. An empty schedule leaves it free, and says so."""
    free = {promise.owner_role for promise in rules.roles(procedure, incident.severity, now) if promise.owner_role}
    schedules = operations_roles.schedules_for(incident.team_id) if free else {}
    held = frame.queries.holders(incident) if schedules else {}
    for promise in rules.roles(procedure, incident.severity, now):
        role = promise.owner_role
        if role not in held and (schedule := schedules.get(role)):
            _fill(incident, procedure, role, schedule, by, now)


def _fill(incident: Incident, procedure: Procedure, role: str, schedule: Schedule, by: Actor, now: datetime) -> None:
    title = procedure.role(role).title
    shift = queries.who(schedule, now)
    user = User.objects.filter(pk=shift.user, is_active=True, removed_at=None).first() if shift else None
    if user is None or not user.may_respond:
        why = "has nobody on call" if user is None else f"has {user} on call, who cannot take a role"
        frame.tell("gap", f"{title}: the schedule {schedule.name} {why}", incident, by=SYSTEM, now=now)
        return
    give(incident, procedure, role=role, user=user, handover=f"on call in {schedule.name}", by=SYSTEM, now=now)
    if procedure.severity(incident.severity).escalation.page and user != by.user:
        paging.page_person(
            user, subject=frame.subject(incident), reason=f"incident {incident.ref} → role {title} → schedule {schedule.name} → you",
            identity=f"role:i{incident.pk}:{role}", by=SYSTEM, now=now, incident_id=incident.pk,
        )  # fmt: skip
