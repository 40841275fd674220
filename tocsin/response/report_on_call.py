"""Who was on call how much in a span of time, and how often were they interrupted? For the page, the CSV and the API alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.accounts.models import Organisation, User
from tocsin.domain import fair_share
from tocsin.domain.fair_share import Share
from tocsin.lib import holidays
from tocsin.lib.refusal import invalid
from tocsin.oncall import queries
from tocsin.oncall.models import Schedule
from tocsin.paging.queries import page_times

LONGEST = timedelta(days=400)


@dataclass(frozen=True)
class Line:
    """One person's share, with their name."""

    person: str
    share: Share


@dataclass(frozen=True)
class Report:
    """What a span of time was like: a line for each person, hours in which nobody was on call, and how even the load was (0 to 100)."""

    lines: list[Line]
    gap_hours: float
    evenness: dict[str, int | None]


def report(schedules: Iterable[Schedule], start: datetime, end: datetime) -> Report:
    """The report of some schedules between two instants; pages count for whoever is in it. Raises Refused for a span that cannot be."""
    if not start < end <= start + LONGEST:
        raise invalid(until=f"The end lies after the start, at most {LONGEST.days} days later.")
    found, gap = [], timedelta()
    for schedule in schedules:
        made = min(max(start, schedule.created_at), end)  # before, nobody was paged by it, and there was nothing to leave a gap in
        found += queries.shifts(schedule, made, end)
        gap += sum((one.ends_at - one.starts_at for one in queries.gaps(schedule, made, end)), timedelta())
    people = User.objects.in_bulk({shift.user for shift in found})
    organisation = Organisation.objects.get(pk=1)

    def zone(user: int) -> ZoneInfo:
        return ZoneInfo((people[user].time_zone if user in people else "") or organisation.time_zone)

    def free(user: int, year: int) -> frozenset[date]:
        person = people.get(user)
        lives = (person.country, person.subdivision) if person and person.country else (organisation.country, organisation.subdivision)
        return holidays.dates(*lives, year=year)

    shares = fair_share.shares(found, page_times(set(people), start, end), zone=zone, holidays=free)
    even = {name: fair_share.evenness(getattr(one, name) for one in shares) for name in ("hours", "nights", "weekend_hours", "pages")}
    names = {pk: person.name for pk, person in people.items()}
    return Report([Line(names.get(one.user, "somebody removed"), one) for one in shares], gap / timedelta(hours=1), even)


COLUMNS = (
    "person", "hours", "night_hours", "weekend_hours", "holiday_hours", "nights", "shifts", "taken_hours", "pages", "night_pages",
    "interrupted_nights",
)  # fmt: skip


def cells(line: Line) -> list[Any]:
    """One line of the table, in the order of COLUMNS; hours with one decimal."""
    share = line.share
    return [
        line.person, round(share.hours, 1), round(share.night_hours, 1), round(share.weekend_hours, 1), round(share.holiday_hours, 1),
        share.nights, share.shifts, round(share.taken, 1), share.pages, share.night_pages, share.interrupted_nights,
    ]  # fmt: skip
