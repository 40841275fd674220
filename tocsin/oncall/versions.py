"""What did a schedule say before, and how does it say that again? Every change is kept as a document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Max

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.oncall.models import Rotation, Schedule, ScheduleVersion

MOST_KEPT = 200


def length(rotation: Rotation) -> dict[str, int]:
    """How long a turn of a stored rotation is, as it was given: {"days": 7}."""
    if rotation.shift_hours:
        return {"hours": rotation.shift_hours}
    return {"months": rotation.shift_months} if rotation.shift_months else {"days": rotation.shift_days}


def document(schedule: Schedule) -> dict[str, Any]:
    """The stored schedule as `create_schedule` and `change_schedule` take it."""
    return {
        "name": schedule.name, "time_zone": schedule.time_zone, "team": schedule.team_id, "description": schedule.description,
        "hand_over_time_off": schedule.hand_over_time_off, "hand_over_holidays": schedule.hand_over_holidays,
        "rotations": [rotation_document(row) for row in schedule.rotations.prefetch_related("places")],
    }  # fmt: skip


def rotation_document(row: Rotation) -> dict[str, Any]:
    """One rotation in that form."""
    return {
        "name": row.name, "participants": [place.user_id for place in row.places.all()], "starts_at": row.starts_local,
        "ends_at": row.ends_at.isoformat() if row.ends_at else None, "shift": length(row), "month_day": row.month_day,
        "time_zone": row.time_zone, "restrictions": row.restrictions,
    }  # fmt: skip


def keep(schedule: Schedule, *, note: str = "", by: Actor, now: datetime) -> ScheduleVersion | None:
    """Remember what the schedule says now; None where nothing changed. Of the oldest, those beyond 200 go."""
    content = document(Schedule.objects.get(pk=schedule.pk))
    last = schedule.versions.order_by("-number").first()
    if last is not None and last.content == content:
        return None
    number = (schedule.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    row = ScheduleVersion.objects.create(
        schedule=schedule, number=number, content=content, note=note[:300], saved_by=by.user, saved_label=by.label[:200], at=now
    )
    schedule.versions.filter(number__lte=number - MOST_KEPT).delete()
    audit("schedule.saved", "schedule", schedule.pk, f"Schedule {schedule.name} saved as version {number}", by=by, now=now, version=number)
    return row
