"""Who holds the pager by an outside calendar? Its events, which may overlap, become shifts that do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import pairwise

from tocsin.domain.rotation import Shift


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One event: whom it names (the first who is known counts), from when until when, and how important it is (`[L2]` in front of its title)."""

    names: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    priority: int = 0


def shifts_of(events: Iterable[CalendarEvent], people: Mapping[str, int], source: str) -> tuple[Shift, ...]:
    """Shifts in order, without overlap. Of events at once the one of the highest priority counts, then the one that began last: what
    people lay over a longer event is meant instead of it. Events that name nobody known are left out: a gap, or the next rotation's."""
    known = [(event, user) for event in events if (user := _first(event.names, people)) is not None and event.ends_at > event.starts_at]
    known.sort(key=lambda one: (one[0].starts_at, one[0].ends_at, one[1]))
    edges = sorted({edge for event, _ in known for edge in (event.starts_at, event.ends_at)})
    running: list[tuple[int, float, int, datetime, int]] = []
    found, place = list[Shift](), 0
    for begin, finish in pairwise(edges):
        while place < len(known) and known[place][0].starts_at <= begin:
            event, user = known[place]
            heappush(running, (-event.priority, -event.starts_at.timestamp(), place, event.ends_at, user))
            place += 1
        while running and running[0][3] <= begin:
            heappop(running)
        if not running:
            continue
        user = running[0][4]
        if found and found[-1].user == user and found[-1].ends_at == begin:
            found[-1] = Shift(user, found[-1].starts_at, finish, source)
        else:
            found.append(Shift(user, begin, finish, source))
    return tuple(found)


def _first(names: Iterable[str], people: Mapping[str, int]) -> int | None:
    return next((people[name] for name in names if name in people), None)


def unknown(events: Iterable[CalendarEvent], people: Mapping[str, int]) -> list[str]:
    """The first name of each event that leads to nobody, each once, the most frequent first."""
    counts: dict[str, int] = {}
    for event in events:
        if event.names and _first(event.names, people) is None:
            counts[event.names[0]] = counts.get(event.names[0], 0) + 1
    return sorted(counts, key=lambda name: (-counts[name], name))
