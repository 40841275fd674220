"""Do expressions that people wrote say what they should, on values that anybody sent, and stop in time?"""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tocsin.lib import cel

BODY = {"a": {"b": "x"}, "n": 3, "none": None, "list": ["p", "q"], "tags": [{"name": "env", "value": "prod"}], "text": "Disk /var full"}
LARGEST = {
    "l": ["x" * 4096] * 90,
    "t": "ab" * 40_000,
    "m": {str(index): "y" * 4096 for index in range(490)},
}


def said(text, **values):
    return cel.Scope({"body": BODY, "labels": {"env": "prod"}, **values}).evaluate(text)


@pytest.mark.parametrize(
    "text, value",
    [
        ('labels.env == "prod" && body.a.b == "x"', True),
        ("body.n + 1", 4),
        ('body.tags.exists(t, t.name == "env" && t.value == "prod")', True),
        ('body.tags.filter(t, t.name == "env")[0].value', "prod"),
        ('has(body.missing) ? body.missing : "none"', "none"),
        ('body.missing == "x" || labels.env == "prod"', True),
        ('body.text.matches("^Disk .* full$")', True),
        ('matches(body.text, "full")', True),
        ('body.text.extract("Disk (\\\\S+)")', "/var"),
        (r'body.text.extract(r"Disk (\S+)")', "/var"),
        ('{"host": body.a.b, "n": string(body.n)}', {"host": "x", "n": "3"}),
        ('body.text.lower().split(" ").join("-")', "disk-/var-full"),
        ('duration("1h")', 3600.0),
        ('body.text.matches("(")', False),
        ("lower(body.n)", None),
    ],
)
def test_an_expression_says_a_plain_value(text, value):
    assert cel.complaint(text, ["body", "labels"]) == ""
    assert said(text) == cel.Result(value)


def test_a_missing_field_is_absent_and_no_error_of_the_rule():
    result = said('body.missing.deeper == "x"')
    assert result.absent and result.error == "there is no missing in it"
    assert cel.Scope({"body": BODY}).holds('body.missing == "x"') == (False, "there is no missing in it")
    assert cel.Scope({"body": BODY}).holds('body.a.b == "x"') == (True, "")
    assert cel.Scope({"body": BODY}).holds("body.a.b") == (False, "it says neither true nor false")


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "an expression is needed"),
        ("body.a ==", "it breaks off at line 1, character 10: mismatched input 'end'"),
        ("boddy.a", "there is no boddy here; use body, headers"),
        ("open(body.a)", "there is no function open; use all, contains,"),
        ("body.__class__.__mro__", ""),
        ("body.l.map(x, x)", "map() is not available; take the list apart with exists(), filter() or an index"),
        ("body.l.all(x, body.l.all(y, x == y))", "a list cannot be walked within another walk (all, exists, filter)"),
        ("body.l . all (x, body.l\n.exists (y, x == y))", "a list cannot be walked within another walk (all, exists, filter)"),
        ("body.a == 'x", '"\'" at character 11 is not understood'),
        ("'''a'''", "write a text in one pair of quotes, on one line"),
        ("body // x", "comments are not understood in an expression"),
        ("(" * 17 + "1" + ")" * 17, "brackets are nested deeper than 16"),
        ("1" + "+1" * 17, "an expression has at most 16 additions"),
        ("x" * 1001, "an expression has at most 1,000 characters"),
        ("-" * 400 + "1", "an expression has at most 300 words and signs"),
    ],
)
def test_what_cannot_be_used_is_refused_with_one_sentence(text, sentence):
    found = cel.complaint(text, ["body", "headers"])
    assert found.startswith(sentence) if sentence else found == ""


def test_nothing_of_the_interpreter_can_be_reached():
    assert said("body.__class__").absent
    assert said('body["__class__"]').absent


@pytest.mark.parametrize("value", ["\ud800", 2**70, 10**400, float("nan"), {1: {None: 2}}, (1, 2), b"\xff", object(), [[[]] * 3] * 2])
def test_any_value_can_be_looked_at(value):
    assert not cel.Scope({"body": {"v": value}}).evaluate("body.v == 1").error.startswith("it cannot be")


WORST = [
    "[" + ",".join(["body.m"] * 16) + "]",
    "body.l.filter(x, body.m != x)",
    'body.l.all(x, !x.matches("(x?){60}x{60}z"))',
    'body.l.all(x, !x.matches("(x+x+){20}z"))',
    "body.l.all(x, [x,x,x,x,x,x,x,x] == [x,x,x,x,x,x,x,x])",
    "body.l.all(x, (x + x + x + x + x + x + x + x + x + x) != body.t)",
    " && ".join(["body.m.all(x, x == x && x == x)"] * 4),
    "+".join(["body.t"] * 16),
    'body.t.matches("((a*)*b?)*z") || body.t.matches("[a-q][^u-z]{99}x")',
]


@pytest.mark.parametrize("text", WORST)
def test_the_worst_expressions_on_the_worst_values_end_in_time(text):
    cel.Scope({"body": LARGEST}).evaluate(text)  # compiled
    spans = []
    for _ in range(3):
        scope = cel.Scope({"body": LARGEST})
        began = time.thread_time()
        scope.evaluate(text)
        spans.append(time.thread_time() - began)
    assert min(spans) < 0.1  # 5 ms, and what patterns may take of the budget, whatever else the machine does


def test_when_the_time_of_an_event_is_used_up_nothing_more_is_evaluated():
    scope = cel.Scope({"body": BODY}, cel.Budget(0))
    assert scope.evaluate("body.n").error == "the time for the expressions of one event was used up before it"


def test_a_thread_that_had_to_wait_for_its_turn_has_used_nothing_up():
    scope = cel.Scope({"body": BODY}, cel.Budget(0.02))
    time.sleep(0.05)
    assert not scope.evaluate("body.n").error


def _expressions():
    atoms = st.sampled_from(
        ["body", "body.a", "body.list", "body.none", "labels.env", "x", "1", "2.5", '"x"', "null", "true", "[]", "{}", "-1u"]
    )
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["==", "<", "+", "-", "*", "/", "%", "&&", "||", " in "]), inner).map("".join),
            st.tuples(inner, st.sampled_from([".a", ".size()", "[0]", '["a"]', ".lower()", '.matches("(a+)+")', ".string()"])).map("".join),
            st.tuples(inner, st.sampled_from(["all", "exists", "filter", "map", "exists_one"]), inner).map(lambda p: f"{p[0]}.{p[1]}(x, {p[2]})"),
            st.tuples(inner, inner, inner).map(lambda p: f"({p[0]}) ? ({p[1]}) : ({p[2]})"),
            inner.map(lambda p: f"!({p})"),
            inner.map(lambda p: f"has({p})"),
            st.lists(inner, max_size=4).map(lambda parts: "[" + ",".join(parts) + "]"),
        ),
        max_leaves=12,
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_expressions() | st.text(max_size=60) | st.text(alphabet="abx.()[]{}\"\\'+-!?:,&|=<>/ 019rmp\n", max_size=80))
@example('r"\\"+body.all(x,x)+"')
def test_no_text_breaks_it_and_every_answer_is_a_value_or_a_sentence(text):
    began = time.thread_time()
    complaint = cel.complaint(text, ["body", "labels"])
    result = said(text)
    assert isinstance(result.value, (str, bool, int, float, list, dict, type(None))) or hasattr(result.value, "isoformat")
    assert not (result.error and result.value is not None)
    if complaint and not complaint.startswith("there is no "):
        assert result.error == complaint
    assert time.thread_time() - began < 0.5
