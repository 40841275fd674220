"""How is a schedule drawn? Bars of a week placed in days, and the cells of four weeks; from shifts to numbers, no markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tocsin.domain import final_schedule, rotation
from tocsin.web import words

FILLS = ("", "shift-b", "shift-c")
SLOTS = {"": "", "shift-b": "slot-alt", "shift-c": "slot-c", "shift-me": "slot-me"}


@dataclass(frozen=True)
class Bar:
    """One bar: from `a` to `b` in days since the row's first midnight. `number` makes its id unique on the page."""

    number: int
    a: float
    b: float
    text: str
    title: str
    css: str
    icon: str = ""


@dataclass(frozen=True)
class Row:
    """One row of the week: a rotation, the overrides, or the final schedule."""

    label: str
    note: str
    bars: tuple[Bar, ...]
    final: bool = False


@dataclass(frozen=True)
class Slot:
    """What one day's cell says about one person, or a gap."""

    text: str
    short: str
    title: str
    css: str


@dataclass(frozen=True)
class Day:
    """A day of the month grid."""

    date: date
    today: bool
    slots: tuple[Slot, ...]


class Grid:
    """Draws one schedule in one zone for one reader; people are {id: User}."""

    def __init__(self, schedule: rotation.Schedule, people: Mapping[int, object], zone: ZoneInfo, now: datetime, me: int | None) -> None:
        self.schedule, self.people, self.zone, self.now = schedule, people, zone, now
        order = dict.fromkeys(user for turn in schedule.rotations for user in turn.participants)
        self.fills = {user: "shift-me" if user == me else FILLS[place % len(FILLS)] for place, user in enumerate(order)}
        self._number = 0

    def midnight(self, day: date) -> datetime:
        """The instant at which that day begins in the grid's zone."""
        return rotation.instant(datetime.combine(day, time.min), self.zone)

    def week(self, monday: date) -> list[Row]:
        """Each rotation by itself, the overrides, and the final schedule with its gaps."""
        start, end = self.midnight(monday), self.midnight(monday + timedelta(days=7))
        rows = []
        for turn in self.schedule.rotations:
            alone = final_schedule.rotation_shifts(self.schedule, turn, start, end)
            bars = tuple(self._shift(shift, monday) for shift in alone)
            rows.append(Row(turn.name, _rhythm(turn), bars))
        standing_in = [o for o in self.schedule.overrides if o.starts_at < end and o.ends_at > start]
        bars = tuple(self._override(o, monday, start, end) for o in standing_in)
        rows.append(Row("Overrides", f"{len(bars)} this week" if bars else "none this week", bars))
        final = [self._shift(shift, monday) for shift in final_schedule.shifts(self.schedule, start, end)]
        final += [self._gap(gap, monday) for gap in final_schedule.gaps(self.schedule, start, end)]
        rows.append(Row("Final schedule", "who is paged", tuple(sorted(final, key=lambda bar: bar.a)), final=True))
        return rows

    def weeks(self, monday: date, count: int = 4) -> list[list[Day]]:
        """The final schedule day by day, whole weeks."""
        today = self.now.astimezone(self.zone).date()
        return [
            [Day(day, day == today, tuple(self._slots(day))) for day in (monday + timedelta(days=7 * week + n) for n in range(7))]
            for week in range(count)
        ]

    def days_since(self, monday: date, at: datetime) -> float:
        """Where `at` lies in a week, in days of wall-clock time; below 0 or above 7 outside of it."""
        return (at.astimezone(self.zone).replace(tzinfo=None) - datetime.combine(monday, time.min)) / timedelta(days=1)

    def name(self, user: int) -> str:
        """The person's name."""
        return getattr(self.people.get(user), "name", "") or "Somebody removed"

    def _span(self, start: datetime, end: datetime) -> str:
        first, last = start.astimezone(self.zone), end.astimezone(self.zone)
        return f"{first:%a} {first.day} {first:%b %H:%M} to {last:%a} {last.day} {last:%b %H:%M}"

    def _bar(self, start: datetime, end: datetime, monday: date, text: str, title: str, css: str, icon: str = "") -> Bar:
        self._number += 1
        return Bar(self._number, max(0.0, self.days_since(monday, start)), min(7.0, self.days_since(monday, end)), text, title, css, icon)

    def _shift(self, shift: rotation.Shift, monday: date) -> Bar:
        css = "shift-override" if shift.source == "override" else self.fills.get(shift.user, "")
        title = f"{self.name(shift.user)}, {self._span(shift.starts_at, shift.ends_at)}"
        return self._bar(shift.starts_at, shift.ends_at, monday, self.name(shift.user), title, css)

    def _override(self, override: rotation.Override, monday: date, start: datetime, end: datetime) -> Bar:
        title = f"{self.name(override.user)} stands in, {self._span(override.starts_at, override.ends_at)}"
        return self._bar(
            max(start, override.starts_at), min(end, override.ends_at), monday, self.name(override.user), title, "shift-override", "swap"
        )

    def _gap(self, gap: rotation.Span, monday: date) -> Bar:
        title = f"Nobody is on call, {self._span(gap.starts_at, gap.ends_at)}"
        return self._bar(
            gap.starts_at, gap.ends_at, monday, f"Gap {words.duration(gap.ends_at - gap.starts_at)}", title, "shift-gap", "alert"
        )

    def _slots(self, day: date) -> Iterable[Slot]:
        start, end = self.midnight(day), self.midnight(day + timedelta(days=1))
        for shift in final_schedule.shifts(self.schedule, start, end):
            fill = "slot-o" if shift.source == "override" else SLOTS[self.fills.get(shift.user, "")]
            until = "" if shift.ends_at == end else f" to {shift.ends_at.astimezone(self.zone):%H:%M}"
            initials = getattr(self.people.get(shift.user), "initials", "?")
            yield Slot(f"{self.name(shift.user)}{until}", initials, self._span(shift.starts_at, shift.ends_at), fill)
        for gap in final_schedule.gaps(self.schedule, start, end):
            yield Slot(f"Gap {words.duration(gap.ends_at - gap.starts_at)}", "Gap", self._span(gap.starts_at, gap.ends_at), "slot-gap")


def _rhythm(turn: rotation.Rotation) -> str:
    people = f"{len(turn.participants)} {'person' if len(turn.participants) == 1 else 'people'}"
    if turn.shift_hours:
        return f"every {turn.shift_hours} h, {people}"
    return f"{ {1: 'daily', 7: 'weekly'}.get(turn.shift_days, f'every {turn.shift_days} days') }, {people}".strip()


@dataclass(frozen=True)
class Share:
    """One person's part in a span: hours on call, nights (a shift that covers 02:00 to 05:00), pages received."""

    name: str
    hours: int
    nights: int
    pages: int


def shares(grid: Grid, start: datetime, end: datetime, pages: Mapping[int, int]) -> list[Share]:
    """Hours and nights of each person between two instants, most hours first."""
    hours: dict[int, float] = {}
    nights: dict[int, int] = {}
    for shift in final_schedule.shifts(grid.schedule, start, end):
        hours[shift.user] = hours.get(shift.user, 0) + (shift.ends_at - shift.starts_at) / timedelta(hours=1)
        day = shift.starts_at.astimezone(grid.zone).date()
        while (night := rotation.instant(datetime.combine(day, time(2)), grid.zone)) < shift.ends_at:
            if shift.starts_at <= night and night + timedelta(hours=3) <= shift.ends_at:
                nights[shift.user] = nights.get(shift.user, 0) + 1
            day += timedelta(days=1)
    people = sorted(set(hours) | set(pages), key=lambda user: -hours.get(user, 0))
    return [Share(grid.name(user), round(hours.get(user, 0)), nights.get(user, 0), pages.get(user, 0)) for user in people]


@dataclass(frozen=True)
class HandOff:
    """A moment at which the pager changes hands; empty names are a gap."""

    at: datetime
    before: str
    after: str


def hand_offs(grid: Grid, count: int = 4, days: int = 60) -> list[HandOff]:
    """The next hand-offs from now."""
    start, end = grid.now.astimezone(UTC), grid.now.astimezone(UTC) + timedelta(days=days)
    spans: list[tuple[datetime, datetime, str]] = [
        (s.starts_at, s.ends_at, grid.name(s.user)) for s in final_schedule.shifts(grid.schedule, start, end)
    ]
    spans += [(g.starts_at, g.ends_at, "") for g in final_schedule.gaps(grid.schedule, start, end)]
    spans.sort()
    found = [HandOff(after[0], before[2], after[2]) for before, after in pairwise(spans) if before[2] != after[2]]
    return found[:count]
