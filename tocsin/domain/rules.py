"""Which routing rules does an alert meet, in order, and what do they decide? Compiled once, walked in microseconds, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from tocsin.domain.calendars import in_business_hours
from tocsin.domain.rule_conditions import test_of
from tocsin.domain.rule_model import LONGEST_MATCHED, Condition, Expressions, Rule, Test, Then, View, text_of
from tocsin.domain.rule_templates import address_of, render

BUDGET_SECONDS = 0.020  # for one event; then the default route takes it
LONGEST_SEEN = 80  # characters of a value that the trace keeps
MOST_SEEN = 1500  # characters of all of them
MOST_CODES = 2000  # characters of the results that the trace keeps
# What came of a rule: it matched; the condition of that number did not hold; its hours, its expression did not; its expression failed.
MATCHED, HOURS, EXPRESSION, RAISED, ANY = "m", "h", "x", "e", "a"
_HEAVY, _LIGHT, _LOOK_EVERY = 32, 1, 32


@dataclass(frozen=True, slots=True)
class Walk:
    """What the rules made of an alert. `met`: (rule, result) of those that were looked at; `hits`: the rules that matched, in order.

    `stopped` says why the default route took it: a rule failed or the time was up; then nothing is decided.
    """

    then: Then = field(default_factory=Then)
    hits: tuple[Rule, ...] = ()
    met: tuple[tuple[Rule, str], ...] = ()
    passed: int = 0  # rules in force for this integration that were passed before the last one that was met
    stopped: str = ""

    @property
    def added(self) -> dict[str, str]:
        """The labels that rules added."""
        return dict(self.then.labels)


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    tests: tuple[Callable[[View], bool], ...]
    expressions: Expressions | None
    weight: int

    def result(self, view: View) -> str:
        rule = self.rule
        if rule.any_of:
            if self.tests and not any(test(view) for test in self.tests):
                return ANY
        else:
            for place, test in enumerate(self.tests):
                if not test(view):
                    return str(place)
        if rule.hours and in_business_hours(rule.hours.calendar, view.now) is not rule.hours.inside:
            return HOURS
        if rule.expression and not self._says(view):
            return EXPRESSION
        return MATCHED

    def _says(self, view: View) -> bool:
        if view.ask is None:
            if self.expressions is None:
                raise LookupError("expressions cannot be read here")
            view.ask = self.expressions(view.variables())
        return view.ask(self.rule.expression)


class _Lane:
    """The rules in force for one integration. Rules that demand an exact value of a field are found by that value, the others are always asked."""

    def __init__(self, rules: Sequence[_Compiled]) -> None:
        self.rules = rules
        self.always: list[int] = []
        tables: dict[str, dict[str, list[int]]] = {}
        for place, compiled in enumerate(rules):
            anchor = _anchor(compiled.rule)
            if anchor is None:
                self.always.append(place)
                continue
            for value in set(anchor.values):
                tables.setdefault(anchor.field, {}).setdefault(value, []).append(place)
        self.tables = list(tables.items())
        self.fields = sorted({condition.field for compiled in rules for condition in compiled.rule.conditions})

    def candidates(self, view: View, after: int) -> Iterable[int]:
        """The places of the rules that may match, in order."""
        found = [self.always]
        for name, table in self.tables:
            value = view.labels.get(name[7:], "") if name.startswith("labels.") else view.fields[name]
            if places := table.get(value[:LONGEST_MATCHED]):
                found.append(places)
        places = self.always if len(found) == 1 else sorted(chain(*found))
        return places if after < 0 else [place for place in places if place > after]


class RuleSet:
    """The rules of one version, ready to be asked. `regex` makes a test of a pattern, `expressions` one of an alert's values; both may raise."""

    def __init__(self, version: int, rules: Sequence[Rule], regex: Callable[[str], Test], expressions: Expressions | None = None) -> None:
        self.version, self.rules = version, tuple(rules)
        self._compiled = [_compile(rule, regex, expressions) for rule in rules if rule.enabled]
        self._lanes: dict[int | None, _Lane] = {}

    def lane(self, integration_id: int | None) -> _Lane:
        """The rules of one integration."""
        lane = self._lanes.get(integration_id)
        if lane is None:
            scoped = [one for one in self._compiled if not one.rule.integrations or integration_id in one.rule.integrations]
            lane = self._lanes[integration_id] = _Lane(scoped)
        return lane

    def walk(
        self, view: View, integration_id: int | None, tick: Callable[[], float] | None = None, wall: Callable[[], float] | None = None
    ) -> Walk:
        """Ask the rules in order until one matches that does not go on. Never raises. `tick`: seconds of this thread's work, asked where `wall` (seconds, cheap to ask) says that it may be time."""
        lane = self.lane(integration_id)
        limit = tick() + BUDGET_SECONDS if tick else 0.0
        earliest = wall() + BUDGET_SECONDS if wall else 0.0
        then, hits, met, spent = Then(), [], [], 0
        places = iter(lane.candidates(view, -1))
        place, last = -1, False
        while not last and (place := next(places, -1)) >= 0:
            one = lane.rules[place]
            try:
                code = one.result(view)
            except Exception as error:  # whatever an expression does: the default route is safer than half of a decision
                met.append((one.rule, RAISED))
                return Walk(met=tuple(met), passed=place, stopped=f"rule “{one.rule.name}” failed: {_said(error)}")
            met.append((one.rule, code))
            spent += one.weight
            if tick and spent >= _LOOK_EVERY:
                spent = 0
                if (wall is None or wall() > earliest) and tick() > limit:
                    return Walk(met=tuple(met), passed=place, stopped=f"the rules took longer than {BUDGET_SECONDS * 1000:.0f} ms")
            if code != MATCHED:
                continue
            hits.append(one.rule)
            then = _add(then, one.rule, view)
            last = not one.rule.go_on
            if one.rule.go_on and one.rule.then.labels:
                places = iter(lane.candidates(view, place))
        return Walk(then, tuple(hits), tuple(met), place if last else len(lane.rules))

    def each(self, view: View, integration_id: int | None) -> list[tuple[Rule, str, Any]]:
        """Every rule in order with its result and, where a condition did not hold, the value that it saw; for explaining, slowly.

        Rules after the one that decided have the result "", those switched off "off", those of other integrations "scope".
        """
        compiled = {one.rule.id: one for one in self._compiled}
        found: list[tuple[Rule, str, Any]] = []
        decided = False
        for rule in self.rules:
            if decided or not rule.enabled or (rule.integrations and integration_id not in rule.integrations):
                found.append((rule, "" if decided else "off" if not rule.enabled else "scope", None))
                continue
            seen: Any = None
            try:
                code = compiled[rule.id].result(view)
                seen = view.value(rule.conditions[int(code)].field) if code.isdigit() else None
            except Exception as error:
                code, seen = RAISED, _said(error)
            found.append((rule, code, seen))
            if code == MATCHED:
                _add(Then(), rule, view)
            decided = code == RAISED or (code == MATCHED and not rule.go_on)
        return found

    def seen(self, view: View, integration_id: int | None) -> dict[str, str]:
        """The values that the conditions of an integration's rules look at, cut to what a trace may hold."""
        found, room = {}, MOST_SEEN
        for name in self.lane(integration_id).fields:
            value = view.value(name)
            if value is None or name == "title":
                continue
            found[name] = shown = text_of(value)[:LONGEST_SEEN]
            room -= len(name) + len(shown) + 8
            if room < 0:
                break
        return found


def codes(met: Iterable[tuple[Rule, str]]) -> str:
    """The results as a trace keeps them: "12:0 13:m"; cut where they are too many."""
    kept, room = [], MOST_CODES
    for rule, code in met:
        part = f"{rule.id}:{code}"
        room -= len(part) + 1
        if room < 0:
            kept.append("…")
            break
        kept.append(part)
    return " ".join(kept)


def _add(then: Then, rule: Rule, view: View) -> Then:
    """What was decided so far and what this rule adds; the later rule counts. Its labels are there for the rules after it."""
    new = rule.then
    labels = tuple((name, render(value, view)[:LONGEST_MATCHED]) for name, value in new.labels)
    links = tuple(
        (render(text, view)[:200], address) for text, raw in new.links if (address := address_of(render(raw, view, address=True)))
    )
    runbook = address_of(render(new.runbook, view, address=True)) if new.runbook else ""
    if labels:
        view.add(labels)
    return replace(
        then, service_id=new.service_id if new.service_id is not None else then.service_id, severity=new.severity or then.severity,
        policy_id=new.policy_id if new.policy_id is not None else then.policy_id,
        group_by=new.group_by if new.group_by is not None else then.group_by,
        group_minutes=new.group_minutes if new.group_minutes is not None else then.group_minutes, suppress=then.suppress or new.suppress,
        labels=tuple({**dict(then.labels), **dict(labels)}.items()), links=then.links + links, runbook=runbook or then.runbook,
    )  # fmt: skip


def _anchor(rule: Rule) -> Condition | None:
    """The condition by whose value the rule can be found."""
    if rule.any_of:
        return None
    exact = [one for one in rule.conditions if one.operator in ("equals", "one_of") and not one.field.startswith("details.")]
    return next((one for one in exact if one.field.startswith("labels.")), exact[0] if exact else None)


def _compile(rule: Rule, regex: Callable[[str], Test], expressions: Expressions | None) -> _Compiled:
    heavy = bool(rule.expression or rule.hours) or any(one.operator in ("regex", "not_regex") for one in rule.conditions)
    try:
        tests = tuple(test_of(one, regex) for one in rule.conditions)
    except Exception as error:  # a rule that cannot be asked fails when it is its turn; the others work
        tests = (_raising(error),)
    return _Compiled(rule, tests, expressions, _HEAVY if heavy else _LIGHT)


def _raising(error: Exception) -> Callable[[View], bool]:
    def fail(view: View) -> bool:
        raise error

    return fail


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
