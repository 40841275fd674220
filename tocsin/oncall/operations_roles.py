"""Which schedule fills which role of an incident? With the other `operations` the only files that write this room's tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Team
from tocsin.lib.refusal import invalid
from tocsin.lib.statements import Read
from tocsin.oncall.models import RoleSchedule, Schedule


@transaction.atomic
def fill_from(roles: Mapping[str, int | None], *, known: Mapping[str, str], team: Team | None, by: Actor, now: datetime) -> None:
    """By which schedule each role is filled: of a team's incidents, or of all others (`team` None). None: by people. `known`: {id: title}."""
    for role, id in roles.items():
        if role not in known:
            raise invalid(roles=f"There is no role {role!r}; the procedure has {', '.join(known)}.")
        schedule = Schedule.objects.filter(pk=id, removed_at=None).first() if id is not None else None
        if id is not None and schedule is None:
            raise invalid(**{role: "There is no such schedule."})
        rows = RoleSchedule.objects.filter(role=role, team=team)
        if list(rows.values_list("schedule_id", flat=True)) == ([id] if id is not None else []):
            continue
        rows.delete()
        if schedule is not None:
            RoleSchedule.objects.create(role=role, team=team, schedule=schedule)
        whose = f" of the team {team.name}" if team else ""
        said = f"{known[role]}{whose} is filled from {schedule.name if schedule else 'nobody: people take it'}"
        audit("role.schedule", "schedule", id or "", said, by=by, now=now, role=role)


FILLING = Read(
    "SELECT {s}, r.role FROM oncall_roleschedule r JOIN oncall_schedule s ON s.id = r.schedule_id AND s.removed_at IS NULL"
    " WHERE r.team_id IS NULL OR r.team_id = %s ORDER BY r.team_id IS NOT NULL, r.id DESC",
    s=Schedule,
)


def schedules_for(team_id: int | None) -> dict[str, Schedule]:
    """The schedules that fill roles: the team's own, else everybody's. A role that is not named is taken by people."""
    return {role: schedule for schedule, role in FILLING.all(team_id)}
