"""What lies ahead on a schedule that would hurt? Gaps, people on call twice, people who are away or have left, people whom no page reaches or who never tried."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from tocsin.domain.rotation import Absence, Shift, Span


class Kind(StrEnum):
    """What is wrong with a stretch of time, the worst first."""

    GAP = "gap"  # nobody is on call
    UNREACHABLE = "unreachable"  # no verified way leads to who is
    NOT_READY = "not_ready"  # who is has never acknowledged a test page
    LEFT = "left"  # whose turn it is has left, and somebody stands in for them
    AWAY = "away"  # who is has said that they are away, or it is a public holiday where they live
    DOUBLE = "double"  # who is holds another schedule's pager as well


ORDER = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Trouble:
    """From `starts_at` until `ends_at` something is wrong; `user` is who is on call (None in a gap), `why` the other schedule, the reason or who
    has left."""

    kind: Kind
    starts_at: datetime
    ends_at: datetime
    user: int | None = None
    why: str = ""


def troubles(
    final: Iterable[Shift | Span],
    *,
    others: Mapping[str, Sequence[Shift]],
    absences: Iterable[Absence],
    unreachable: Collection[int],
    unready: Collection[int] = (),
    left: Mapping[int, str] = MappingProxyType({}),
) -> list[Trouble]:
    """What is wrong in a final schedule, by time. `others`: the shifts of schedules that stand beside it, by name. `left`: what those who
    have left were called."""
    away: dict[int, list[Absence]] = {}
    for one in absences:
        away.setdefault(one.user, []).append(one)
    found = list[Trouble]()
    for span in final:
        if isinstance(span, Span):
            _add(found, Trouble(Kind.GAP, span.starts_at, span.ends_at))
            continue
        if span.user in unreachable:  # who cannot have acknowledged a test page either
            _add(found, Trouble(Kind.UNREACHABLE, span.starts_at, span.ends_at, span.user))
        elif span.user in unready:
            _add(found, Trouble(Kind.NOT_READY, span.starts_at, span.ends_at, span.user))
        if span.instead_of and span.instead_of in left:
            _add(found, Trouble(Kind.LEFT, span.starts_at, span.ends_at, span.user, left[span.instead_of]))
        for absence in away.get(span.user, ()):
            _both(found, Kind.AWAY, span, absence, absence.reason)
        for name, shifts in others.items():
            for shift in shifts:
                if shift.user == span.user:
                    _both(found, Kind.DOUBLE, span, shift, name)
    return sorted(found, key=lambda one: (one.starts_at, ORDER.index(one.kind)))


def _both(found: list[Trouble], kind: Kind, shift: Shift, other: Shift | Absence, why: str) -> None:
    begin, end = max(shift.starts_at, other.starts_at), min(shift.ends_at, other.ends_at)
    if begin < end:
        _add(found, Trouble(kind, begin, end, shift.user, why))


def _add(found: list[Trouble], new: Trouble) -> None:
    """Join it to one of the same kind that it goes on from."""
    for place, old in enumerate(found):
        if (old.kind, old.user, old.why, old.ends_at) == (new.kind, new.user, new.why, new.starts_at):
            found[place] = Trouble(old.kind, old.starts_at, new.ends_at, old.user, old.why)
            return
    found.append(new)


def words(one: Trouble, name: str) -> str:
    """What is wrong, in a clause: who is on call is called `name`."""
    return {
        Kind.GAP: "Nobody is on call",
        Kind.UNREACHABLE: f"No page reaches {name}, who has no verified contact method",
        Kind.NOT_READY: f"{name} has not acknowledged a test page yet",
        Kind.LEFT: f"{name} stands in for {one.why}, who has left and should be taken out of the rotation",
        Kind.AWAY: f"{name} is away ({one.why})",
        Kind.DOUBLE: f"{name} is on call for {one.why} as well",
    }[one.kind]
