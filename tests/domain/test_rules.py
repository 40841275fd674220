"""Routing rules: the first match decides, quickly, within a budget, whatever the rules and the alerts are."""

import re
from datetime import UTC, datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.procedure import default
from tocsin.domain.routing import Directory, ServiceFacts, Subject, route
from tocsin.domain.rule_lint import lint
from tocsin.domain.rule_model import FIELDS, Condition, Hours, Rule, Then, View
from tocsin.domain.rule_plain import Facts, RulesError, read, stored, to_plain
from tocsin.domain.rule_templates import render
from tocsin.domain.rule_words import Names, demands, told
from tocsin.domain.rules import BUDGET_SECONDS, MATCHED, RuleSet

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
FACTS = Facts(
    {1, 2}, {5}, {7}, ("SEV1", "SEV2", "SEV3", "SEV4"), lambda p: "" if "(" not in p else "this is no regular expression", lambda e: ""
)


def regex(pattern):
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def view(labels=None, details=None, now=NOW, **fields):
    return View({**dict.fromkeys(FIELDS, ""), **fields}, dict(labels or {}), details or {}, now)


def rules(*some, expressions=None, version=3):
    return RuleSet(version, some, regex, expressions)


def rule(id, *conditions, **fields):
    return Rule(id, fields.pop("name", f"rule {id}"), conditions, **fields)


def routed(ruleset, tick=None, **fields):
    subject = Subject(**{"title": "Disk full", "source_severity": "critical", "integration": "Prometheus", "integration_id": 7, **fields})
    services = {1: ServiceFacts(1, "checkout"), 2: ServiceFacts(2, "search")}
    return route(subject, Directory(services, (), ruleset, tick), default(), NOW, lambda p, v: bool(re.fullmatch(p, v)))


TEAM = Condition("labels.team", "equals", ("db",))


@pytest.mark.parametrize(
    ("operator", "values", "value", "holds"),
    [
        ("equals", ("db",), "db", True), ("equals", ("db",), "DB", False), ("not", ("db",), "web", True), ("not", ("db",), None, True),
        ("one_of", ("a", "db"), "db", True), ("one_of", ("a",), "db", False), ("contains", ("B-1",), "db-17", True), ("lacks", ("x",), "db", True),
        ("starts_with", ("DB",), "db-1", True), ("regex", ("d.",), "db", True), ("regex", ("d",), "db", False), ("not_regex", ("d",), "db", True),
        ("exists", (), "x", True), ("exists", (), None, False), ("absent", (), None, True), ("above", ("4",), "4.5", True),
        ("above", ("4",), "high", False), ("at_least", ("4",), "4", True), ("below", ("4",), "3", True), ("at_most", ("4",), "5", False),
    ],
)  # fmt: skip
def test_each_operator(operator, values, value, holds):
    labels = {} if value is None else {"it": value}
    walked = rules(rule(1, Condition("labels.it", operator, values))).walk(view(labels), None)
    assert bool(walked.hits) is holds


def test_details_are_reached_by_their_path_and_a_list_holds_where_an_item_does():
    details = {"host": {"tags": ["prod", "eu"]}, "a.b": 3}
    for condition in (
        Condition("details.host.tags", "equals", ("eu",)),
        Condition("details.a.b", "at_least", ("3",)),
        Condition("details.host.tags.0", "equals", ("prod",)),
    ):
        assert rules(rule(1, condition)).walk(view(details=details), None).hits
    assert not rules(rule(1, Condition("details.host.nothing.x", "exists"))).walk(view(details=details), None).hits


def test_the_first_match_decides_service_severity_policy_grouping_and_says_so():
    decision = routed(
        rules(rule(1, Condition("severity", "equals", ("info",))), rule(2, TEAM, then=Then(2, "SEV1", 5, ("host",), 10)), rule(3, then=Then(1))),
        labels={"team": "db"}, service="checkout",
    )  # fmt: skip
    assert (decision.service_id, decision.severity, decision.policy_id, decision.group_by, decision.group_minutes) == (
        2,
        "SEV1",
        5,
        ("host",),
        10,
    )
    assert (decision.rule_id, decision.rule_ids, decision.suppressed_by) == (2, (2,), "")
    assert any("matches “rule 2”" in line for line in decision.trace) and "rule 2" in decision.severity_reason
    assert decision.path["version"] == 3 and decision.path["met"] == "2:m"


def test_a_rule_that_goes_on_enriches_and_the_next_ones_see_what_it_added():
    ruleset = rules(
        rule(1, Condition("title", "contains", ("disk",)), go_on=True, then=Then(labels=(("team", "db"), ("what", "{title} on {labels.host}")))),
        rule(2, TEAM, then=Then(severity="SEV2", links=(("Graphs of {labels.host}", "https://g.example/d?host={labels.host}"),), runbook="https://r.example/{labels.host}")),
    )  # fmt: skip
    decision = routed(ruleset, labels={"host": "db 1"})
    assert decision.labels == {"team": "db", "what": "Disk full on db 1"}
    assert decision.links == (("Graphs of db 1", "https://g.example/d?host=db%201"),) and decision.runbook == "https://r.example/db%201"
    assert decision.rule_ids == (1, 2)


def test_a_link_that_is_no_address_once_it_is_filled_in_is_left_out():
    ruleset = rules(rule(1, then=Then(links=(("Board", "{labels.board}"),), runbook="{labels.board}")))
    assert routed(ruleset, labels={"board": "javascript:alert(1)"}).links == ()
    assert routed(ruleset, labels={"board": "https://b.example/1"}).links == (("Board", "https://b.example/1"),)


def test_what_a_rule_holds_back_names_the_rule():
    decision = routed(rules(rule(1, TEAM, name="Noise of staging", then=Then(suppress=True))), labels={"team": "db"})
    assert decision.suppressed_by == "routing rule “Noise of staging”"
    assert any("suppressed by routing rule “Noise of staging”" in line for line in decision.trace)


def test_rules_of_one_integration_and_rules_switched_off_leave_others_alone():
    ruleset = rules(rule(1, integrations=(8,), then=Then(1)), rule(2, enabled=False, then=Then(1)), rule(3, then=Then(2)))
    assert routed(ruleset).rule_id == 3
    assert routed(ruleset, integration_id=8).rule_id == 1


@pytest.mark.parametrize(
    ("hour", "inside", "holds"), [(10, True, True), (18, True, False), (18, False, True), (9, True, True), (17, True, False)]
)
def test_business_hours_count_in_their_zone(hour, inside, holds):
    calendar = BusinessCalendar("Europe/Berlin", time(10), time(18))  # 9 to 17 in UTC
    walked = rules(rule(1, hours=Hours(calendar, inside))).walk(view(now=NOW.replace(hour=hour)), None)
    assert bool(walked.hits) is holds


def test_a_service_or_severity_that_is_gone_leaves_the_default_and_says_so():
    decision = routed(rules(rule(1, then=Then(service_id=99, severity="P9"))), service="checkout")
    assert (decision.service_id, decision.severity) == (1, "SEV2")
    assert any("not there any more" in line for line in decision.trace) and any("P9" in line for line in decision.trace)


def test_a_rule_that_raises_leaves_the_event_to_the_default_route_which_says_so():
    def expressions(variables):
        def ask(text):
            raise TypeError("no such overload")

        return ask

    ruleset = rules(
        rule(1, go_on=True, then=Then(1, labels=(("x", "y"),))),
        rule(2, expression="broken"),
        rule(3, then=Then(2)),
        expressions=expressions,
    )
    decision = routed(ruleset, service="search")
    assert (decision.service_id, decision.rule_id, decision.labels) == (2, None, {})
    assert any("default route" in line and "no such overload" in line for line in decision.trace)
    assert decision.path["met"] == "1:m 2:e"


def test_a_pattern_that_cannot_be_used_fails_only_its_own_rule():
    ruleset = rules(rule(1, TEAM, then=Then(1)), rule(2, Condition("title", "regex", ("(",)), then=Then(2)))
    assert routed(ruleset, labels={"team": "db"}).rule_id == 1
    assert "default route" in " ".join(routed(ruleset).trace)


def test_when_the_time_is_up_the_default_route_takes_it_and_says_so():
    clock = iter(number * BUDGET_SECONDS / 10 for number in range(1000))
    ruleset = rules(*[rule(n, Condition("title", "regex", (".*x",)), then=Then(2)) for n in range(1, 100)], rule(100, then=Then(2)))
    decision = routed(ruleset, tick=lambda: next(clock), service="checkout")
    assert (decision.service_id, decision.rule_id) == (1, None) and any("20 ms" in line for line in decision.trace)


def test_an_expression_sees_the_alert_and_the_labels_that_rules_added():
    seen = []

    def expressions(variables):
        seen.append({**variables, "labels": dict(variables["labels"])})
        return lambda text: text == "yes"

    ruleset = rules(
        rule(1, expression="yes", go_on=True, then=Then(labels=(("team", "db"),))),
        rule(2, expression="no"),
        rule(3, expression="yes"),
        expressions=expressions,
    )
    walked = ruleset.walk(view({"host": "a"}, {"n": 1}, title="T"), None)
    assert [rule.id for rule in walked.hits] == [1, 3]
    assert [one["labels"] for one in seen] == [{"host": "a"}, {"host": "a", "team": "db"}] and seen[0]["details"] == {"n": 1}


# -- the same as asking one rule after the other ------------------------------------------------------------------------

WORDS = st.sampled_from(["", "a", "b", "ab", "A", "1", "2.5", "nan", "é"])
NAMES = st.sampled_from(["labels.x", "labels.y", "severity", "title", "details.n", "details.n.m"])
CONDITIONS = st.builds(
    lambda name, operator, words, number: Condition(name, operator, (number,) if operator in ("above", "at_least", "below", "at_most") else tuple(words)),
    NAMES, st.sampled_from(["equals", "not", "one_of", "contains", "lacks", "starts_with", "regex", "exists", "absent", "above", "at_most"]),
    st.lists(WORDS, min_size=1, max_size=2), st.sampled_from(["0", "1", "2.5"]),
)  # fmt: skip
THENS = st.builds(
    lambda service, labels: Then(service, labels=tuple(labels.items())), st.sampled_from([None, 1, 2]),
    st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(["a", "b", "{title}"]), max_size=1),
)  # fmt: skip
LISTS = st.lists(
    st.tuples(st.lists(CONDITIONS, max_size=3), st.booleans(), THENS, st.booleans(), st.booleans(), st.sampled_from([(), (7,), (8,)])),
    max_size=12,
)
VALUES = st.recursive(
    WORDS | st.integers(-3, 3) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("m"), inner),
    max_leaves=4,
)


def naive(some, labels, details, fields):
    """One rule after the other, one condition after the other, as the documentation tells it."""
    hits = []
    labels = dict(labels)
    for one in some:
        if not one.enabled or (one.integrations and 7 not in one.integrations):
            continue
        alone = RuleSet(1, [Rule(one.id, one.name, one.conditions, one.any_of)], regex)
        if all(code != MATCHED for _, code in alone.walk(view(labels, details, **fields), None).met):
            continue
        hits.append(one.id)
        for name, template in one.then.labels:
            labels[name] = template.replace("{title}", fields["title"])
        if not one.go_on:
            break
    return hits, labels


@settings(max_examples=150, deadline=None)
@given(
    LISTS, st.dictionaries(st.sampled_from(["x", "y", "z"]), WORDS), st.dictionaries(st.sampled_from(["n", "n.m"]), VALUES), WORDS, WORDS
)
def test_the_index_changes_nothing_but_the_time(plain, labels, details, title, severity):
    some = [
        Rule(number, f"r{number}", tuple(conditions), any_of, then=then, go_on=go_on, enabled=enabled, integrations=scope)
        for number, (conditions, any_of, then, go_on, enabled, scope) in enumerate(plain, 1)
    ]
    fields = {"title": title, "severity": severity}
    hits, after = naive(some, labels, details, fields)
    looked = view(labels, details, **fields)
    walked = RuleSet(1, some, regex).walk(looked, 7)
    assert ([one.id for one in walked.hits], looked.labels) == (hits, after)
    slow = RuleSet(1, some, regex).each(view(labels, details, **fields), 7)
    assert [one.id for one, code, _ in slow if code == MATCHED] == hits


@settings(max_examples=150, deadline=None)
@given(
    LISTS,
    st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=5),
    st.dictionaries(st.text(max_size=5), VALUES, max_size=5),
    st.text(max_size=40),
)
def test_routing_never_raises_and_its_trace_stays_small(plain, labels, details, title):
    some = [
        Rule(number, "r", tuple(c), a, then=t, go_on=g, expression="x" if number % 5 == 0 else "")
        for number, (c, a, t, g, _, _) in enumerate(plain, 1)
    ]
    decision = routed(RuleSet(1, some, regex), title=title, labels=labels, details=details)
    assert decision.severity and len(str(decision.path)) < 4096
    if decision.path:
        assert len(told(decision.path, some, Names())) == len(some)


def test_two_thousand_rules_leave_a_small_trace():
    some = [
        rule(n, Condition("labels.host", "contains", (f"host-{n:05}",)), Condition(f"labels.l{n}", "exists"), then=Then(1))
        for n in range(1, 2001)
    ]
    decision = routed(rules(*some), labels={f"l{n}": "x" * 4000 for n in range(200)})
    assert decision.rule_id is None and len(str(decision.path)) < 4096 and decision.path["passed"] == 2000


# -- in words -----------------------------------------------------------------------------------------------------------


def test_a_kept_trace_tells_every_rule_in_words():
    some = [
        rule(1, TEAM, name="Database to DBAs", then=Then(1)), rule(2, Condition("title", "contains", ("cpu",)), name="CPU"), rule(3, enabled=False),
        rule(4, integrations=(8,)), rule(5, name="Rest", then=Then(2)), rule(6),
    ]  # fmt: skip
    decision = routed(rules(*some), labels={"team": "web"})
    said = told(decision.path, some, Names({1: "checkout", 2: "search"}, {}, {8: "Zabbix"}))
    assert said[0].sentence == "label team is “web”, wanted “db”: does not match"
    assert "wanted one that contains “cpu”" in said[1].sentence
    assert [one.result for one in said] == ["not matched", "not matched", "off", "other integration", "matched", "not asked"]
    assert said[4].sentence == "matches: decides service search" and "Zabbix" in said[3].sentence


def test_what_a_rule_demands_is_a_sentence():
    one = rule(
        1,
        TEAM,
        Condition("severity", "one_of", ("critical", "error")),
        any_of=True,
        expression="size(title) > 3",
        hours=Hours(BusinessCalendar("Europe/Berlin")),
    )
    assert demands(one, Names()) == [
        "label team is “db” or the source's severity is one of “critical”, “error”", "the expression size(title) > 3 is true",
        "it is inside Monday to Friday, 09:00 to 17:00 in Europe/Berlin",
    ]  # fmt: skip


# -- read and written ---------------------------------------------------------------------------------------------------


def test_rules_are_read_and_written_without_loss():
    plain = [{
        "id": 4, "name": "Database to DBAs", "enabled": False, "integrations": [7], "match": "any", "expression": "true", "go_on": True,
        "conditions": [{"field": "labels.team", "operator": "one_of", "value": ["db", "sql"]}, {"field": "details.n", "operator": "above", "value": 3}, {"field": "source", "operator": "exists"}],
        "hours": {"inside": False, "zone": "Europe/Berlin", "days": [0, 1], "from": "08:00", "to": "18:30", "holidays": "DE"},
        "then": {"service": 1, "severity": "SEV2", "policy": 5, "group_by": ["host"], "group_minutes": 15, "suppress": True, "labels": {"a": "{labels.host}"},
                 "links": [{"text": "Graphs", "address": "https://g.example/{labels.host}"}], "runbook": "https://r.example"},
    }]  # fmt: skip
    one = read(plain, FACTS)[0]
    assert stored([to_plain(one)]) == (one,)
    assert to_plain(one)["conditions"][1] == {"field": "details.n", "operator": "above", "value": "3"}


@pytest.mark.parametrize(
    ("wrong", "place", "words"),
    [
        ({"name": ""}, "0.name", "name"), ({"match": "some"}, "0.match", "all or any"), ({"nmae": 1}, "0.nmae", "no such field"),
        ({"conditions": [{"field": "team", "value": "db"}]}, "0.conditions.0.field", "labels.NAME"),
        ({"conditions": [{"field": "title", "operator": "like", "value": "x"}]}, "0.conditions.0.operator", "one of"),
        ({"conditions": [{"field": "title", "operator": "regex", "value": "("}]}, "0.conditions.0.value", "regular expression"),
        ({"conditions": [{"field": "title", "operator": "above", "value": "much"}]}, "0.conditions.0.value", "number"),
        ({"hours": {"zone": "Mars/Base"}}, "0.hours.zone", "time zone"), ({"hours": {"from": "18:00", "to": "08:00"}}, "0.hours.to", "outside"),
        ({"hours": {"days": []}}, "0.hours.days", "day"), ({"then": {"service": 9}}, "0.then.service", "no such service"),
        ({"then": {"policy": 9}}, "0.then.policy", "no such escalation policy"), ({"then": {"severity": "P1"}}, "0.then.severity", "SEV1"),
        ({"then": {"runbook": "ftp://x"}}, "0.then.runbook", "http"), ({"then": {"labels": {"a": "{host}"}}}, "0.then.labels.a", "braces"),
        ({"then": {"group_minutes": 0}}, "0.then.group_minutes", "minutes"), ({"integrations": [9]}, "0.integrations", "no such integration"),
        ({"go_on": "yes"}, "0.go_on", "true or false"), ({"id": "x"}, "0.id", "whole number"), ({"then": {"links": [{"text": "x"}]}}, "0.then.links.0.address", "address"),
    ],
)  # fmt: skip
def test_each_mistake_gets_a_sentence_at_its_field(wrong, place, words):
    with pytest.raises(RulesError) as caught:
        read([{"name": "A rule", **wrong}], FACTS)
    assert words in caught.value.errors[place]


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["name", "conditions", "field", "value", "then", "links", "hours", "zone", "id", "labels", "integrations", "from"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_reading_whatever_is_written_ends_in_rules_or_in_sentences(plain):
    try:
        read(plain, FACTS)
    except RulesError as error:
        assert error.errors and all(isinstance(sentence, str) and sentence for sentence in error.errors.values())


def test_rules_that_can_never_be_reached_are_found():
    found = lint((
        rule(1, TEAM), rule(2, TEAM, Condition("severity", "equals", ("critical",))), rule(3, TEAM, enabled=False), rule(4, go_on=True), rule(5, integrations=(7,)),
        rule(6, Condition("title", "exists")), rule(7), rule(8, Condition("source", "exists"), any_of=True), rule(9, integrations=(7,)),
    ))  # fmt: skip
    assert [(one.rule, "never reached" in one.sentence) for one in found] == [
        ("rule 2", True),
        ("rule 4", False),
        ("rule 8", True),
        ("rule 9", True),
    ]


def test_a_template_leaves_braces_alone_that_hold_no_field():
    assert render("{labels.a} {x} {", view({"a": "1"})) == "1 {x} {"
