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
    """One bar: from `a` to `b` in days since the row's first midnight. `number` makes its id unique on the page; `at` is when it begins."""

    number: int
    a: float
    b: float
    at: datetime
    text: str
    title: str
    css: str
    icon: str = ""


@dataclass(frozen=True)
class Row:
    """One row: a rotation, the overrides and absences, or the final schedule."""

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
    """A day of the month grid; `outside` of the month that is shown."""

    date: date
    today: bool
    outside: bool
    slots: tuple[Slot, ...]


class Grid:
    """Draws one schedule in one zone for one reader; people are {id: User}."""

    def __init__(
        self, schedule: rotation.Schedule, people: Mapping[int, object], zone: ZoneInfo, now: datetime, me: int | None, made_at: datetime
    ) -> None:
        self.schedule, self.people, self.zone, self.now, self.made_at = schedule, people, zone, now, made_at
        order = dict.fromkeys(user for turn in schedule.rotations for user in turn.participants)
        self.fills = {user: "shift-me" if user == me else FILLS[place % len(FILLS)] for place, user in enumerate(order)}
        self.left = {user for user, _ in schedule.left}
        self._number = 0

    def midnight(self, day: date) -> datetime:
        """The instant at which that day begins in the grid's zone."""
        return rotation.instant(datetime.combine(day, time.min), self.zone)

    def rows(self, first: date, days: int, absences: Iterable[rotation.Absence] = ()) -> list[Row]:
        """Each rotation by itself, the overrides with who is away, and the final schedule with its gaps."""
        start, end = self.midnight(first), self.midnight(first + timedelta(days=days))
        place = _Place(first, days, start, end)
        rows = []
        for turn in self.schedule.rotations:
            alone = final_schedule.rotation_shifts(self.schedule, turn, start, end)
            rows.append(Row(turn.name, rhythm(turn), tuple(self._shift(shift, place) for shift in alone)))
        standing_in = [o for o in self.schedule.overrides if o.starts_at < end and o.ends_at > start]
        away = [one for one in absences if one.starts_at < end and one.ends_at > start]
        bars = [self._override(one, place) for one in standing_in] + [self._away(one, place) for one in away]
        note = f"{len(standing_in) or 'none'} shown" + (f", {len(away)} away" if away else "")
        rows.append(Row("Overrides", note, tuple(sorted(bars, key=lambda bar: bar.a))))
        final = [
            self._shift(span, place) if isinstance(span, rotation.Shift) else self._gap(span, place) for span in self._spans(start, end)
        ]
        rows.append(Row("Final schedule", "who is paged", tuple(final), final=True))
        return rows

    def weeks(self, monday: date, count: int = 4, month: int = 0) -> list[list[Day]]:
        """The final schedule day by day, whole weeks; days outside of `month` are marked where one is given."""
        today = self.now.astimezone(self.zone).date()
        spans = self._spans(self.midnight(monday), self.midnight(monday + timedelta(days=7 * count)))
        days = [monday + timedelta(days=n) for n in range(7 * count)]
        cells = [Day(day, day == today, bool(month) and day.month != month, tuple(self._slots(day, spans))) for day in days]
        return [cells[7 * week : 7 * week + 7] for week in range(count)]

    def _spans(self, start: datetime, end: datetime) -> list[rotation.Shift | rotation.Span]:
        """The final schedule; before it was made there was nothing to leave a gap in."""
        found = list[rotation.Shift | rotation.Span]()
        for span in final_schedule.spans(self.schedule, start, end):
            if isinstance(span, rotation.Shift):
                found.append(span)
            elif span.ends_at > self.made_at:
                found.append(rotation.Span(max(span.starts_at, self.made_at), span.ends_at))
        return found

    def days_since(self, first: date, at: datetime) -> float:
        """Where `at` lies, in days of wall-clock time since that day's midnight."""
        return (at.astimezone(self.zone).replace(tzinfo=None) - datetime.combine(first, time.min)) / timedelta(days=1)

    def name(self, user: int) -> str:
        """The person's name."""
        return getattr(self.people.get(user), "name", "") or "Somebody removed"

    def span(self, start: datetime, end: datetime) -> str:
        """ "Mon 23 Nov 09:00 to Mon 30 Nov 09:00", in the grid's zone."""
        first, last = start.astimezone(self.zone), end.astimezone(self.zone)
        return f"{first:%a} {first.day} {first:%b %H:%M} to {last:%a} {last.day} {last:%b %H:%M}"

    def _bar(self, start: datetime, end: datetime, place: _Place, text: str, title: str, css: str, icon: str = "") -> Bar:
        self._number += 1
        begin = max(start, place.start)
        a, b = self.days_since(place.first, begin), self.days_since(place.first, min(end, place.end))
        return Bar(self._number, a, b, begin, text, title, css, icon)

    def _shift(self, shift: rotation.Shift, place: _Place) -> Bar:
        css = "shift-override" if shift.source == rotation.OVERRIDE else self.fills.get(shift.user, "")
        instead = (
            f" instead of {self.name(shift.instead_of)}, who {'has left' if shift.instead_of in self.left else 'is away'}"
            if shift.instead_of
            else ""
        )
        title = f"{self.name(shift.user)}{instead}, {self.span(shift.starts_at, shift.ends_at)}"
        return self._bar(shift.starts_at, shift.ends_at, place, self.name(shift.user), title, css, "swap" if instead else "")

    def _override(self, override: rotation.Override, place: _Place) -> Bar:
        title = f"{self.name(override.user)} stands in, {self.span(override.starts_at, override.ends_at)}"
        return self._bar(override.starts_at, override.ends_at, place, self.name(override.user), title, "shift-override", "swap")

    def _away(self, absence: rotation.Absence, place: _Place) -> Bar:
        title = f"{self.name(absence.user)} is away ({absence.reason}), {self.span(absence.starts_at, absence.ends_at)}"
        name = self.name(absence.user).split(" ")[0]
        return self._bar(absence.starts_at, absence.ends_at, place, f"{name} away", title, "shift-override", "x")

    def _gap(self, gap: rotation.Span, place: _Place) -> Bar:
        title = f"Nobody is on call, {self.span(gap.starts_at, gap.ends_at)}"
        return self._bar(
            gap.starts_at, gap.ends_at, place, f"Gap {words.duration(gap.ends_at - gap.starts_at)}", title, "shift-gap", "alert"
        )

    def _slots(self, day: date, spans: Iterable[rotation.Shift | rotation.Span]) -> Iterable[Slot]:
        start, end = self.midnight(day), self.midnight(day + timedelta(days=1))
        for span in spans:
            if span.ends_at <= start or span.starts_at >= end:
                continue
            begin, finish = max(span.starts_at, start), min(span.ends_at, end)
            when = self.span(span.starts_at, span.ends_at)
            if isinstance(span, rotation.Span):
                yield Slot(f"Gap {words.duration(finish - begin)}", "Gap", when, "slot-gap")
                continue
            fill = "slot-o" if span.source == rotation.OVERRIDE else SLOTS[self.fills.get(span.user, "")]
            until = "" if finish == end else f" to {finish.astimezone(self.zone):%H:%M}"
            yield Slot(f"{self.name(span.user)}{until}", getattr(self.people.get(span.user), "initials", "?"), when, fill)


@dataclass(frozen=True)
class _Place:
    """The stretch of time that a grid shows."""

    first: date
    days: int
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Period:
    """What a reader looks at: a week, a fortnight or a month, and the ones before and after it."""

    view: str
    first: date
    days: int
    previous: date
    following: date
    words: str


def period(view: str, day: date, today: date | None = None) -> Period:
    """The week or fortnight that begins on the Monday of that day's week, today's with today itself, or the day's month."""
    if view == "month":
        first = day.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        return Period(view, first, (following - first).days, (first - timedelta(days=1)).replace(day=1), following, f"{first:%B %Y}")
    days = 14 if view == "fortnight" else 7
    step, monday = timedelta(days=days), monday_of(day)
    first = day if day == today else monday
    last = first + timedelta(days=days - 1)
    told = f"{first.day} {first:%b} to {last.day} {last:%b %Y}"
    return Period("fortnight" if days == 14 else "week", first, days, monday if first > monday else monday - step, monday + step, told)


def monday_of(day: date) -> date:
    """The Monday of that day's week."""
    return day - timedelta(days=day.weekday())


def rhythm(turn: rotation.Rotation) -> str:
    """How a rotation turns, in a few words: "weekly, 3 people"."""
    people = f"{len(turn.participants)} {'person' if len(turn.participants) == 1 else 'people'}"
    if turn.calendar is not None:
        return "from a calendar"
    if turn.shift_hours:
        return f"every {turn.shift_hours} h, {people}"
    if turn.months:
        return f"{'monthly' if turn.months == 1 else f'every {turn.months} months'}, {people}"
    weeks, rest = divmod(turn.shift_days, 7)
    if weeks and not rest:
        return f"{'weekly' if weeks == 1 else f'every {weeks} weeks'}, {people}"
    return f"{'daily' if turn.shift_days == 1 else f'every {turn.shift_days} days'}, {people}"


@dataclass(frozen=True)
class Handoff:
    """A moment at which the pager changes hands; empty names are a gap."""

    at: datetime
    before: str
    after: str


def handoffs(grid: Grid, count: int = 4, days: int = 60) -> list[Handoff]:
    """The next handoffs from now."""
    start, end = grid.now.astimezone(UTC), grid.now.astimezone(UTC) + timedelta(days=days)
    spans: list[tuple[datetime, datetime, str]] = [
        (s.starts_at, s.ends_at, grid.name(s.user)) for s in final_schedule.shifts(grid.schedule, start, end)
    ]
    spans += [(g.starts_at, g.ends_at, "") for g in final_schedule.gaps(grid.schedule, start, end)]
    spans.sort()
    found = [Handoff(after[0], before[2], after[2]) for before, after in pairwise(spans) if before[2] != after[2]]
    return found[:count]
