"""Is somebody who is to be paged told already, because another track pages them about the same thing at the same moment? Decided on values.

Whoever stands in two tracks is told once a moment. The more urgent page wins, and stands for the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.domain.delivery import PAGE_EVERY_SECONDS

MOMENT = timedelta(seconds=PAGE_EVERY_SECONDS)  # as long as one method would be held back anyway
URGENCIES = ("low", "high")  # the more urgent one last

Way = tuple[int, int]  # a method, and which of its repetitions


@dataclass(frozen=True, slots=True)
class Told:
    """A page of another track to the same person about the same thing, which may still reach them or has. `waits`: it was not tried yet."""

    page: int
    way: Way
    urgency: str
    made_at: datetime
    waits: bool = True


@dataclass(frozen=True, slots=True)
class Once:
    """`counted`: the ways of the new page that do not go out, each with the page that stands for it. `replaced`: the less urgent pages that do
    not go out, each with the way of the new page that stands for it. Both are empty where nobody has told them."""

    counted: Mapping[Way, int] = field(default_factory=dict)
    replaced: Mapping[int, Way] = field(default_factory=dict)


def once(ways: Sequence[Way], urgency: str, told: Sequence[Told], now: datetime) -> Once:
    """What goes out of a page by these ways to somebody who was `told` by other tracks, in the order in which those pages were made."""
    fresh = [one for one in told if one.made_at > now - MOMENT]
    enough = [one for one in fresh if URGENCIES.index(one.urgency) >= URGENCIES.index(urgency)]
    if enough:
        by_way = {one.way: one.page for one in reversed(enough)}
        return Once(counted={way: by_way.get(way, enough[0].page) for way in ways})
    by_method = {method: (method, turn) for method, turn in reversed(ways)}
    return Once(replaced={one.page: by_method.get(one.way[0], ways[0]) for one in fresh if one.waits and ways})
