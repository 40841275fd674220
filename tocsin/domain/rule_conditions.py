"""When does the condition of a routing rule hold? Each is made a function once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tocsin.domain.rule_model import LONGEST_MATCHED, Condition, Test, View, text_of

_OPPOSITES = {"not": "equals", "lacks": "contains", "not_regex": "regex", "absent": "exists"}


def test_of(condition: Condition, regex: Callable[[str], Test]) -> Callable[[View], bool]:
    """The function that says whether the condition holds for an alert; `regex` makes a test of a pattern and may raise."""
    opposite = condition.operator in _OPPOSITES
    holds = _of_text(_OPPOSITES.get(condition.operator, condition.operator), condition.values, regex)
    name = condition.field
    if name.startswith("labels."):
        label = name[7:]
        return lambda view: holds(view.labels.get(label, "")[:LONGEST_MATCHED]) is not opposite
    if not name.startswith("details."):
        return lambda view: holds(view.fields[name][:LONGEST_MATCHED]) is not opposite
    return lambda view: _of_any(holds, view.value(name)) is not opposite


def _of_any(holds: Test, value: Any) -> bool:
    """A list holds where one of its items does."""
    if isinstance(value, (list, tuple)):
        return any(holds(text_of(one)[:LONGEST_MATCHED]) for one in value[:100])
    return holds(text_of(value)[:LONGEST_MATCHED])


def _of_text(operator: str, values: tuple[str, ...], regex: Callable[[str], Test]) -> Test:
    wanted = values[0] if values else ""
    folded = wanted.lower()
    if operator == "equals":
        return lambda text: text == wanted
    if operator == "one_of":
        return frozenset(values).__contains__
    if operator == "contains":
        return lambda text: folded in text.lower()
    if operator == "starts_with":
        return lambda text: text.lower().startswith(folded)
    if operator == "exists":
        return bool
    if operator == "regex":
        return regex(wanted)
    limit = float(wanted)
    if operator == "above":
        return lambda text: (number := _number(text)) is not None and number > limit
    if operator == "at_least":
        return lambda text: (number := _number(text)) is not None and number >= limit
    if operator == "below":
        return lambda text: (number := _number(text)) is not None and number < limit
    return lambda text: (number := _number(text)) is not None and number <= limit


def _number(text: str) -> float | None:
    try:
        return float(text) if len(text) <= 50 else None
    except ValueError:
        return None
