"""What of PagerDuty's event orchestrations can be said here? The rules of their routers, which choose a service, as routing rules. Pure.

https://developer.pagerduty.com/docs/ZG9jOjM1NTE0MDc0-pcl-overview - the language of their conditions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tocsin.integrations.moving.calendar import Unsaid

TERM = re.compile(
    r"\s*event\.([a-z_][\w.-]*)\s+(does\s+not\s+match\s+part|does\s+not\s+match\s+regex|does\s+not\s+match|matches\s+part|matches\s+regex|matches"
    r"|does\s+not\s+exist|exists)(?:\s+'((?:[^'\\]|\\.)*)')?(?:\s+(and|or)\b|\s*$)",
    re.IGNORECASE,
)
OPERATORS = {
    "matches": "equals", "does not match": "not", "matches part": "contains", "does not match part": "lacks", "matches regex": "regex",
    "does not match regex": "not_regex", "exists": "exists", "does not exist": "absent",
}  # fmt: skip
FIELDS = {
    "summary": "title", "severity": "severity", "dedup_key": "dedup_key", "source": "labels.source", "component": "labels.component",
    "group": "labels.group", "class": "labels.class",
}  # fmt: skip
DETAILS = "custom_details."


def routing(raw: Mapping[str, Any], integrations: list[dict[str, Any]], notes: list[str]) -> list[dict[str, Any]]:
    """The routers of the event orchestrations. Their integrations join the others, at the service that takes what no rule does."""
    if why := raw["no_orchestrations"]:
        notes.append(f"Event orchestrations could not be read: {why}.")
    services, found = {str(one.get("id")): str(one["name"]) for one in raw["services"]}, list[dict[str, Any]]()
    for one in raw["orchestrations"]:
        name, router, own = str(one.get("name") or "Orchestration"), one.get("router") or {}, []
        rest = services.get(str(((router.get("catch_all") or {}).get("actions") or {}).get("route_to")))
        for place, given in enumerate(one.get("integrations") or [], 1):
            label = f"{name}: {given.get('label') or place}"[:120]
            if label.lower() not in {str(known["name"]).lower() for known in integrations}:
                integrations.append({"name": label, "kind": "pagerduty_events_v2", **({"service": rest} if rest else {})})
                own.append(label)
        found += rules_of(name, router, own, services, notes) if own else []
        if number := number_of(one.get("global") or {}):
            notes.append(f"Event orchestration {name}: its {number} global rules are not carried over; say them under Routing.")
    for id, path in raw["orchestrations_of_services"].items():
        if number := number_of(path):
            notes.append(f"Service {services.get(id, id)}: the {number} rules of its event orchestration are not carried over.")
    if found:
        notes.append("The routing rules of this file take the place of all that are here; take them out of it, or add yours to it.")
    return found


def rules_of(
    name: str, router: Mapping[str, Any], integrations: list[str], services: Mapping[str, str], notes: list[str]
) -> list[dict[str, Any]]:
    """The rules of one orchestration's router for what comes in by those integrations, in their order. `services`: names by id."""
    found = []
    for place, rule in enumerate(_written(router), 1):
        label = str(rule.get("label") or "").strip() or f"rule {place}"
        where = f"Event orchestration {name}, {label}"
        if rule.get("disabled"):
            notes.append(f"{where} is left out: it is switched off.")
            continue
        try:
            service = services.get(str((rule.get("actions") or {}).get("route_to")))
            if service is None:
                raise Unsaid("the service that it chooses")
            match, conditions = conditions_of([str(one.get("expression") or "") for one in rule.get("conditions") or []])
        except Unsaid as unsaid:
            notes.append(f"{where} is left out: {unsaid} cannot be said here.")
            continue
        found.append({
            "name": f"{name}: {place}. {label}"[:120], "match": match, "conditions": conditions, "integrations": integrations, "then": {"service": service},
        })  # fmt: skip
    return found


def _written(path: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules of the set that events come to first."""
    sets = [one for one in path.get("sets") or [] if isinstance(one, dict)]
    return [rule for one in sets if one.get("id", "start") == "start" for rule in one.get("rules") or [] if isinstance(rule, dict)]


def number_of(path: Mapping[str, Any]) -> int:
    """How many rules a global orchestration, or one of a service, has."""
    return sum(len(one.get("rules") or []) for one in path.get("sets") or [] if isinstance(one, dict))


def conditions_of(expressions: list[str]) -> tuple[str, list[dict[str, Any]]]:
    """ "all" or "any", and the conditions. Any of the expressions is enough there. Raises Unsaid."""
    read = [_expression(one) for one in expressions]
    if len(read) == 1:
        return read[0]
    if any(match == "all" and len(conditions) > 1 for match, conditions in read):
        raise Unsaid("“and” beside “or”")
    return "any" if read else "all", [one for _, conditions in read for one in conditions]


def _expression(text: str) -> tuple[str, list[dict[str, Any]]]:
    found, joins, place = list[dict[str, Any]](), set[str](), 0
    while term := TERM.match(text, place):
        field, verb, value, join = term.groups()
        found.append(_condition(field, " ".join(verb.lower().split()), value))
        place = term.end()
        if join is None:
            break
        joins.add(join.lower())
    if not found or place != len(text) or len(found) != _terms(text):
        raise Unsaid(f"“{text[:80]}”")
    if len(joins) > 1:
        raise Unsaid("“and” beside “or”")
    return ("any" if joins == {"or"} else "all"), found


def _terms(text: str) -> int:
    """How many things are asked, outside of quoted values."""
    return len(re.findall(r"\b(?:and|or)\b", re.sub(r"'(?:[^'\\]|\\.)*'", "''", text), re.IGNORECASE)) + 1


def _condition(field: str, verb: str, value: str | None) -> dict[str, Any]:
    if field.startswith(DETAILS):
        name = f"details.{field}"
    elif field in FIELDS:
        name = FIELDS[field]
    else:
        raise Unsaid(f"the field {field}")
    operator = OPERATORS[verb]
    if operator in ("exists", "absent"):
        return {"field": name, "operator": operator}
    if value is None:
        raise Unsaid(f"“{verb}” without a value")
    text = re.sub(r"\\(['\\])", r"\1", value)
    return {"field": name, "operator": operator, "value": f".*(?:{text}).*" if "regex" in operator else text}
