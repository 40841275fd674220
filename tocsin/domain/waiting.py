"""From when on may a page that can wait go out? Within working hours, and not while its person wants quiet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tocsin.domain.calendars import BusinessCalendar, in_business_hours, is_business_day, next_business_day


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one time of day until another in a zone, past midnight where `until` is the earlier one; equal: the whole day is not meant."""

    starts: time
    ends: time
    zone: str = "UTC"


def is_quiet(quiet: QuietHours, at: datetime) -> bool:
    """Whether that instant lies within them."""
    local = at.astimezone(ZoneInfo(quiet.zone)).time()
    if quiet.starts <= quiet.ends:
        return quiet.starts <= local < quiet.ends
    return local >= quiet.starts or local < quiet.ends


def not_before(at: datetime, calendar: BusinessCalendar, quiet: QuietHours | None = None) -> datetime:
    """The first instant from `at` on that lies within the calendar's hours and outside the quiet ones, in UTC; `at` itself where it does.

    Quiet hours that cover all working hours, or a calendar without a working day, hold nothing back: in doubt the page goes out.
    """
    moment = at
    for _ in range(20):
        try:
            opens = _opening(calendar, moment)
        except ValueError:  # no working day within a year
            return at
        if quiet is None or not is_quiet(quiet, opens):
            return at if opens == at else opens.astimezone(UTC)
        moment = _end_of_quiet(quiet, opens)
    return at


def _opening(calendar: BusinessCalendar, at: datetime) -> datetime:
    if in_business_hours(calendar, at):
        return at
    zone = ZoneInfo(calendar.zone)
    local = at.astimezone(zone)
    day = local.date()
    if not is_business_day(calendar, day) or local.time() >= calendar.day_starts:
        day = next_business_day(calendar, day)
    return datetime.combine(day, calendar.day_starts, zone)


def _end_of_quiet(quiet: QuietHours, at: datetime) -> datetime:
    zone = ZoneInfo(quiet.zone)
    local = at.astimezone(zone)
    day = local.date() if local.time() < quiet.ends else local.date() + timedelta(days=1)
    return datetime.combine(day, quiet.ends, zone)
