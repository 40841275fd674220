"""What is a routing rule made of, and what does it see of an alert?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.domain.calendars import BusinessCalendar

LONGEST_MATCHED = 4096  # characters of a value that conditions look at
FIELDS = ("title", "status", "severity", "service", "source", "integration", "dedup_key")
OPERATORS = {
    "equals": "is", "not": "is not", "one_of": "is one of", "contains": "contains", "lacks": "does not contain", "starts_with": "starts with",
    "regex": "matches", "not_regex": "does not match", "exists": "is there", "absent": "is not there",
    "above": "is above", "at_least": "is at least", "below": "is below", "at_most": "is at most",
}  # fmt: skip

Test = Callable[[str], bool]
Ask = Callable[[str], bool]  # is this expression true of the alert? Raises where that cannot be said
Expressions = Callable[[Mapping[str, Any]], Ask]  # variables → who is asked


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: `field` is one of FIELDS, `labels.NAME` or `details.PATH`; `values` holds one text, for `one_of` several."""

    field: str
    operator: str = "equals"
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hours:
    """A rule that holds only inside (or only outside) of these hours. `holidays`: the country (ISO 3166-1) whose holidays the calendar has."""

    calendar: BusinessCalendar
    inside: bool = True
    holidays: str = ""


@dataclass(frozen=True, slots=True)
class Then:
    """What a rule decides; empty: it says nothing about it. Values of labels, links and the runbook may hold {labels.host} and the like."""

    service_id: int | None = None
    severity: str = ""
    policy_id: int | None = None
    group_by: tuple[str, ...] | None = None
    group_minutes: int | None = None
    suppress: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    links: tuple[tuple[str, str], ...] = ()  # (text, address)
    runbook: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One routing rule: all (or any) conditions, the hours and the expression must hold. `go_on`: the rules after it are asked as well."""

    id: int
    name: str
    conditions: tuple[Condition, ...] = ()
    any_of: bool = False
    expression: str = ""
    hours: Hours | None = None
    integrations: tuple[int, ...] = ()  # empty: all
    then: Then = Then()
    go_on: bool = False
    enabled: bool = True


@dataclass(slots=True)
class View:
    """An alert as conditions see it. `labels` are a copy that rules may add to."""

    fields: Mapping[str, str]
    labels: dict[str, str]
    details: Mapping[str, Any]
    now: datetime
    ask: Ask | None = None  # made when the first expression is met

    def add(self, labels: Iterable[tuple[str, str]]) -> None:
        """Labels that a rule adds."""
        self.labels.update(labels)
        self.ask = None

    def value(self, name: str) -> Any:
        """The value of a field; None where there is none."""
        if name.startswith("labels."):
            return self.labels.get(name[7:])
        if name.startswith("details."):
            return _inside(self.details, name[8:])
        return self.fields.get(name)

    def variables(self) -> dict[str, Any]:
        """What an expression may name."""
        return {**self.fields, "labels": self.labels, "details": self.details}


def is_field(name: str) -> bool:
    """Is there a field of that name?"""
    return name in FIELDS or (name.startswith(("labels.", "details.")) and not name.endswith("."))


def text_of(value: Any) -> str:
    """A value as conditions and templates read it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(text_of(one) for one in value[:50])
    return "(fields)" if isinstance(value, Mapping) else str(value)[:LONGEST_MATCHED]


def _inside(details: Mapping[str, Any], path: str) -> Any:
    """A value inside of details: by its whole name, else step by step along the dots."""
    if path in details:
        return details[path]
    found: Any = details
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, (list, tuple)) and step.isdecimal() and int(step[:6]) < len(found):
            found = found[int(step[:6])]
        else:
            return None
    return found
