"""Where is a person or a schedule named, so that taking them away would leave a hole?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tocsin.accounts.models import User
from tocsin.incidents.models import Incident, RoleAssignment
from tocsin.oncall.models import RoleSchedule, Schedule
from tocsin.paging.models import EscalationPolicy


def of_person(user: User) -> list[str]:
    """The schedules, policies and roles of open incidents that name somebody, in words."""
    rotas = Schedule.objects.filter(removed_at=None, rotations__participants=user).distinct().order_by("name")
    held = RoleAssignment.objects.filter(user=user, ended_at=None).exclude(incident__status=Incident.Status.CLOSED)
    roles = held.select_related("incident").order_by("incident_id", "role")
    return [
        *(f"schedule {one.name}" for one in rotas),
        *(f"policy {one.name}" for one in naming({"user"}, user.pk)),
        *(f"role {one.role.replace('_', ' ')} of {one.incident.ref}" for one in roles),
    ]


def of_schedule(schedule: Schedule) -> list[str]:
    """The policies and incident roles that a schedule serves, in words."""
    roles = RoleSchedule.objects.filter(schedule=schedule).order_by("role")
    policies = naming({"schedule", "schedule_people"}, schedule.pk)
    return [f"policy {one.name}" for one in policies] + [f"role {one.role.replace('_', ' ')}" for one in roles]


def naming(kinds: Iterable[str], id: int) -> list[EscalationPolicy]:
    """The policies of which a step, in whatever track, names that target."""
    wanted = [{"kind": kind, "id": id} for kind in kinds]
    found = EscalationPolicy.objects.filter(removed_at=None).order_by("name")
    return [one for one in found if any(target_of(target) in wanted for target in targets(one))]


def targets(policy: EscalationPolicy) -> list[dict[str, Any]]:
    """Every target of a policy, of its own steps and of its tracks."""
    return [target for track in [{"steps": policy.steps}, *policy.tracks] for step in track["steps"] for target in step["targets"]]


def target_of(target: dict[str, Any]) -> dict[str, Any]:
    """A target without what does not name it."""
    return {"kind": target["kind"], "id": target.get("id")}
