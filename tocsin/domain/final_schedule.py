"""Which shifts make up a span of time, and when is nobody on call? Equal to `rotation.on_call` at every instant, worked out in one sweep."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from tocsin.domain.rotation import (
    OVERRIDE,
    OnCall,
    Override,
    Rotation,
    Schedule,
    Shift,
    Span,
    begins,
    holder,
    turn_at,
    windows,
    zone_of,
)

# A wall clock may be set back by so much within a span: one more turn may begin in it than its length says.
SET_BACK = timedelta(hours=26)


def shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """The shifts between `start` and `end` (aware), cut off at both, in order; times without anybody are left out."""
    return [shift for shift in spans(schedule, start, end) if isinstance(shift, Shift)]


def gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Span]:
    """When nobody is on call between `start` and `end`, in order."""
    return [span for span in spans(schedule, start, end) if isinstance(span, Span)]


def rotation_shifts(schedule: Schedule, rotation: Rotation, start: datetime, end: datetime) -> list[Shift]:
    """What one rotation alone would give, without overrides and the others: the row of a grid."""
    alone = replace(schedule, rotations=(rotation,), overrides=())
    return shifts(alone, start, end)


def spans(schedule: Schedule, start: datetime, end: datetime) -> list[Shift | Span]:
    """Shifts and gaps that cover the whole of `start` until `end`, in order."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return []
    layers = [_Layer(rotation, _pieces(schedule, rotation, start, end)) for rotation in schedule.rotations]
    overrides = _held_overrides(schedule)
    standing_in, away = _StandIns(overrides), _Away(schedule, start)
    points = {start, *(since for _, since in schedule.left)}
    for layer in layers:
        points.update(edge for piece in layer.pieces for edge in piece[:2])
    points.update(edge for one in overrides for edge in (one.starts_at, one.ends_at))
    if schedule.hand_over:
        points.update(edge for one in schedule.absences for edge in (one.starts_at, one.ends_at))
    found: list[Shift | Span] = []
    marks = sorted(mark for mark in points if start <= mark < end)
    for begin, finish in zip(marks, [*marks[1:], end], strict=True):
        _add(found, _who(layers, standing_in, away.at(begin), schedule.gone(begin), begin), begin.astimezone(UTC), finish.astimezone(UTC))
    return found


def _held_overrides(schedule: Schedule) -> tuple[Override, ...]:
    """The overrides, each until its person left."""
    left = dict(schedule.left)
    cut = (replace(one, ends_at=min(one.ends_at, left[one.user])) if one.user in left else one for one in schedule.overrides)
    return tuple(one for one in cut if one.starts_at < one.ends_at)


def _who(layers: list[_Layer], standing_in: _StandIns, away: Collection[int], gone: Collection[int], at: datetime) -> OnCall | None:
    if (user := standing_in.at(at)) is not None:
        return OnCall(user, OVERRIDE)
    for layer in layers:
        if (slot := layer.at(at)) is not None and (found := holder(layer.rotation, slot, away, gone)):
            return found
    return None


def _add(found: list[Shift | Span], who: OnCall | None, begin: datetime, finish: datetime) -> None:
    same = found[-1] if found else None
    if who is None:
        if isinstance(same, Span):
            begin = found.pop().starts_at
        found.append(Span(begin, finish))
        return
    if isinstance(same, Shift) and (same.user, same.source, same.instead_of) == (who.user, who.source, who.instead_of):
        begin = found.pop().starts_at
    found.append(Shift(who.user, begin, finish, who.source, who.instead_of))


Piece = tuple[datetime, datetime, int]  # from, until, slot


def _pieces(schedule: Schedule, rotation: Rotation, start: datetime, end: datetime) -> list[Piece]:
    """When the rotation has somebody, in order and without overlap, cut off at its own end."""
    if rotation.calendar is not None:
        pieces = [(s.starts_at, s.ends_at, place) for place, s in enumerate(rotation.calendar) if s.ends_at > start and s.starts_at < end]
    elif rotation.participants:
        pieces = _turns(schedule, rotation, start, end)
    else:
        pieces = []
    if rotation.ends_at is None:
        return pieces
    until = rotation.ends_at
    return [(begin, min(finish, until), slot) for begin, finish, slot in pieces if begin < until]


def _turns(schedule: Schedule, rotation: Rotation, start: datetime, end: datetime) -> list[Piece]:
    zone = zone_of(rotation, schedule)
    turn = max(turn_at(rotation, zone, start), 0)
    begin, turns = begins(rotation, zone, turn), []
    while begin < end:
        following = begins(rotation, zone, turn + 1)
        if following > begin:  # two handoffs that one jump of the clock swallowed: only the later one counts
            turns.append((begin, following, turn))
        begin, turn = following, turn + 1
    if not rotation.restrictions:
        return turns
    day, days = start.astimezone(zone).date(), (end - start + SET_BACK).days + 1
    return _cut(turns, _joined(sorted(windows(rotation, zone, day, days), key=lambda w: w.starts_at)))


def _joined(open: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for window in open:
        if joined and window.starts_at <= joined[-1].ends_at:
            if window.ends_at > joined[-1].ends_at:
                joined[-1] = Span(joined[-1].starts_at, window.ends_at)
        elif window.ends_at > window.starts_at:
            joined.append(window)
    return joined


def _cut(turns: list[Piece], open: list[Span]) -> list[Piece]:
    cut, place = [], 0
    for begin, finish, slot in turns:
        while place < len(open) and open[place].ends_at <= begin:
            place += 1
        at = place
        while at < len(open) and open[at].starts_at < finish:
            cut.append((max(begin, open[at].starts_at), min(finish, open[at].ends_at), slot))
            at += 1
    return cut


@dataclass(slots=True)
class _Layer:
    """One rotation's pieces, asked for instants in rising order."""

    rotation: Rotation
    pieces: list[Piece]
    place: int = 0

    def at(self, at: datetime) -> int | None:
        pieces = self.pieces
        while self.place < len(pieces) and pieces[self.place][1] <= at:
            self.place += 1
        return pieces[self.place][2] if self.place < len(pieces) and pieces[self.place][0] <= at else None


class _StandIns:
    """The overrides, asked for instants in rising order: the one in force that was made last."""

    def __init__(self, overrides: tuple[Override, ...]) -> None:
        self.coming = sorted(overrides, key=lambda o: o.starts_at, reverse=True)
        self.running: list[tuple[int, int, datetime, int]] = []
        self.count = 0

    def at(self, at: datetime) -> int | None:
        while self.coming and self.coming[-1].starts_at <= at:
            override = self.coming.pop()
            self.count += 1
            heappush(self.running, (-override.order, self.count, override.ends_at, override.user))
        while self.running and self.running[0][2] <= at:
            heappop(self.running)
        return self.running[0][3] if self.running else None


class _Away:
    """Who is away, asked for instants in rising order; nobody where the schedule does not hand over."""

    def __init__(self, schedule: Schedule, start: datetime) -> None:
        absences = [a for a in schedule.absences if a.ends_at > start] if schedule.hand_over else []
        self.coming = sorted(absences, key=lambda a: a.starts_at, reverse=True)
        self.ending: list[tuple[datetime, int]] = []

    def at(self, at: datetime) -> set[int]:
        while self.coming and self.coming[-1].starts_at <= at:
            absence = self.coming.pop()
            heappush(self.ending, (absence.ends_at, absence.user))
        while self.ending and self.ending[0][0] <= at:
            heappop(self.ending)
        return {user for _, user in self.ending}


@dataclass(frozen=True, slots=True)
class Difference:
    """From `starts_at` until `ends_at` another person holds the pager than before; None: nobody."""

    starts_at: datetime
    ends_at: datetime
    before: Shift | None
    after: Shift | None


def differences(before: Schedule, after: Schedule, start: datetime, end: datetime) -> list[Difference]:
    """Where two schedules name different people between two instants, in order."""
    sides = [spans(schedule, start, end) for schedule in (before, after)]
    marks = sorted({span.starts_at for side in sides for span in side})
    places, found = [0, 0], list[Difference]()
    for begin, finish in zip(marks, [*marks[1:], end.astimezone(UTC)], strict=True):
        for side in (0, 1):
            while sides[side][places[side]].ends_at <= begin:
                places[side] += 1
        one, other = (span if isinstance(span := sides[side][places[side]], Shift) else None for side in (0, 1))
        if _same(one, other):
            continue
        last = found[-1] if found else None
        if last and last.ends_at == begin and _same(last.before, one) and _same(last.after, other):
            found[-1] = Difference(last.starts_at, finish, last.before, last.after)
        else:
            found.append(Difference(begin, finish, one, other))
    return found


def _same(one: Shift | None, other: Shift | None) -> bool:
    return (one.user if one else None) == (other.user if other else None)
