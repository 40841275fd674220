"""What lies ahead on a schedule that would hurt, as the rows are now? For its page, the metric and the warnings alike."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from tocsin.accounts.models import User
from tocsin.domain import ahead
from tocsin.domain.final_schedule import spans
from tocsin.domain.rotation import Shift
from tocsin.oncall import absences, queries
from tocsin.oncall.models import Readiness, Schedule
from tocsin.paging import people
from tocsin.paging.models import Escalation
from tocsin.response import named_in

LOOK_AHEAD = timedelta(days=14)


def of(schedule: Schedule, now: datetime, until: datetime | None = None) -> list[ahead.Trouble]:
    """The troubles of a schedule from now until then (default: 14 days)."""
    until = until or now + LOOK_AHEAD
    final = spans(queries.value(schedule, since=now, until=until), now, until)
    holders = {span.user for span in final if isinstance(span, Shift)}
    due = {span.instead_of for span in final if isinstance(span, Shift) and span.instead_of}
    left = dict(User.objects.filter(pk__in=due).exclude(is_active=True, removed_at=None).values_list("id", "name")) if due else {}
    others = {other.name: queries.shifts(other, now, until) for other in beside(schedule)}
    found = ahead.troubles(
        final, others=others, absences=absences.of(holders, now, until), unreachable=holders - people.reachable(holders), unready=unready(holders),
        left=left,
    )  # fmt: skip
    return [one for one in found if not (schedule.gaps_meant and one.kind == ahead.Kind.GAP)]


def unready(crew: set[int]) -> set[int]:
    """Those of these people who have neither acknowledged a test page, nor any page so far, nor been let off by an administrator."""
    tried = Readiness.objects.filter(user__in=crew).exclude(acknowledged_at=None, excused_at=None).values_list("user_id", flat=True)
    answered = Escalation.objects.filter(acknowledged_by__in=crew).values_list("acknowledged_by_id", flat=True).distinct()
    left = crew - set(tried)
    return left - set(answered) if left else left


def beside(schedule: Schedule) -> list[Schedule]:
    """The schedules that should not be held by the same person at once: of the same team, or named by the same escalation policy."""
    policies = named_in.naming({"schedule"}, schedule.pk)
    ids = {target["id"] for one in policies for target in named_in.targets(one) if target["kind"] == "schedule"}
    wanted = Q(pk__in=ids) | (Q(team=schedule.team_id) if schedule.team_id else Q())
    return list(queries.active().filter(wanted).exclude(pk=schedule.pk)) if wanted and (ids or schedule.team_id) else []
