"""What did a schedule say before, and how does it say that again? Every change is kept as a document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import User
from tocsin.lib import versions
from tocsin.oncall.models import Rotation, Schedule, ScheduleVersion


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
        "gaps_meant": schedule.gaps_meant,
        "rotations": [rotation_document(row) for row in schedule.rotations.prefetch_related("places")],
    }  # fmt: skip


def rotation_document(row: Rotation) -> dict[str, Any]:
    """One rotation in that form."""
    return {
        "name": row.name, "participants": [place.user_id for place in row.places.all()], "starts_at": row.starts_local,
        "ends_at": row.ends_at.isoformat() if row.ends_at else None, "shift": length(row), "month_day": row.month_day,
        "time_zone": row.time_zone, "restrictions": row.restrictions,
        "calendar": row.calendar_id,
    }  # fmt: skip


_WORDS = {
    "name": "name", "time_zone": "time zone", "description": "description", "hand_over_time_off": "shifts of people who are away are handed over",
    "hand_over_holidays": "shifts on public holidays are handed over", "gaps_meant": "gaps are meant", "team": "team", "starts_at": "first handoff", "ends_at": "end",
    "shift": "length of a turn", "month_day": "months hand off on the day of the month", "restrictions": "when it counts",
}  # fmt: skip


def changes(before: dict[str, Any], after: dict[str, Any], names: dict[int, str]) -> list[str]:
    """What differs between two documents of one schedule, a clause each; `names` of the people in them."""
    found = [_change(field, before.get(field), after.get(field)) for field in _WORDS if before.get(field) != after.get(field)]
    old, new = ({turn["name"]: turn for turn in side["rotations"]} for side in (before, after))
    found += [f"rotation {name} added" for name in new if name not in old]
    found += [f"rotation {name} removed" for name in old if name not in new]
    if [name for name in old if name in new] != [name for name in new if name in old]:
        found.append("rotations in another order: " + ", ".join(new))
    for name in (name for name in new if name in old):
        one, other = old[name], new[name]
        if one["participants"] != other["participants"]:
            found.append(f"{name}: {_people(one, names)} became {_people(other, names)}")
        fields = [field for field in (*_WORDS, "time_zone", "calendar") if field in other and one.get(field) != other.get(field)]
        found += [f"{name}: {_change(field, one.get(field), other.get(field))}" for field in dict.fromkeys(fields)]
    return found or ["nothing that is shown"]


def _people(turn: dict[str, Any], names: dict[int, str]) -> str:
    return ", ".join(names.get(pk, "somebody removed") for pk in turn["participants"]) or "nobody"


def _change(field: str, before: Any, after: Any) -> str:
    if isinstance(before, bool) or isinstance(after, bool):
        return f"{_WORDS[field]}: {'yes' if after else 'no'}"
    if field in ("restrictions", "team", "description", "calendar"):
        return f"{_WORDS.get(field, field)} changed"
    if field in ("starts_at", "ends_at"):
        before, after = (str(value or "").replace("T", " ")[:16] for value in (before, after))
    return f"{_WORDS.get(field, field)} {_plain(before)} became {_plain(after)}"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{number} {unit}" for unit, number in value.items())
    return str(value or "none")


def refuse_unseen(schedule: Schedule, seen: int | None) -> None:
    """Refuse to write over what somebody saved of a locked schedule after version `seen` was shown."""

    def differ(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        people = {pk for side in (before, after) for turn in side["rotations"] for pk in turn["participants"]}
        return changes(before, after, dict(User.objects.filter(pk__in=people).values_list("id", "name")))

    versions.refuse_unseen(schedule.versions, seen, differ)


def keep(schedule: Schedule, *, note: str = "", by: Actor, now: datetime) -> ScheduleVersion | None:
    """Remember what the schedule says now; None where nothing changed. Of the oldest, those beyond 200 go."""
    content = document(Schedule.objects.get(pk=schedule.pk))
    row = versions.keep(schedule.versions, content, note=note[:300], saved_by=by.user, saved_label=by.label[:200], at=now)
    if row is not None:
        text = f"Schedule {schedule.name} saved as version {row.number}"
        audit("schedule.saved", "schedule", schedule.pk, text, by=by, now=now, version=row.number)
    return row
