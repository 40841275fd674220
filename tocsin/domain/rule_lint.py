"""Which routing rules can never be reached, and which change nothing?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tocsin.domain.rule_model import Hours, Rule, Then


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about a list that can be kept all the same: the rule's place in the list, and a sentence."""

    place: int
    rule: str
    sentence: str


def lint(rules: tuple[Rule, ...]) -> list[Finding]:
    """Rules that can never be reached, and rules that change nothing."""
    found: list[Finding] = []
    earlier: dict[tuple[frozenset[Any], str, Hours | None], list[Rule]] = {}
    for place, rule in enumerate(rules):
        if not rule.enabled:
            continue
        if before := _swallowing(rule, earlier):
            found.append(Finding(place, rule.name, f"It is never reached: “{before.name}” before it takes everything that it would match."))
        if rule.go_on and rule.then == Then():
            found.append(Finding(place, rule.name, "It does nothing: it decides nothing and goes on."))
        if not rule.go_on:
            key = (frozenset(rule.conditions), "any" if rule.any_of and len(rule.conditions) > 1 else rule.expression, rule.hours)
            if key[1] != "any":
                earlier.setdefault(key, []).append(rule)
    return found


def _swallowing(rule: Rule, earlier: Mapping[tuple[frozenset[Any], str, Hours | None], list[Rule]]) -> Rule | None:
    """An earlier rule whose every demand this one makes as well."""
    conditions = () if rule.any_of and len(rule.conditions) > 1 else rule.conditions
    sizes = range(len(conditions) + 1) if len(conditions) <= 8 else (0, 1, len(conditions))
    for size in sizes:
        for some in combinations(conditions, size):
            for expression in {"", rule.expression}:
                for hours in {None, rule.hours}:
                    for before in earlier.get((frozenset(some), expression, hours), ()):
                        if not before.integrations or (rule.integrations and set(rule.integrations) <= set(before.integrations)):
                            return before
    return None
