"""Who is on call at an instant, and which shifts make up a span of time?

Rules, from the top: the override that was made last; then the rotations in their order, position 0 first: the first that has somebody on
call wins. A hand-off happens at the first instant at which the clock of the schedule's zone shows the hand-off time or later, so each
minute belongs to exactly one person, also where a spring gap swallows the hand-off or an autumn hour comes twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Restriction:
    """Only on these weekdays (0 is Monday) from `start` until `end`; an end at or before the start lies on the next day."""

    weekdays: frozenset[int]
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Rotation:
    """Participants taking turns of `shift_hours` hours, or (when that is 0) of `shift_days` days, from a wall-clock start."""

    name: str
    participants: tuple[int, ...]
    starts_local: datetime
    shift_days: int = 7
    shift_hours: int = 0
    ends_at: datetime | None = None
    restrictions: tuple[Restriction, ...] = ()

    @property
    def period(self) -> timedelta:
        return timedelta(hours=self.shift_hours) if self.shift_hours else timedelta(days=self.shift_days)


@dataclass(frozen=True, slots=True)
class Override:
    """One person stands in for a span of time. `order` says which was made later."""

    user: int
    starts_at: datetime
    ends_at: datetime
    order: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rotations from the most to the least important, overrides above them all."""

    zone: str
    rotations: tuple[Rotation, ...] = ()
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """One person holds the pager from `starts_at` until before `ends_at`. `source` is the rotation's name, or "override"."""

    user: int
    starts_at: datetime
    ends_at: datetime
    source: str = ""


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who holds the pager at an instant, and through what."""

    user: int
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, the end not included."""

    starts_at: datetime
    ends_at: datetime


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) at which clocks in that zone show the naive time `local` or a later one."""
    early = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # Clocks jumped over that time. Between the readings with the offset after and before the jump lies the jump itself: find it.
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), early
    offset = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high


def on_call(schedule: Schedule, at: datetime) -> OnCall | None:
    """Who is on call at `at` (aware), or None."""
    standing_in = [o for o in schedule.overrides if o.starts_at <= at < o.ends_at]
    if standing_in:
        return OnCall(max(standing_in, key=lambda o: o.order).user, "override")
    zone = ZoneInfo(schedule.zone)
    for rotation in schedule.rotations:
        user = _of_rotation(rotation, zone, at)
        if user is not None:
            return OnCall(user, rotation.name)
    return None


def _of_rotation(rotation: Rotation, zone: ZoneInfo, at: datetime) -> int | None:
    if not rotation.participants or (rotation.ends_at and at >= rotation.ends_at):
        return None
    turn = _turn(rotation, zone, at)
    if turn < 0:
        return None
    if rotation.restrictions and not any(w.starts_at <= at < w.ends_at for w in _windows(rotation, zone, _local(at, zone).date(), 0)):
        return None
    return rotation.participants[turn % len(rotation.participants)]


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def _turn(rotation: Rotation, zone: ZoneInfo, at: datetime) -> int:
    # The number of the turn that `at` lies in, -1 before the first. Wall-clock arithmetic is right to within a change of offset.
    turn = (_local(at, zone) - rotation.starts_local) // rotation.period
    while turn >= 0 and _hand_off(rotation, zone, turn) > at:
        turn -= 1
    while turn >= -1 and _hand_off(rotation, zone, turn + 1) <= at:
        turn += 1
    return max(turn, -1)


def _hand_off(rotation: Rotation, zone: ZoneInfo, turn: int) -> datetime:
    return instant(rotation.starts_local + turn * rotation.period, zone)


def _windows(rotation: Rotation, zone: ZoneInfo, day: date, days: int) -> Iterator[Span]:
    # The times that the restrictions leave open and that begin from the day before `day` until `days` later.
    for offset in range(-1, days + 1):
        begin = day + timedelta(days=offset)
        for restriction in rotation.restrictions:
            if begin.weekday() in restriction.weekdays:
                last = begin if restriction.end > restriction.start else begin + timedelta(days=1)
                yield Span(
                    instant(datetime.combine(begin, restriction.start), zone), instant(datetime.combine(last, restriction.end), zone)
                )


def shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """The shifts between `start` and `end` (aware), cut off at both, in order; times without anybody are left out."""
    return [shift for shift in _spans(schedule, start, end) if isinstance(shift, Shift)]


def gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Span]:
    """When nobody is on call between `start` and `end`, in order."""
    return [span for span in _spans(schedule, start, end) if isinstance(span, Span)]


def _spans(schedule: Schedule, start: datetime, end: datetime) -> list[Shift | Span]:
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return []
    table = _Table(schedule, start, end)
    found: list[Shift | Span] = []
    for begin, finish in zip(table.points, [*table.points[1:], end], strict=True):
        who = table.on_call(begin)
        same = found[-1] if found else None
        if who is None:
            new: Shift | Span = Span(same.starts_at if isinstance(same, Span) else begin, finish)
        elif isinstance(same, Shift) and (same.user, same.source) == (who.user, who.source):
            new = Shift(who.user, same.starts_at, finish, who.source)
        else:
            new = Shift(who.user, begin, finish, who.source)
        if same is not None and new.starts_at == same.starts_at:
            found.pop()
        found.append(new)
    return found


@dataclass(slots=True)
class _Table:
    """All hand-offs and open windows of a span, worked out once, so that a year is quick."""

    schedule: Schedule
    start: datetime
    end: datetime
    turns: list[tuple[list[datetime], int]] = field(default_factory=list)  # per rotation: hand-offs in order, number of the first
    windows: list[list[Span]] = field(default_factory=list)
    points: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        zone = ZoneInfo(self.schedule.zone)
        marks = {self.start}
        for override in self.schedule.overrides:
            marks |= {override.starts_at, override.ends_at}
        day, days = _local(self.start, zone).date(), (self.end - self.start).days + 2
        for rotation in self.schedule.rotations:
            first = _turn(rotation, zone, self.start)
            numbers = range(max(first, 0), max(first, 0) + (self.end - self.start) // rotation.period + 3 + 24)
            hand_offs = [_hand_off(rotation, zone, number) for number in numbers]
            windows = sorted(_windows(rotation, zone, day, days), key=lambda w: w.starts_at)
            self.turns.append((hand_offs, max(first, 0)))
            self.windows.append(windows)
            marks |= {*hand_offs, *(w.starts_at for w in windows), *(w.ends_at for w in windows)}
            if rotation.ends_at:
                marks.add(rotation.ends_at)
        self.points = sorted(mark.astimezone(UTC) for mark in marks if self.start <= mark < self.end)

    def on_call(self, at: datetime) -> OnCall | None:
        """As the function of that name, for instants of this span."""
        standing_in = [o for o in self.schedule.overrides if o.starts_at <= at < o.ends_at]
        if standing_in:
            return OnCall(max(standing_in, key=lambda o: o.order).user, "override")
        for rotation, (hand_offs, first), windows in zip(self.schedule.rotations, self.turns, self.windows, strict=True):
            if not rotation.participants or (rotation.ends_at and at >= rotation.ends_at):
                continue
            position = bisect_right(hand_offs, at) - 1
            if position < 0 or (rotation.restrictions and not any(w.starts_at <= at < w.ends_at for w in windows)):
                continue
            return OnCall(rotation.participants[(first + position) % len(rotation.participants)], rotation.name)
        return None
