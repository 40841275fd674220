"""How are schedules, overrides and calendar feeds changed? The only file that writes this room's tables."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import Team, User
from tocsin.domain.rotation import instant
from tocsin.lib.refusal import invalid, missing
from tocsin.oncall import versions
from tocsin.oncall.changed import changed
from tocsin.oncall.models import ExternalCalendar, FeedToken, Override, Rotation, RotationParticipant, Schedule, ScheduleVersion
from tocsin.oncall.queries import gaps, on_call_now, shifts, who

__all__ = ["add_override", "change_schedule", "create_schedule", "gaps", "issue_feed", "on_call_now", "remove_override",
           "remove_schedule", "revoke_feed", "shifts", "who"]  # fmt: skip

MOST_ROTATIONS = 20
MOST_PARTICIPANTS = 100
MOST_RESTRICTIONS = 20
LONGEST_OVERRIDE = timedelta(days=366)


@transaction.atomic
def create_schedule(
    *,
    name: str,
    time_zone: str = "UTC",
    team: int | None = None,
    description: str = "",
    hand_over_time_off: bool = False,
    hand_over_holidays: bool = False,
    gaps_meant: bool = False,
    rotations: Sequence[dict[str, Any]] = (),
    by: Actor,
    now: datetime,
) -> Schedule:
    """A new schedule. `rotations`: [{"name", "participants": [user ids], "starts_at": "2026-01-05T09:00:00", "shift": {"days": 7},
    "month_day", "time_zone", "ends_at", "restrictions": [{"weekdays": [0..6], "from": "09:00", "until": "17:00"}], "calendar": id}], the most
    important first."""
    schedule = Schedule(
        name=_name(name), team=_team(team), time_zone=_zone(time_zone), description=description[:1000],
        hand_over_time_off=bool(hand_over_time_off), hand_over_holidays=bool(hand_over_holidays),
        gaps_meant=bool(gaps_meant),
    )  # fmt: skip
    schedule.save()
    _write_rotations(schedule, rotations)
    versions.keep(schedule, note="made", by=by, now=now)
    changed(schedule.pk, now)
    return schedule


@transaction.atomic
def change_schedule(schedule: Schedule, *, by: Actor, now: datetime, note: str = "", seen: int | None = None, **changes: Any) -> Schedule:
    """Change any of name, time_zone, team, description, hand_over_time_off, hand_over_holidays, gaps_meant, rotations (these are replaced as a whole).
    It counts at once; what it said before is kept. `seen`: the version that was shown; a newer one is not written over."""
    schedule = Schedule.objects.select_for_update().get(pk=schedule.pk)
    versions.refuse_unseen(schedule, seen)
    zone_before = schedule.time_zone
    if "name" in changes:
        schedule.name = _name(changes["name"])
    if "time_zone" in changes:
        schedule.time_zone = _zone(changes["time_zone"])
    if "team" in changes:
        schedule.team = _team(changes["team"])
    if "description" in changes:
        schedule.description = str(changes["description"] or "")[:1000]
    for field in ("hand_over_time_off", "hand_over_holidays", "gaps_meant"):
        if field in changes:
            setattr(schedule, field, bool(changes[field]))
    schedule.save()
    if schedule.time_zone != zone_before:
        schedule.calendars.filter(removed_at=None).update(due_at=now, copied_at=None)  # their days are days of another zone
    if "rotations" in changes:
        schedule.rotations.all().delete()
        _write_rotations(schedule, changes["rotations"])
    elif schedule.time_zone != zone_before:
        for rotation in schedule.rotations.filter(time_zone=""):  # the wall-clock start stays what people wrote
            rotation.starts_at = instant(datetime.fromisoformat(rotation.starts_local), ZoneInfo(schedule.time_zone))
            rotation.save(update_fields=["starts_at"])
    versions.keep(schedule, note=note, by=by, now=now)
    changed(schedule.pk, now)
    return schedule


@transaction.atomic
def restore_version(schedule: Schedule, number: int, *, by: Actor, now: datetime) -> Schedule:
    """Say again what version `number` said (undo); overrides stay as they are. People who are no longer active refuse it, by name."""
    version = ScheduleVersion.objects.filter(schedule=schedule, number=number).first()
    if version is None:
        raise missing("version")
    return change_schedule(schedule, **version.content, note=f"version {number} restored", by=by, now=now)


@transaction.atomic
def remove_schedule(schedule: Schedule, *, by: Actor, now: datetime) -> None:
    """Take a schedule out of use; policies that still name it find nobody there, which pages the next step."""
    Schedule.objects.filter(pk=schedule.pk).update(removed_at=now)
    changed(schedule.pk, now)


@transaction.atomic
def add_override(
    schedule: Schedule, *, user: int, starts_at: datetime, ends_at: datetime, reason: str = "", by: Actor, now: datetime
) -> Override:
    """One person stands in for a span of time. Of overlapping overrides the one made last counts."""
    person = _person(user, "user")
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise invalid(starts_at="Give both times with their zone, for example 2026-11-23T20:00:00Z.")
    if ends_at <= starts_at:
        raise invalid(ends_at="The end must lie after the start.")
    if ends_at <= now:
        raise invalid(ends_at="The override is over already.")
    if ends_at - starts_at > LONGEST_OVERRIDE:
        raise invalid(ends_at="An override lasts at most 366 days.")
    override = Override.objects.create(
        schedule=schedule, user=person, starts_at=starts_at, ends_at=ends_at, reason=reason[:500], created_by=by.user
    )
    span = f"{starts_at.astimezone(UTC):%Y-%m-%d %H:%M} to {ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    audit(
        "override.added",
        "schedule",
        schedule.pk,
        f"{person.name} stands in for {schedule.name}, {span}",
        by=by,
        now=now,
        override=override.pk,
    )
    changed(schedule.pk, now)
    return override


@transaction.atomic
def remove_override(override: Override, *, by: Actor, now: datetime) -> None:
    """Take an override back; the rotations count again at once."""
    if Override.objects.filter(pk=override.pk, removed_at=None).update(removed_at=now):
        text = f"An override of {override.schedule.name} by {override.user.name} was taken back"
        audit("override.removed", "schedule", override.schedule_id, text, by=by, now=now, override=override.pk)
    changed(override.schedule_id, now)


@transaction.atomic
def issue_feed(*, schedule: Schedule | None = None, user: User | None = None, by: Actor, now: datetime) -> str:
    """A new secret for the calendar feed of a schedule or of a person; the ones before stop working. Shown once."""
    FeedToken.objects.filter(schedule=schedule, user=user, revoked_at=None).update(revoked_at=now)
    token = secrets.token_urlsafe(32)
    FeedToken.objects.create(prefix=token[:8], digest=digest(token), schedule=schedule, user=user)
    return token


@transaction.atomic
def revoke_feed(*, schedule: Schedule | None = None, user: User | None = None, by: Actor, now: datetime) -> int:
    """End the calendar feed of a schedule or of a person; how many addresses stopped working."""
    return FeedToken.objects.filter(schedule=schedule, user=user, revoked_at=None).update(revoked_at=now)


def digest(token: str) -> str:
    """How a feed's secret is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def _name(name: str) -> str:
    name = (name or "").strip()
    if not name or len(name) > 120:
        raise invalid(name="Give a name of 1 to 120 characters.")
    return name


def _zone(name: Any, field: str = "time_zone") -> str:
    if name not in available_timezones():
        raise invalid(**{field: "Give a time zone by its IANA name, for example Europe/Berlin."})
    return str(name)


def _team(team: int | None) -> Team | None:
    if team is None:
        return None
    found = Team.objects.filter(pk=team, removed_at=None).first()
    if not found:
        raise invalid(team="There is no such team.")
    return found


def _person(user: Any, field: str) -> User:
    found = User.objects.filter(pk=user).first() if isinstance(user, int) else None
    if not found or not found.is_active:
        raise invalid(**{field: f"{found.name} is no longer active." if found else f"There is no active person {user!r}."})
    return found


def _write_rotations(schedule: Schedule, rotations: Sequence[dict[str, Any]]) -> None:
    if len(rotations) > MOST_ROTATIONS:
        raise invalid(rotations=f"A schedule has at most {MOST_ROTATIONS} rotations.")
    for position, plain in enumerate(rotations):
        at = f"rotations.{position}"
        people = [_person(user, f"{at}.participants") for user in plain.get("participants") or []]
        calendar = _calendar(schedule, plain.get("calendar"), f"{at}.calendar")
        if calendar is not None:
            people = []
        elif not 1 <= len(people) <= MOST_PARTICIPANTS:
            raise invalid(**{f"{at}.participants": f"Name 1 to {MOST_PARTICIPANTS} people, in the order of their turns."})
        starts = _wall_clock(plain.get("starts_at"), f"{at}.starts_at")
        zone = _zone(plain["time_zone"], f"{at}.time_zone") if plain.get("time_zone") else ""
        begins, ends = instant(starts, ZoneInfo(zone or schedule.time_zone)), _instant(plain.get("ends_at"), f"{at}.ends_at")
        if ends and ends <= begins:
            raise invalid(**{f"{at}.ends_at": "The end must lie after the first handoff."})
        rotation = Rotation.objects.create(
            schedule=schedule,
            name=(str(plain.get("name") or "").strip() or f"Rotation {position + 1}")[:120],
            position=position,
            starts_at=begins,
            starts_local=starts.isoformat(),
            ends_at=ends,
            time_zone=zone,
            month_day=bool(plain.get("month_day", False)),
            calendar=calendar,
            **_shift(plain.get("shift"), f"{at}.shift"),
            restrictions=_restrictions(plain.get("restrictions") or [], f"{at}.restrictions"),
        )
        RotationParticipant.objects.bulk_create(
            RotationParticipant(rotation=rotation, user=person, position=place) for place, person in enumerate(people)
        )


def _calendar(schedule: Schedule, id: Any, field: str) -> ExternalCalendar | None:
    if id is None:
        return None
    found = schedule.calendars.filter(pk=id, removed_at=None).first() if isinstance(id, int) else None
    if found is None:
        raise invalid(**{field: "This schedule has no such calendar."})
    return found


def _wall_clock(value: Any, field: str) -> datetime:
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        read = None
    if read is None or read.tzinfo is not None or not 2000 <= read.year <= 2100:
        raise invalid(**{field: "Give the handoff as wall-clock time of the schedule's zone, for example 2026-01-05T09:00:00."})
    return read.replace(microsecond=0)


def _instant(value: Any, field: str) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        read = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise invalid(**{field: "Give a time with its zone, for example 2026-11-23T20:00:00Z."})
    return read


def _shift(plain: Any, field: str) -> dict[str, int]:
    lengths = {key: value for key, value in (plain or {"days": 7}).items() if value} if isinstance(plain, dict | None) else {}
    if len(lengths) == 1:
        (unit, number), *_ = lengths.items()
        if unit == "weeks" and isinstance(number, int) and 1 <= number <= 52:
            return {"shift_days": 7 * number}
        if unit == "days" and isinstance(number, int) and 1 <= number <= 366:
            return {"shift_days": number}
        if unit == "hours" and isinstance(number, int) and 1 <= number <= 8784:
            return {"shift_hours": number}
        if unit == "months" and isinstance(number, int) and 1 <= number <= 12:
            return {"shift_months": number}
    raise invalid(**{field: 'Give one length: {"hours": 1 to 8784}, {"days": 1 to 366}, {"weeks": 1 to 52} or {"months": 1 to 12}.'})


def _restrictions(plain: Any, field: str) -> list[dict[str, Any]]:
    if not isinstance(plain, list) or len(plain) > MOST_RESTRICTIONS:
        raise invalid(**{field: f"Give a list of at most {MOST_RESTRICTIONS} restrictions."})
    read = []
    for item in plain:
        try:
            weekdays = sorted({int(day) for day in item.get("weekdays", range(7))})
            begin, end = (time.fromisoformat(item[edge]).strftime("%H:%M") for edge in ("from", "until"))
        except (AttributeError, KeyError, TypeError, ValueError):
            weekdays = []
        if not weekdays or not set(weekdays) <= set(range(7)):
            raise invalid(**{field: 'A restriction is {"weekdays": [0 for Monday to 6], "from": "09:00", "until": "17:00"}.'})
        read.append({"weekdays": weekdays, "from": begin, "until": end})
    return read


def schedule_of(id: int) -> Schedule:
    """The schedule of that id that is not removed. Raises a refusal with 404."""
    found = Schedule.objects.filter(pk=id, removed_at=None).select_related("team").first()
    if not found:
        raise missing("schedule")
    return found
