"""Who is on call, and when? Reads of schedules for pages, pagers, feeds and screens alike: all end in `domain.rotation`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Prefetch, Q, QuerySet

from tocsin.accounts.models import User
from tocsin.domain import final_schedule
from tocsin.domain import rotation as rules
from tocsin.domain.rotation import OnCall, Shift, Span
from tocsin.oncall import absences, queries_calendars
from tocsin.oncall.models import Override, Rotation, RotationParticipant, Schedule

DAY = timedelta(days=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
PRESENCE = {"is_there": F("user__is_active"), "gone_at": F("user__removed_at")}  # of whom a row names
CHANGES_MEANWHILE = 3  # more of them in the same milliseconds are not waited for
HORIZON = timedelta(days=35)  # how far a current shift's begin and end are looked for


def active() -> QuerySet[Schedule]:
    """The schedules that are not removed."""
    return Schedule.objects.filter(removed_at=None).select_related("team").order_by("name", "id")


def value(schedule: Schedule, *, since: datetime | None = None, until: datetime | None = None) -> rules.Schedule:
    """The schedule as the rules read it. Overrides and absences that ended before `since` are left out; public holidays are looked up
    from `since` until `until` (default: a day after it)."""
    after = Q() if since is None else Q(ends_at__gt=since)
    overrides = list(Override.objects.filter(after, schedule=schedule, removed_at=None).annotate(**PRESENCE))
    rows = _rotations(schedule)
    named: Iterable[Any] = chain(overrides, *(row.places.all() for row in rows))
    left = {one.user_id: one.gone_at or LONG_AGO for one in named if not one.is_there}
    rotations = tuple(_rotation(row, since, until) for row in rows)
    away: tuple[rules.Absence, ...] = ()
    if schedule.hand_over_time_off or schedule.hand_over_holidays:
        people = {user for rotation in rotations for user in rotation.participants}
        away = tuple(absences.of(people, since, until, time_off=schedule.hand_over_time_off, holidays=schedule.hand_over_holidays))
    return rules.Schedule(
        schedule.time_zone, rotations, tuple(rules.Override(o.user_id, o.starts_at, o.ends_at, o.id) for o in overrides), away, bool(away),
        tuple(left.items()),
    )  # fmt: skip


def _rotations(schedule: Schedule) -> list[Rotation]:
    """Its rotations with their places. These are two questions: whoever changes the schedule between them leaves rotations without people,
    and nobody would be on call, so that both are asked again."""
    places = Prefetch("places", RotationParticipant.objects.annotate(**PRESENCE))
    found = Rotation.objects.filter(schedule=schedule).select_related("calendar").prefetch_related(places)
    rows = list(found)
    for _ in range(CHANGES_MEANWHILE):
        if all(row.calendar_id or row.places.all() for row in rows):
            break
        rows = list(found.all())
    return rows


def _rotation(row: Rotation, since: datetime | None, until: datetime | None) -> rules.Rotation:
    return rules.Rotation(
        name=row.name,
        participants=tuple(place.user_id for place in sorted(row.places.all(), key=lambda place: place.position)),
        starts_local=datetime.fromisoformat(row.starts_local),
        shift_days=row.shift_days,
        shift_hours=row.shift_hours,
        months=row.shift_months,
        month_day=row.month_day,
        zone=row.time_zone,
        ends_at=row.ends_at,
        restrictions=tuple(_restriction(plain) for plain in row.restrictions),
        calendar=queries_calendars.shifts(row.calendar, row.name, since, until or (since + DAY if since else None))
        if row.calendar
        else None,
    )


def _restriction(plain: dict[str, Any]) -> rules.Restriction:
    return rules.Restriction(frozenset(plain["weekdays"]), time.fromisoformat(plain["from"]), time.fromisoformat(plain["until"]))


def people(schedule: Schedule, now: datetime) -> list[User]:
    """Everybody active who takes turns in it, now or later, by name; of outside calendars whom their coming events name."""
    crew = {shift.user for row in schedule.calendars.filter(removed_at=None) for shift in queries_calendars.shifts(row, "", now)}
    turns = RotationParticipant.objects.filter(Q(rotation__ends_at=None) | Q(rotation__ends_at__gt=now), rotation__schedule=schedule)
    found = User.objects.filter(Q(pk__in=turns.values("user")) | Q(pk__in=crew), is_active=True, removed_at=None)
    return list(found.order_by("name", "id"))


def names(ids: Collection[int]) -> dict[int, str]:
    """What those people are called."""
    return dict(User.objects.filter(pk__in=ids).values_list("id", "name"))


def who(schedule: Schedule, at: datetime) -> OnCall | None:
    """Who holds the pager at that instant, decided from the rows as they are now; None in a gap or for a removed schedule."""
    if schedule.removed_at is not None:
        return None
    return rules.on_call(value(schedule, since=at), at)


def on_call_now(schedule: Schedule, at: datetime) -> list[Shift]:
    """The shift that `at` lies in, looked for 35 days both ways; an empty list where nobody is on call."""
    around = shifts(schedule, at - HORIZON, at + HORIZON)
    return [shift for shift in around if shift.starts_at <= at < shift.ends_at]


def shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """The final schedule between two instants."""
    return final_schedule.shifts(value(schedule, since=start, until=end), start, end)


def gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Span]:
    """When nobody is on call between two instants."""
    return final_schedule.gaps(value(schedule, since=start, until=end), start, end)


def touched(away: Collection[rules.Absence], now: datetime) -> dict[rules.Absence, list[tuple[Schedule, Shift]]]:
    """What becomes of the shifts in those absences, per absence: who is away holds them all the same, or somebody does instead of them."""
    found: dict[rules.Absence, list[tuple[Schedule, Shift]]] = {one: [] for one in away}
    if not away:
        return found
    start, end = now, min(max(one.ends_at for one in away), now + absences.LONGEST)
    for schedule in active():
        for shift in shifts(schedule, start, end):
            for one in away:
                begin, finish = max(shift.starts_at, one.starts_at), min(shift.ends_at, one.ends_at)
                if begin < finish and one.user in (shift.user, shift.instead_of):
                    found[one].append((schedule, Shift(shift.user, begin, finish, shift.source, shift.instead_of)))
    return found


def in_words(at: datetime, zone: str) -> str:
    """A time for a message, by the clock of that zone: "Mon 23 Nov 09:00"."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %H:%M}"
