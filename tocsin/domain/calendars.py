"""When does a business day end? Working days and hours in a zone, with holidays passed in as dates.

The procedure's "next business day" is the day after the one that it is counted from, in the team's own zone: what comes in on
Friday at 18:00 is due when Monday's hours end, and a public holiday is no business day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONGEST_SEARCH = 366  # days: a calendar without a business day in a year is a mistake, not a reason to look for ever


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """Working days (Monday is 0) and hours in an IANA zone, without the `holidays`."""

    zone: str = "UTC"
    day_starts: time = time(9)
    day_ends: time = time(17)
    holidays: frozenset[date] = frozenset()
    working_days: frozenset[int] = frozenset({0, 1, 2, 3, 4})


def is_business_day(calendar: BusinessCalendar, day: date) -> bool:
    """Does anybody work on that day?"""
    return day.weekday() in calendar.working_days and day not in calendar.holidays


def next_business_day(calendar: BusinessCalendar, day: date) -> date:
    """The first business day after `day`. Raises ValueError where a whole year has none."""
    for ahead in range(1, LONGEST_SEARCH + 1):
        if is_business_day(calendar, later := day + timedelta(days=ahead)):
            return later
    raise ValueError(f"the calendar of {calendar.zone} has no business day within a year after {day}")


def end_of_business_day(calendar: BusinessCalendar, at: datetime, *, days: int = 1) -> datetime:
    """When the hours of the `days`-th business day after `at`'s own day end, in UTC. `at` is aware; `days` counts from 1."""
    day = at.astimezone(ZoneInfo(calendar.zone)).date()
    for _ in range(days):
        day = next_business_day(calendar, day)
    return _at(calendar, day, calendar.day_ends)


def add_business_time(calendar: BusinessCalendar, at: datetime, span: timedelta) -> datetime:
    """The instant when `span` of business hours has passed since `at`, in UTC. Spans of zero or less give `at` itself."""
    left, day = span, at.astimezone(ZoneInfo(calendar.zone)).date()
    if left <= timedelta():
        return at.astimezone(UTC)
    if not is_business_day(calendar, day):
        day = next_business_day(calendar, day)
    while True:
        opens, closes = _at(calendar, day, calendar.day_starts), _at(calendar, day, calendar.day_ends)
        begin = max(at, opens)
        if begin + left <= closes:
            return (begin + left).astimezone(UTC)
        left -= max(closes - begin, timedelta())
        day = next_business_day(calendar, day)


def in_business_hours(calendar: BusinessCalendar, at: datetime) -> bool:
    """Is somebody at work at that instant?"""
    local = at.astimezone(ZoneInfo(calendar.zone))
    return is_business_day(calendar, local.date()) and calendar.day_starts <= local.time() < calendar.day_ends


def end_of_day(zone: str, day: date) -> datetime:
    """The last instant of `day` in `zone`, in UTC: until then something promised "by Friday" is on time."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def _at(calendar: BusinessCalendar, day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, ZoneInfo(calendar.zone)).astimezone(UTC)
