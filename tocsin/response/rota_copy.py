"""What does the watch on another host hold? Who is on call by the steps of one policy for two days, and how to reach them; nothing secret."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count

from tocsin.accounts.models import Organisation, User
from tocsin.alerts.models import Service
from tocsin.domain import final_schedule
from tocsin.domain.escalation import POSTS, Policy, Target
from tocsin.domain.rotation import Shift
from tocsin.lib import signed_copy
from tocsin.lib.refusal import Refused
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Schedule
from tocsin.paging import people
from tocsin.paging.models import EscalationPolicy

PURPOSE = "rota"
AHEAD = timedelta(hours=48)
BEHIND = timedelta(days=8)  # a shift that runs now may have begun so long ago
NOT_FROM_THERE = ("screen", "webpush")  # they live in this installation


def signed(policy: str, now: datetime) -> dict[str, str]:
    """The rota as a text, its signature, and the key that proves it. `policy` "": the one that most services use. Raises Refused."""
    text = json.dumps(_plain(_policy(policy), now), separators=(",", ":"), ensure_ascii=False)
    return {"rota": text, "signature": signed_copy.sign(text, purpose=PURPOSE), "public_key": signed_copy.public_key(PURPOSE)}


def _policy(name: str) -> EscalationPolicy | None:
    known = EscalationPolicy.objects.filter(removed_at=None)
    if name:
        found = known.filter(name__iexact=name).first()
        if found is None:
            raise Refused(f"There is no escalation policy {name[:120]}.", status=404, code="not_found")
        return found
    used = Service.objects.filter(removed_at=None, escalation_policy__removed_at=None, escalation_policy__isnull=False)
    most = used.values("escalation_policy").annotate(count=Count("id")).order_by("-count", "escalation_policy").first()
    return known.filter(pk=most["escalation_policy"]).first() if most else known.order_by("id").first()


def _plain(policy: EscalationPolicy | None, now: datetime) -> dict[str, Any]:
    steps = [_step(step.wait_seconds, step.targets, now) for step in (Policy.from_plain({"steps": policy.steps}).steps if policy else ())]
    fallback = Organisation.objects.values_list("fallback_user", flat=True).filter(pk=1).first()
    if fallback:
        steps.append({"wait_seconds": 300, "always": [fallback], "shifts": []})
    ids = {id for step in steps for id in [*step["always"], *(shift["person"] for shift in step["shifts"])]}
    users = User.objects.filter(pk__in=ids, is_active=True, removed_at=None).order_by("id")
    return {
        "version": 1, "installation": settings.TOCSIN_URL, "policy": policy.name if policy else "", "made_at": now.isoformat(),
        "valid_until": (now + AHEAD).isoformat(), "steps": steps, "people": [_person(user) for user in users],
    }  # fmt: skip


def _step(wait_seconds: int, targets: Iterable[Target], now: datetime) -> dict[str, Any]:
    reached = [target for target in targets if target.kind not in POSTS]
    always, _ = people.find([target for target in reached if target.kind != "schedule"], {}, now)
    shifts = [_shift(shift) for target in reached if target.kind == "schedule" for shift in _shifts(target.id, now)]
    return {"wait_seconds": wait_seconds, "always": [one.user.id for one in always], "shifts": shifts}


def _shifts(schedule_id: int, now: datetime) -> list[Shift]:
    schedule = Schedule.objects.filter(pk=schedule_id, removed_at=None).first()
    if schedule is None:
        return []
    value = oncall.value(schedule, since=now - BEHIND, until=now + AHEAD)
    return [shift for shift in final_schedule.shifts(value, now - BEHIND, now + AHEAD) if shift.ends_at > now]


def _shift(shift: Shift) -> dict[str, Any]:
    return {"person": shift.user, "from": shift.starts_at.isoformat(), "until": shift.ends_at.isoformat()}


def _person(user: User) -> dict[str, Any]:
    """Addresses that are secrets stay here: the watch has them in a settings file of its own."""
    ways = [way for way in people.ways(user) if way.method.kind not in NOT_FROM_THERE and not way.method.sealed]
    methods = [{"kind": way.method.kind, "address": way.method.address, "after_seconds": way.after_seconds} for way in ways]
    return {"id": user.pk, "name": user.name or user.email, "methods": methods}
