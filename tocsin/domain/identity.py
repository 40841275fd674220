"""Which labels make two events the same alert, and what would another choice of them merge or split?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def chosen(labels: Mapping[str, str], identity: Sequence[str]) -> dict[str, str] | None:
    """The labels that make the identity, in alphabetical order; None where an event bears none of them: it would be merged with all such events."""
    picked = {name: labels[name] for name in sorted(identity) if labels.get(name)}
    return picked or None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What other keys would do to the same events: of how many events, how many keys before and after, how many merged and how many split."""

    events: int
    before: int
    after: int
    merged: int  # keys after the change under which events of several keys of before would come together
    split: int  # keys of before whose events would come apart


def compare(pairs: Sequence[tuple[str, str]]) -> Comparison:
    """Compare (key before, key after) of the same events."""
    to: dict[str, set[str]] = {}
    origin: dict[str, set[str]] = {}
    for before, after in pairs:
        to.setdefault(before, set()).add(after)
        origin.setdefault(after, set()).add(before)
    return Comparison(
        len(pairs), len(to), len(origin), sum(len(keys) > 1 for keys in origin.values()), sum(len(keys) > 1 for keys in to.values())
    )
