"""Who takes which span when a shift is swapped, covered or taken, and may they?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tocsin.domain.final_schedule import spans
from tocsin.domain.rotation import Schedule, Shift, Span


@dataclass(frozen=True, slots=True)
class StandIn:
    """One override to be made."""

    user: int
    starts_at: datetime
    ends_at: datetime


def holds(schedule: Schedule, user: int, start: datetime, end: datetime) -> bool:
    """Is that person on call for the whole of the span?"""
    found = spans(schedule, start, end)
    return bool(found) and all(isinstance(span, Shift) and span.user == user for span in found)


def empty(schedule: Schedule, start: datetime, end: datetime) -> bool:
    """Is nobody on call for the whole of the span?"""
    return all(isinstance(span, Span) for span in spans(schedule, start, end))


def take(schedule: Schedule, user: int, at: datetime, horizon: datetime) -> StandIn | None:
    """What "I take this shift now" makes: that person, from `at` until the present shift (or gap) ends; None when they hold it already."""
    first = spans(schedule, at, horizon)[0]
    if isinstance(first, Shift) and first.user == user:
        return None
    return StandIn(user, at, first.ends_at)


def swap(schedule: Schedule, asker: int, taker: int, span: Span, back: Span | None) -> list[StandIn] | str:
    """The overrides of a swap or a cover, or one sentence that says why it can't be. Cover may also be asked for a gap, by anybody."""
    gap = back is None and empty(schedule, span.starts_at, span.ends_at)
    if asker == taker and not gap:
        return "Nobody can take a shift from themselves."
    if not gap and not holds(schedule, asker, span.starts_at, span.ends_at):
        return "Who asks is not on call for the whole of that span any more."
    made = [StandIn(taker, span.starts_at, span.ends_at)]
    if back:
        if back.starts_at < span.ends_at and span.starts_at < back.ends_at:
            return "The two spans of a swap may not overlap."
        if not holds(schedule, taker, back.starts_at, back.ends_at):
            return "Who is asked is not on call for the whole of the span in return."
        made.append(StandIn(asker, back.starts_at, back.ends_at))
    return made
