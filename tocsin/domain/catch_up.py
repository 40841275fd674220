"""What happens once Tocsin itself was away, or its paging was held back? Decided on values; whoever carries it out reads and writes the rows.

First what came in meanwhile is looked at (an alert may be over), then steps that fell due start, then pages go out: one per person and
method, each saying how late it is. Delays that had not passed begin anew, so that steps do not all fire at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AWAY_AFTER = timedelta(minutes=2)
LONGEST_LOOK = timedelta(seconds=30)  # for what waits to be folded; then paging goes on without: it fails open
LONGEST_STEPPING = timedelta(seconds=30)
TOLD_FROM = timedelta(minutes=2)  # how late a page must be to say so


class Stage(StrEnum):
    """How far the return is. HELD: an administrator must release paging first."""

    HELD = "held"
    LOOKING = "looking"
    STEPPING = "stepping"
    SENDING = "sending"


@dataclass(frozen=True, slots=True)
class Return:
    """How it stands: the stage so far, since when Tocsin is back, and what still waits from before that."""

    stage: Stage
    returned_at: datetime | None
    events_wait: bool = False
    steps_wait: bool = False


def was_away(silence_seconds: float | None) -> bool:
    """Whether so long a silence of the paging loops counts as having been away; None: they never ran."""
    return silence_seconds is not None and silence_seconds > AWAY_AFTER.total_seconds()


def following(state: Return, now: datetime) -> Stage:
    """The stage that follows: the same one while something waits that belongs to it, and not for ever."""
    if state.returned_at is None or state.stage in (Stage.HELD, Stage.SENDING):
        return state.stage
    if state.stage is Stage.LOOKING and (not state.events_wait or now - state.returned_at > LONGEST_LOOK):
        return Stage.STEPPING
    if state.stage is Stage.STEPPING and (not state.steps_wait or now - state.returned_at > LONGEST_LOOK + LONGEST_STEPPING):
        return Stage.SENDING
    return state.stage


def step_again(due_at: datetime, first: datetime | None, *, now: datetime) -> datetime:
    """When an overdue step starts: at once; after its whole wait where the pages of the step before it never went out. `first`: when the
    first of those was due, None where one was tried."""
    return now + max(due_at - first, timedelta()) if first else now


@dataclass(frozen=True, slots=True)
class Waiting:
    """A page that was not sent yet. `group`: the page to one person by all of their methods; `method` 0: none."""

    id: int
    group: str
    method: int
    due_at: datetime
    fresh: bool = True  # never tried


def delays_again(pages: Iterable[Waiting], now: datetime) -> dict[int, datetime]:
    """New due times: the first overdue method of each group now, the others as long after it as they were. Groups without one stay as they are."""
    groups: dict[str, list[Waiting]] = {}
    for page in pages:
        groups.setdefault(page.group, []).append(page)
    moved: dict[int, datetime] = {}
    for group in groups.values():
        first = min(page.due_at for page in group)
        if first < now:
            moved |= {page.id: page.due_at + (now - first) for page in group}
    return moved


def merged(pages: Iterable[Waiting], now: datetime) -> dict[int, list[int]]:
    """Which pages that are due go out together: the id of the one that is sent, and of those that it stands for. Never one that was tried."""
    leading: dict[int, int] = {}
    found: dict[int, list[int]] = {}
    for page in sorted(pages, key=lambda one: (one.due_at, one.id)):
        if page.due_at > now or not page.fresh or not page.method:
            continue
        lead = leading.setdefault(page.method, page.id)
        if lead != page.id:
            found.setdefault(lead, []).append(page.id)
    return found


def late_by(due_at: datetime, now: datetime) -> int:
    """Whole seconds that a page is late; 0 where nobody need be told."""
    late = now - due_at
    return int(late.total_seconds()) if late >= TOLD_FROM else 0


def words(seconds: int) -> str:
    """A span as people say it: "40 minutes", "3 hours", "2 days"."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (size == 60 and seconds >= 60):
            count = round(seconds / size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"
