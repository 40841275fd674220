"""Who is on call at an instant?

Rules, from the top: the override that was made last; then the rotations in their order, position 0 first: the first that has somebody on
call wins. A handoff happens at the first instant at which the clock of the rotation's zone shows the handoff time or later, so each
minute belongs to exactly one person, also where a spring gap swallows the handoff or an autumn hour comes twice. Where a schedule hands
shifts of absent people over, the next participant who is there takes the turn; if nobody is, it stays with whose turn it is. Turns of
people who have left go to the next participant in any case; where all have left, the next rotation counts.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Restriction:
    """Only on these weekdays (0 is Monday) from `start` until `end`; an end at or before the start lies on the next day."""

    weekdays: frozenset[int]
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Shift:
    """One person holds the pager from `starts_at` until before `ends_at`. `source` is the rotation's name, or "override".

    `instead_of`: whose turn it would be, where that person has left, or is away and the schedule hands over.
    """

    user: int
    starts_at: datetime
    ends_at: datetime
    source: str = ""
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """Participants taking turns from a wall-clock start: turns of `shift_hours` hours, else of `months` months, else of `shift_days` days.

    Months hand off on the start's weekday of the month (the second Tuesday; a fifth one means the last), or with `month_day` on its day
    of the month (the 31st means the last day). `zone` is the rotation's own, empty for the schedule's: teams that follow the sun write
    their own hours. `calendar`, where given, is an outside calendar's shifts (in order, without overlap) instead of turns.
    """

    name: str
    participants: tuple[int, ...]
    starts_local: datetime
    shift_days: int = 7
    shift_hours: int = 0
    ends_at: datetime | None = None
    restrictions: tuple[Restriction, ...] = ()
    months: int = 0
    month_day: bool = False
    zone: str = ""
    calendar: tuple[Shift, ...] | None = None

    @property
    def period(self) -> timedelta:
        """How long a turn is on the wall clock; of months: the shortest that it can be."""
        if self.shift_hours:
            return timedelta(hours=self.shift_hours)
        return timedelta(days=27 * self.months) if self.months else timedelta(days=self.shift_days)

    def handoff(self, turn: int) -> datetime:
        """The wall-clock time at which turn number `turn` begins; turn 0 begins at the start."""
        if not self.months or self.shift_hours:
            return self.starts_local + turn * self.period
        year, month = divmod(self.starts_local.year * 12 + self.starts_local.month - 1 + turn * self.months, 12)
        first, days = monthrange(year, month + 1)
        if self.month_day:
            day = min(self.starts_local.day, days)
        else:
            nth = (self.starts_local.day - 1) // 7
            day = 1 + (self.starts_local.weekday() - first) % 7 + 7 * nth
            if day > days or nth == 4:
                day = days - (first + days - 1 - self.starts_local.weekday()) % 7
        return datetime.combine(date(year, month + 1, day), self.starts_local.time())


@dataclass(frozen=True, slots=True)
class Override:
    """One person stands in for a span of time. `order` says which was made later."""

    user: int
    starts_at: datetime
    ends_at: datetime
    order: int = 0


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is away: time off, or a public holiday where they live."""

    user: int
    starts_at: datetime
    ends_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rotations from the most to the least important, overrides above them all. `hand_over`: turns of absent people go to the next one.
    `left`: since when people are no longer there; their overrides end then, and their turns go to the next one."""

    zone: str
    rotations: tuple[Rotation, ...] = ()
    overrides: tuple[Override, ...] = ()
    absences: tuple[Absence, ...] = ()
    hand_over: bool = False
    left: tuple[tuple[int, datetime], ...] = ()

    def gone(self, at: datetime) -> Collection[int]:
        """Who has left by that instant."""
        return [user for user, since in self.left if since <= at]


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who holds the pager at an instant, through what, and instead of whom."""

    user: int
    source: str
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, the end not included."""

    starts_at: datetime
    ends_at: datetime


@lru_cache(maxsize=16_384)  # rotations of one schedule, and one page's rows, ask for the same hours again and again
def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) at which clocks in that zone show the naive time `local` or a later one."""
    first = local.replace(tzinfo=zone, fold=0)
    offset: timedelta = first.utcoffset()  # type: ignore[assignment]  # a ZoneInfo has one for every time
    early = (local - offset).replace(tzinfo=UTC)
    if local.replace(tzinfo=zone, fold=1).utcoffset() == offset or early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # Clocks jumped over that time. Between the readings with the offset after and before the jump lies the jump itself: find it.
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), early
    after = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high


def on_call(schedule: Schedule, at: datetime) -> OnCall | None:
    """Who is on call at `at` (aware), or None."""
    gone = schedule.gone(at)
    standing_in = [o for o in schedule.overrides if o.starts_at <= at < o.ends_at and o.user not in gone]
    if standing_in:
        return OnCall(max(standing_in, key=lambda o: o.order).user, OVERRIDE)
    away = {a.user for a in schedule.absences if a.starts_at <= at < a.ends_at} if schedule.hand_over else set()
    for rotation in schedule.rotations:
        slot = _slot(rotation, zone_of(rotation, schedule), at)
        if slot is not None and (found := holder(rotation, slot, away, gone)):
            return found
    return None


def holder(rotation: Rotation, slot: int, away: Collection[int], gone: Collection[int]) -> OnCall | None:
    """Who takes that slot (the number of a turn, or the place in an outside calendar) while those people are away, and those have left;
    None where all of them have."""
    if rotation.calendar is not None:
        user = rotation.calendar[slot].user
        return None if user in gone else OnCall(user, rotation.name)
    people = rotation.participants
    due = people[slot % len(people)]
    if due not in away and due not in gone:
        return OnCall(due, rotation.name)
    there = [user for step in range(len(people)) if (user := people[(slot + step) % len(people)]) not in gone]
    if not there:
        return None
    instead = next((user for user in there if user not in away), there[0])
    return OnCall(instead, rotation.name, None if instead == due else due)


def zone_of(rotation: Rotation, schedule: Schedule) -> ZoneInfo:
    """The zone that the rotation's wall clock hangs in."""
    return ZoneInfo(rotation.zone or schedule.zone)


def _slot(rotation: Rotation, zone: ZoneInfo, at: datetime) -> int | None:
    if rotation.ends_at and at >= rotation.ends_at:
        return None
    if rotation.calendar is not None:
        place = bisect_right(rotation.calendar, at, key=lambda shift: shift.starts_at) - 1
        return place if place >= 0 and at < rotation.calendar[place].ends_at else None
    if not rotation.participants:
        return None
    turn = turn_at(rotation, zone, at)
    if turn < 0:
        return None
    if rotation.restrictions and not any(w.starts_at <= at < w.ends_at for w in windows(rotation, zone, _local(at, zone).date(), 0)):
        return None
    return turn


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


def turn_at(rotation: Rotation, zone: ZoneInfo, at: datetime) -> int:
    """The number of the turn that `at` lies in, -1 before the first. Wall-clock arithmetic is right to within a change of offset."""
    local = _local(at, zone)
    if rotation.months and not rotation.shift_hours:
        turn = ((local.year - rotation.starts_local.year) * 12 + local.month - rotation.starts_local.month) // rotation.months
    else:
        turn = (local - rotation.starts_local) // rotation.period
    while turn >= 0 and begins(rotation, zone, turn) > at:
        turn -= 1
    while turn >= -1 and begins(rotation, zone, turn + 1) <= at:
        turn += 1
    return max(turn, -1)


def begins(rotation: Rotation, zone: ZoneInfo, turn: int) -> datetime:
    """When turn number `turn` begins."""
    return instant(rotation.handoff(turn), zone)


def windows(rotation: Rotation, zone: ZoneInfo, day: date, days: int) -> Iterator[Span]:
    """The times that the restrictions leave open and that begin from the day before `day` until `days` later; they may overlap."""
    for offset in range(-1, days + 1):
        begin = day + timedelta(days=offset)
        for restriction in rotation.restrictions:
            if begin.weekday() in restriction.weekdays:
                last = begin if restriction.end > restriction.start else begin + timedelta(days=1)
                yield Span(
                    instant(datetime.combine(begin, restriction.start), zone), instant(datetime.combine(last, restriction.end), zone)
                )
