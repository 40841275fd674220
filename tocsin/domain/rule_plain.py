"""How are routing rules written as plain values (dicts, lists, texts), and what is wrong with such a list?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.rule_model import OPERATORS, Condition, Hours, Rule, Then, is_field
from tocsin.domain.rule_templates import placeholders

MOST_RULES = 2_000
MOST_CONDITIONS = 20
MOST_VALUES = 100
MOST_LABELS = 20
MOST_LINKS = 10
MOST_GROUP_LABELS = 20
LONGEST_GROUP = 1_440  # minutes
LONGEST_VALUE = 1_000  # characters of a value, a pattern, a template
LONGEST_EXPRESSION = 1_000
NUMBERS = ("above", "at_least", "below", "at_most")
BARE = ("exists", "absent")
KEYS = ("id", "name", "enabled", "integrations", "match", "conditions", "expression", "hours", "then", "go_on")
THEN_KEYS = ("service", "severity", "policy", "group_by", "group_minutes", "suppress", "labels", "links", "runbook")
HOURS_KEYS = ("inside", "zone", "days", "from", "to", "holidays")

Complaint = Callable[[str], str]
HolidaysOf = Callable[[str], frozenset[date]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules may name: ids of services, policies and integrations, severities; and who says what is wrong with a pattern or an expression."""

    services: Collection[int]
    policies: Collection[int]
    integrations: Collection[int]
    severities: Collection[str]
    pattern: Complaint
    expression: Complaint


class RulesError(ValueError):
    """A list of rules that cannot be kept: place ("0.conditions.1.value") → a sentence that says what would be right."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {sentence}" for place, sentence in errors.items())[:2000])
        self.errors = dict(errors)


def read(plain: Any, facts: Facts) -> tuple[Rule, ...]:
    """The rules of a plain list that somebody wrote. Raises RulesError naming every mistake (the first hundred)."""
    reader = _Reader(facts)
    rules = reader.rules(plain)
    if reader.errors:
        raise RulesError(dict(list(reader.errors.items())[:100]))
    return rules


def stored(plain: list[dict[str, Any]], holidays: HolidaysOf = lambda country: frozenset()) -> tuple[Rule, ...]:
    """The rules of a list that was kept, in the form of `to_plain`."""
    return tuple(_stored(one, holidays) for one in plain)


def to_plain(rule: Rule) -> dict[str, Any]:
    """A rule as plain values."""
    then = rule.then
    return {
        "id": rule.id, "name": rule.name, "enabled": rule.enabled, "integrations": list(rule.integrations),
        "match": "any" if rule.any_of else "all", "conditions": [_condition(one) for one in rule.conditions], "expression": rule.expression,
        "hours": _hours(rule.hours), "go_on": rule.go_on,
        "then": {
            "service": then.service_id, "severity": then.severity, "policy": then.policy_id,
            "group_by": None if then.group_by is None else list(then.group_by), "group_minutes": then.group_minutes,
            "suppress": then.suppress, "labels": dict(then.labels), "runbook": then.runbook,
            "links": [{"text": text, "address": address} for text, address in then.links],
        },
    }  # fmt: skip


def _condition(one: Condition) -> dict[str, Any]:
    written: dict[str, Any] = {"field": one.field, "operator": one.operator}
    if one.operator == "one_of":
        written["value"] = list(one.values)
    elif one.operator not in BARE:
        written["value"] = one.values[0] if one.values else ""
    return written


def _hours(hours: Hours | None) -> dict[str, Any] | None:
    if hours is None:
        return None
    calendar = hours.calendar
    return {
        "inside": hours.inside, "zone": calendar.zone, "days": sorted(calendar.working_days), "from": f"{calendar.day_starts:%H:%M}",
        "to": f"{calendar.day_ends:%H:%M}", "holidays": hours.holidays,
    }  # fmt: skip


def _stored(one: Mapping[str, Any], holidays: HolidaysOf) -> Rule:
    then, hours = one["then"], one["hours"]
    conditions = []
    for condition in one["conditions"]:
        value = condition.get("value", ())
        conditions.append(
            Condition(
                condition["field"], condition["operator"], tuple(value) if isinstance(value, list) else (value,) if value != () else ()
            )
        )
    kept = None
    if hours:
        calendar = BusinessCalendar(
            hours["zone"], time.fromisoformat(hours["from"]), time.fromisoformat(hours["to"]),
            holidays(hours["holidays"]) if hours["holidays"] else frozenset(), frozenset(hours["days"]),
        )  # fmt: skip
        kept = Hours(calendar, hours["inside"], hours["holidays"])
    decided = Then(
        then["service"], then["severity"], then["policy"], None if then["group_by"] is None else tuple(then["group_by"]), then["group_minutes"],
        then["suppress"], tuple(then["labels"].items()), tuple((link["text"], link["address"]) for link in then["links"]), then["runbook"],
    )  # fmt: skip
    return Rule(
        one["id"], one["name"], tuple(conditions), one["match"] == "any", one["expression"], kept, tuple(one["integrations"]), decided,
        one["go_on"], one["enabled"],
    )  # fmt: skip


class _Reader:
    """Reads what somebody wrote, and collects a sentence for everything that is not right."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.errors: dict[str, str] = {}

    def rules(self, plain: Any) -> tuple[Rule, ...]:
        if not isinstance(plain, list) or len(plain) > MOST_RULES:
            self.errors["rules"] = f"A list of at most {MOST_RULES:,} rules."
            return ()
        rules = [self.rule(str(place), one) for place, one in enumerate(plain)]
        ids = [rule.id for rule in rules if rule.id]
        for place, rule in enumerate(rules):
            if rule.id and ids.count(rule.id) > 1:
                self.errors[f"{place}.id"] = f"Two rules have the id {rule.id}; leave it out of a new one."
        return tuple(rules)

    def rule(self, at: str, plain: Any) -> Rule:
        one = self._object(at, plain, KEYS)
        name = self._text(f"{at}.name", one.get("name", ""), 120).strip()
        if not name:
            self._wrong(f"{at}.name", "A rule needs a name of at most 120 characters.")
        match = one.get("match", "all")
        if match not in ("all", "any"):
            self._wrong(f"{at}.match", "It is all or any.")
        expression = self._text(f"{at}.expression", one.get("expression") or "", LONGEST_EXPRESSION).strip()
        if expression and (complaint := self.facts.expression(expression)):
            self._wrong(f"{at}.expression", complaint)
        conditions = self._list(f"{at}.conditions", one.get("conditions"), MOST_CONDITIONS)
        return Rule(
            self._id(f"{at}.id", one.get("id")) or 0, name,
            tuple(self.condition(f"{at}.conditions.{place}", condition) for place, condition in enumerate(conditions)), match == "any", expression,
            self.hours(f"{at}.hours", one.get("hours")), self._known(f"{at}.integrations", one.get("integrations")),
            self.then(f"{at}.then", one.get("then") or {}), self._flag(f"{at}.go_on", one.get("go_on", False)),
            self._flag(f"{at}.enabled", one.get("enabled", True)),
        )  # fmt: skip

    def condition(self, at: str, plain: Any) -> Condition:
        one = self._object(at, plain, ("field", "operator", "value"))
        name = self._text(f"{at}.field", one.get("field", ""), 300).strip()
        if not is_field(name):
            self._wrong(
                f"{at}.field", "It is title, status, severity, service, source, integration, dedup_key, labels.NAME or details.PATH."
            )
        operator = one.get("operator", "equals")
        if not isinstance(operator, str) or operator not in OPERATORS:
            self._wrong(f"{at}.operator", f"It is one of {', '.join(OPERATORS)}.")
            return Condition(name)
        if operator in BARE:
            return Condition(name, operator)
        value = one.get("value", "")
        if operator == "one_of":
            values = self._list(f"{at}.value", value if isinstance(value, list) else [value], MOST_VALUES)
            return Condition(name, operator, tuple(self._value(f"{at}.value", item) for item in values))
        text = self._value(f"{at}.value", value)
        if operator in NUMBERS and not _is_number(text):
            self._wrong(f"{at}.value", "It is a number.")
        if operator in ("contains", "lacks", "starts_with") and not text:
            self._wrong(f"{at}.value", "Say which text.")
        if operator in ("regex", "not_regex") and (complaint := self.facts.pattern(text) if text else "say which pattern"):
            self._wrong(f"{at}.value", f"{complaint[:1].upper()}{complaint[1:]}.")
        return Condition(name, operator, (text,))

    def hours(self, at: str, plain: Any) -> Hours | None:
        if plain is None:
            return None
        one = self._object(at, plain, HOURS_KEYS)
        zone = one.get("zone", "UTC")
        try:
            ZoneInfo(zone)
        except (ValueError, TypeError, OSError, LookupError):
            self._wrong(f"{at}.zone", "It is an IANA time zone such as Europe/Berlin.")
            zone = "UTC"
        days = one.get("days", [0, 1, 2, 3, 4])
        if not isinstance(days, list) or not days or any(type(day) is not int or not 0 <= day <= 6 for day in days):
            self._wrong(f"{at}.days", "At least one day: 0 is Monday, 6 is Sunday.")
            days = [0]
        begin, end = self._time(f"{at}.from", one.get("from", "09:00")), self._time(f"{at}.to", one.get("to", "17:00"))
        if begin >= end:
            self._wrong(f"{at}.to", "The hours end after they begin; for a night say “outside” of the day's hours.")
        country = self._text(f"{at}.holidays", one.get("holidays") or "", 2).upper()
        if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
            self._wrong(f"{at}.holidays", "It is a country of two letters such as DE, or empty.")
        return Hours(
            BusinessCalendar(zone, begin, end, frozenset(), frozenset(days)), self._flag(f"{at}.inside", one.get("inside", True)), country
        )

    def then(self, at: str, plain: Any) -> Then:
        one = self._object(at, plain, THEN_KEYS)
        service, policy = self._id(f"{at}.service", one.get("service")), self._id(f"{at}.policy", one.get("policy"))
        if service is not None and service not in self.facts.services:
            self._wrong(f"{at}.service", "There is no such service.")
        if policy is not None and policy not in self.facts.policies:
            self._wrong(f"{at}.policy", "There is no such escalation policy.")
        severity = self._text(f"{at}.severity", one.get("severity") or "", 20)
        if severity and severity not in self.facts.severities:
            self._wrong(f"{at}.severity", f"It is one of {', '.join(self.facts.severities)}.")
        minutes = one.get("group_minutes")
        if minutes is not None and (type(minutes) is not int or not 1 <= minutes <= LONGEST_GROUP):
            self._wrong(f"{at}.group_minutes", f"Whole minutes, 1 to {LONGEST_GROUP:,}.")
        group = one.get("group_by")
        grouped = None if group is None else tuple(
            self._text(f"{at}.group_by", name, 200) for name in self._list(f"{at}.group_by", group, MOST_GROUP_LABELS)
        )  # fmt: skip
        runbook = self._address(f"{at}.runbook", one.get("runbook") or "")
        return Then(
            service, severity, policy, grouped, minutes, self._flag(f"{at}.suppress", one.get("suppress", False)),
            self._labels(f"{at}.labels", one.get("labels")), self._links(f"{at}.links", one.get("links")), runbook,
        )  # fmt: skip

    def _labels(self, at: str, plain: Any) -> tuple[tuple[str, str], ...]:
        labels = plain if plain is not None else {}
        if not isinstance(labels, Mapping) or len(labels) > MOST_LABELS:
            self._wrong(at, f"At most {MOST_LABELS} labels, each a name and a text.")
            return ()
        if any(not isinstance(name, str) or not 0 < len(name) <= 200 for name in labels):
            self._wrong(at, "A label's name has 1 to 200 characters.")
            return ()
        return tuple((name, self._template(f"{at}.{name}", value)) for name, value in labels.items())

    def _links(self, at: str, plain: Any) -> tuple[tuple[str, str], ...]:
        links = []
        for place, link in enumerate(self._list(at, plain, MOST_LINKS)):
            one = self._object(f"{at}.{place}", link, ("text", "address"))
            text = self._template(f"{at}.{place}.text", one.get("text") or "", 200)
            address = self._address(f"{at}.{place}.address", one.get("address") or "")
            if not address:
                self._wrong(f"{at}.{place}.address", "A link needs an address that begins with http:// or https://.")
            links.append((text or address, address))
        return tuple(links)

    def _template(self, at: str, value: Any, longest: int = LONGEST_VALUE) -> str:
        text = self._text(at, value, longest)
        if text.count("{") != len(placeholders(text)):
            self._wrong(at, "In braces stands a field: {title}, {service}, {labels.NAME}, {details.PATH}.")
        return text

    def _address(self, at: str, value: Any) -> str:
        text = self._template(at, value).strip()
        good = text.startswith(("http://", "https://", "{")) and not any(sign.isspace() or sign in "<>\"'" for sign in text)
        if text and not good:
            self._wrong(at, "An address begins with http:// or https:// (or with a field that holds one).")
        return text

    def _value(self, at: str, value: Any) -> str:
        if isinstance(value, bool) or (isinstance(value, (int, float)) and len(str(value)) <= 50):
            return str(value).lower() if isinstance(value, bool) else str(value)
        return self._text(at, value, LONGEST_VALUE)

    def _text(self, at: str, value: Any, longest: int) -> str:
        if not isinstance(value, str) or len(value) > longest or "\x00" in value:
            self._wrong(at, f"A text of at most {longest:,} characters.")
            return ""
        return value

    def _flag(self, at: str, value: Any) -> bool:
        if not isinstance(value, bool):
            self._wrong(at, "It is true or false.")
        return bool(value)

    def _id(self, at: str, value: Any) -> int | None:
        if value is None or (type(value) is int and 0 < value < 2**53):
            return value
        self._wrong(at, "It is an id, a whole number.")
        return None

    def _known(self, at: str, value: Any) -> tuple[int, ...]:
        ids = tuple(id for one in self._list(at, value, MOST_VALUES) if (id := self._id(at, one)) is not None)
        if any(id not in self.facts.integrations for id in ids):
            self._wrong(at, "There is no such integration.")
        return ids

    def _time(self, at: str, value: Any) -> time:
        try:
            if isinstance(value, str) and len(value) == 5:
                return time.fromisoformat(value)
        except ValueError:
            pass
        self._wrong(at, "A time of day such as 09:00.")
        return time(0)

    def _list(self, at: str, value: Any, most: int) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list) or len(value) > most:
            self._wrong(at, f"A list of at most {most}.")
            return []
        return value

    def _object(self, at: str, value: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self._wrong(at, "It is an object with names and values.")
            return {}
        if unknown := [str(key)[:50] for key in value if key not in keys]:
            self._wrong(f"{at}.{unknown[0]}", f"There is no such field; there are {', '.join(keys)}.")
        return value

    def _wrong(self, at: str, sentence: str) -> None:
        self.errors.setdefault(at, sentence)


def _is_number(text: str) -> bool:
    try:
        return len(text) <= 50 and float(text) == float(text)
    except ValueError:
        return False
