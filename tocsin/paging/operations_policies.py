"""How are escalation policies written? Writes escalation policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Organisation, Team, User
from tocsin.alerts.models import Service
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall.models import Schedule
from tocsin.paging.models import EscalationPolicy

MOST_STEPS = 20
MOST_TARGETS = 20
MOST_REPEATS = 10
LONGEST_WAIT = 24 * 3600


@transaction.atomic
def create_policy(
    *, name: str, team: int | None = None, steps: list[dict[str, Any]], repeats: int = 0, by: Actor, now: datetime
) -> EscalationPolicy:
    """A new policy. `steps`: [{"wait_seconds": 300, "targets": [{"kind": "schedule" or "user", "id": 3}]}]; `repeats`: extra rounds."""
    return EscalationPolicy.objects.create(name=_name(name), team=_team(team), steps=_steps(steps), repeats=_repeats(repeats))


@transaction.atomic
def change_policy(policy: EscalationPolicy, *, by: Actor, now: datetime, **changes: Any) -> EscalationPolicy:
    """Change any of name, team, steps, repeats. Escalations that run keep the steps they started with."""
    policy = EscalationPolicy.objects.select_for_update().get(pk=policy.pk)
    for field, check in (("name", _name), ("team", _team), ("steps", _steps), ("repeats", _repeats)):
        if field in changes:
            setattr(policy, field, check(changes[field]))
    policy.save()
    return policy


@transaction.atomic
def remove_policy(policy: EscalationPolicy, *, by: Actor, now: datetime) -> None:
    """Take a policy out of use; refused while services or the organisation page by it."""
    services = Service.objects.filter(Q(escalation_policy=policy) | Q(leadership_policy=policy), removed_at=None)
    in_use = [f"service {service.name}" for service in services]
    if Organisation.objects.filter(leadership_policy=policy).exists():
        in_use.append("the organisation's leadership track")
    if in_use:
        raise Refused(f"It is in use by {', '.join(in_use[:5])}.", status=409)
    EscalationPolicy.objects.filter(pk=policy.pk).update(removed_at=now)


def policy_of(id: int) -> EscalationPolicy:
    """The policy of that id that is not removed. Raises a refusal with 404."""
    found = EscalationPolicy.objects.filter(pk=id, removed_at=None).select_related("team").first()
    if not found:
        raise missing("escalation policy")
    return found


def _name(name: str) -> str:
    name = (name or "").strip()
    if not name or len(name) > 120:
        raise invalid(name="Give a name of 1 to 120 characters.")
    return name


def _team(team: int | None) -> Team | None:
    found = Team.objects.filter(pk=team, removed_at=None).first() if team is not None else None
    if team is not None and not found:
        raise invalid(team="There is no such team.")
    return found


def _repeats(repeats: int) -> int:
    if not 0 <= repeats <= MOST_REPEATS:
        raise invalid(repeats=f"Give 0 to {MOST_REPEATS} extra rounds.")
    return repeats


def _steps(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not 1 <= len(steps) <= MOST_STEPS:
        raise invalid(steps=f"A policy has 1 to {MOST_STEPS} steps.")
    read = []
    for number, step in enumerate(steps):
        wait, targets = step.get("wait_seconds", 300), step.get("targets") or []
        if not isinstance(wait, int) or not 1 <= wait <= LONGEST_WAIT:
            raise invalid(**{f"steps.{number}.wait_seconds": "Give 1 to 86400 seconds."})
        if not 1 <= len(targets) <= MOST_TARGETS:
            raise invalid(**{f"steps.{number}.targets": f"A step demands 1 to {MOST_TARGETS} targets."})
        read.append({"wait_seconds": wait, "targets": [_target(t, f"steps.{number}.targets.{i}") for i, t in enumerate(targets)]})
    return read


def _target(target: dict[str, Any], field: str) -> dict[str, Any]:
    kind, id = target.get("kind"), target.get("id")
    known = {"schedule": Schedule.objects.filter(removed_at=None), "user": User.objects.filter(is_active=True, removed_at=None)}
    if kind not in known or not isinstance(id, int):
        raise invalid(**{field: 'A target is {"kind": "schedule" or "user", "id": its number}.'})
    if not known[kind].filter(pk=id).exists():
        raise invalid(**{field: f"There is no such {'person' if kind == 'user' else kind}."})
    return {"kind": kind, "id": id}
