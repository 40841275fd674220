"""Whom does a schedule owe a word, and when? My shift starts in a day, in an hour, is over; my next shift moved; trouble in 14, 7, 1 days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.ahead import Trouble
from tocsin.domain.rotation import Shift

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WARNED = (timedelta(days=1), timedelta(days=7), timedelta(days=14))  # so long ahead, the nearest first
MOVES_WITHIN = timedelta(days=58)  # a next shift that lies further away says nothing yet


class Word(StrEnum):
    """What is said about a shift."""

    DAY = "day"
    HOUR = "hour"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Owed:
    """A word that falls due at `due_at` about the time that `user` holds the pager."""

    word: Word
    user: int
    starts_at: datetime
    ends_at: datetime
    due_at: datetime


def holdings(shifts: Iterable[Shift]) -> list[Shift]:
    """Shifts in order, with those that one person holds without a break joined: nobody hands over to themselves."""
    found = list[Shift]()
    for shift in shifts:
        if found and (found[-1].user, found[-1].ends_at) == (shift.user, shift.starts_at):
            found[-1] = Shift(shift.user, found[-1].starts_at, shift.ends_at, found[-1].source)
        else:
            found.append(shift)
    return found


def owed(held: Iterable[Shift], now: datetime, until: datetime, edge: datetime) -> Iterator[Owed]:
    """The words that fall due until `until`. What would have been due already is due now, while it still helps: a shift that begins in
    twenty hours is announced, one that has begun is not. `edge`: where the shifts were cut off; what ends there has no end yet."""
    for shift in held:
        begins, ends = shift.starts_at, shift.ends_at
        if begins > now + 2 * HOUR and begins - DAY <= until:
            yield Owed(Word.DAY, shift.user, begins, ends, max(begins - DAY, now))
        if begins > now and begins - HOUR <= until:
            yield Owed(Word.HOUR, shift.user, begins, ends, max(begins - HOUR, now))
        if now < ends <= until and ends < edge:
            yield Owed(Word.OVER, shift.user, begins, ends, ends)


@dataclass(frozen=True, slots=True)
class Next:
    """Somebody's next shift, as they know it; no times: none within two months."""

    starts_at: datetime | None
    ends_at: datetime | None


def next_shifts(held: Iterable[Shift], now: datetime, edge: datetime) -> dict[int, Next]:
    """Each person's next shift that has not begun; its end is not known where the shifts were cut off."""
    found = dict[int, Next]()
    for shift in held:
        if shift.starts_at > now:
            found.setdefault(shift.user, Next(shift.starts_at, shift.ends_at if shift.ends_at < edge else None))
    return found


def moved(before: Next | None, after: Next, now: datetime) -> bool:
    """Is that a change that somebody must hear of? Not that time went on: a shift that began, or one that came into sight."""
    near = now + MOVES_WITHIN
    if before is None or before.starts_at is None:
        return after.starts_at is not None and after.starts_at < near and before is not None
    if before.starts_at <= now:
        return False
    if after.starts_at is None or before.starts_at != after.starts_at:
        return before.starts_at < near
    return before.ends_at is not None and after.ends_at is not None and before.ends_at != after.ends_at


def warning(trouble: Trouble, now: datetime) -> tuple[str, int] | None:
    """By which identity a trouble is told, and so many days ahead (14, 7, 1); None where it lies further away. What is wrong already has
    no fixed beginning, and goes by its end."""
    ahead = trouble.starts_at - now
    days = next((limit.days for limit in WARNED if ahead <= limit), None)
    if days is None:
        return None
    mark = trouble.starts_at if ahead > timedelta(0) else trouble.ends_at
    begun = "" if ahead > timedelta(0) else "until"
    return f"{trouble.kind}:{trouble.user or 0}:{begun}{int(mark.timestamp())}:{trouble.why}"[:150], days
