"""What does a routing rule say, and what came of it, in words?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.domain.rule_model import OPERATORS, Condition, Hours, Rule, Then, text_of
from tocsin.domain.rules import ANY, EXPRESSION, HOURS, MATCHED, RAISED

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LONGEST_SHOWN = 120
_PLAIN = {
    "title": "title", "status": "status", "severity": "the source's severity", "service": "service", "source": "source",
    "integration": "integration", "dedup_key": "dedup key",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Names:
    """What ids in rules are called."""

    services: Mapping[int, str] = field(default_factory=dict)
    policies: Mapping[int, str] = field(default_factory=dict)
    integrations: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Met:
    """One rule as an alert met it. `result` is matched, not matched, failed, not asked, off or other integration; `sentence` says why."""

    place: int  # counted from 1
    rule: int
    name: str
    result: str
    sentence: str


def demands(rule: Rule, names: Names) -> list[str]:
    """What a rule demands, a sentence part each; empty: it matches everything."""
    parts = [condition(one) for one in rule.conditions]
    if rule.any_of and len(parts) > 1:
        parts = [" or ".join(parts)]
    if rule.expression:
        parts.append(f"the expression {rule.expression} is true")
    if rule.hours:
        parts.append(f"it is {hours(rule.hours)}")
    if rule.integrations:
        parts.append("it came by " + " or ".join(names.integrations.get(one, f"integration {one}") for one in rule.integrations))
    return parts


def decides(then: Then, names: Names) -> list[str]:
    """What a rule decides, a sentence part each."""
    parts = []
    if then.service_id is not None:
        parts.append(f"service {names.services.get(then.service_id, 'that is not there any more')}")
    if then.severity:
        parts.append(f"severity {then.severity}")
    if then.policy_id is not None:
        parts.append(f"pages by {names.policies.get(then.policy_id, 'a policy that is not there any more')}")
    if then.group_by is not None:
        parts.append("grouped by " + (", ".join(then.group_by) or "nothing but the service"))
    if then.group_minutes is not None:
        parts.append(f"grouped within {then.group_minutes} minutes")
    if then.suppress:
        parts.append("nobody is paged")
    parts += [f"label {name} = {_cut(value)}" for name, value in then.labels]
    parts += [f"link “{_cut(text)}”" for text, _ in then.links]
    if then.runbook:
        parts.append(f"runbook {_cut(then.runbook)}")
    return parts


def condition(one: Condition) -> str:
    """label team is “db”"""
    return f"{called(one.field)} {OPERATORS.get(one.operator, one.operator)}{_wanted(one)}"


def called(name: str) -> str:
    """What people call a field."""
    if name.startswith("labels."):
        return f"label {name[7:]}"
    return f"detail {name[8:]}" if name.startswith("details.") else _PLAIN.get(name, name)


def hours(hours: Hours) -> str:
    """inside Monday to Friday, 09:00 to 17:00 in Europe/Berlin"""
    calendar = hours.calendar
    days = sorted(calendar.working_days)
    whole = len(days) > 2 and days == list(range(days[0], days[-1] + 1))
    said = f"{DAYS[days[0]]} to {DAYS[days[-1]]}" if whole else ", ".join(DAYS[day] for day in days)
    free = f" (without holidays of {hours.holidays})" if hours.holidays else ""
    return f"{'inside' if hours.inside else 'outside'} {said}, {calendar.day_starts:%H:%M} to {calendar.day_ends:%H:%M} in {calendar.zone}{free}"


def met(place: int, rule: Rule, code: str, seen: Any, names: Names) -> Met:
    """What came of one rule. `code` as in `rules`; `seen`: the value of the condition that did not hold, or what failed."""
    if code == MATCHED:
        decided = decides(rule.then, names)
        what = f"decides {'; '.join(decided)}" if decided else "decides nothing, the defaults count"
        return Met(place, rule.id, rule.name, "matched", f"matches: {what}" + (", and the next rules are asked" if rule.go_on else ""))
    result, sentence = "not matched", ""
    if code.isdigit() and int(code) < len(rule.conditions):
        one = rule.conditions[int(code)]
        sentence = (
            f"{called(one.field)} {_is(seen)}, wanted {'' if one.operator == 'equals' else _operator(one)}{_wanted(one).strip()}".rstrip()
        )
        sentence = f"{sentence}: does not match"
    elif code == ANY:
        sentence = "none of its conditions holds: does not match"
    elif code == HOURS and rule.hours:
        sentence = f"it was not {hours(rule.hours)}: does not match"
    elif code == EXPRESSION:
        sentence = f"its expression {_cut(rule.expression)} is not true: does not match"
    elif code == RAISED:
        result, sentence = "failed", f"could not be asked ({seen or 'it failed'}): the default route takes it"
    elif code == "off":
        result, sentence = "off", "is switched off"
    elif code == "scope":
        names_of = ", ".join(names.integrations.get(one, f"integration {one}") for one in rule.integrations)
        result, sentence = "other integration", f"is only for {names_of}"
    elif code == "anchor":
        sentence = "one of its exact values differs: does not match"
    else:
        result, sentence = "not asked", "was not asked: a rule before it had decided"
    return Met(place, rule.id, rule.name, result, sentence)


def told(path: Mapping[str, Any], rules: Sequence[Rule], names: Names) -> list[Met]:
    """The rules that a kept trace speaks of, in words. `rules` are those of the version that the trace names, in their order."""
    results = dict(part.split(":", 1) for part in str(path.get("met", "")).split() if ":" in part)
    seen, integration = path.get("seen", {}), path.get("integration")
    found, over = [], False
    for place, rule in enumerate(rules, 1):
        code = results.get(str(rule.id), "")
        if over:
            code = ""
        elif not rule.enabled:
            code = "off"
        elif rule.integrations and integration not in rule.integrations:
            code = "scope"
        elif not code:
            code = _unlooked(rule, seen)
        value = seen.get(rule.conditions[int(code)].field) if code.isdigit() and int(code) < len(rule.conditions) else None
        found.append(met(place, rule, code, path.get("stopped") if code == RAISED else value, names))
        over = over or code == RAISED or (code == MATCHED and not rule.go_on)
    return found


def _unlooked(rule: Rule, seen: Mapping[str, str]) -> str:
    """The code of a rule that was passed over because one of its exact values differs."""
    exact = [
        place for place, one in enumerate(rule.conditions) if one.operator in ("equals", "one_of") and not one.field.startswith("details.")
    ]
    return next(
        (str(place) for place in exact if seen.get(rule.conditions[place].field, "") not in rule.conditions[place].values), "anchor"
    )


def _wanted(one: Condition) -> str:
    if not one.values:
        return ""
    return " " + (", ".join(f"“{_cut(value)}”" for value in one.values[:10]) + (" …" if len(one.values) > 10 else "") or "“”")


def _operator(one: Condition) -> str:
    words = {
        "not": "anything but ", "one_of": "one of ", "contains": "one that contains ", "lacks": "one without ", "starts_with": "one that starts with ",
        "regex": "one that matches ", "not_regex": "one that does not match ", "exists": "any", "absent": "none", "above": "above ",
        "at_least": "at least ", "below": "below ", "at_most": "at most ",
    }  # fmt: skip
    return words.get(one.operator, "")


def _is(seen: Any) -> str:
    text = text_of(seen)
    return f"is “{_cut(text)}”" if text else "is not there"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
