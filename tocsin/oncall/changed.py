"""How does everybody who follows a schedule hear that it changed? Its pages draw themselves anew, and the watch looks at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from tocsin.lib import due
from tocsin.oncall.models import Schedule
from tocsin.timeline.operations import announce

LOOP_NAME = "schedules"


def changed(schedule_id: int, now: datetime, *topics: str) -> None:
    """One schedule says something else from now on."""
    Schedule.objects.filter(pk=schedule_id).update(watch_at=now)
    announce(f"schedule:{schedule_id}", *topics)
    due.wake(LOOP_NAME)


def changed_for(people: Iterable[int], now: datetime) -> None:
    """Something about those people changed that their schedules depend on."""
    ids = set(people)
    crew = Q(rotations__participants__in=ids) | Q(overrides__user__in=ids, overrides__removed_at=None, overrides__ends_at__gt=now)
    found = set(Schedule.objects.filter(crew, removed_at=None).values_list("pk", flat=True))
    Schedule.objects.filter(pk__in=found).update(watch_at=now)
    announce("schedules")
    due.wake(LOOP_NAME)
