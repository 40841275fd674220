"""Steps start in order, on time, and come to an end that somebody hears of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain import delivery
from tocsin.domain.escalation import (
    ALL,
    Exhausted,
    Facts,
    Page,
    PassedOver,
    Policy,
    State,
    Step,
    Target,
    When,
    advance,
    answered_enough,
    begin,
    nobody_reached,
    rehearse,
    still_asked,
)  # fmt: skip
from tocsin.domain.ports import Outcome, Receipt, Report

NOW = datetime(2026, 11, 23, 3, 14, tzinfo=UTC)
policies = st.builds(
    Policy, st.lists(st.builds(Step, st.integers(1, 900), st.just((Target("user", 1),))), max_size=5).map(tuple), st.integers(0, 3)
)


def run(policy: Policy, reached: bool = True) -> list[tuple[datetime, object]]:
    state, now, seen = begin(NOW), NOW, []
    while state.due_at is not None:
        now = max(now, state.due_at)
        decision = advance(policy, state, now)
        state = decision.state
        for action in decision.actions:
            seen.append((now, action))
            if isinstance(action, Page) and not reached:
                state = nobody_reached(state, now)
    return seen


@given(policies)
def test_every_step_of_every_round_starts_once_then_the_fallbacks_then_it_is_exhausted(policy):
    actions = [action for _, action in run(policy)]
    pages = [(a.round, a.step) for a in actions if isinstance(a, Page) and not a.fallback]
    assert pages == [(r, s) for r in range(policy.repeats + 1) for s in range(len(policy.steps))] or not policy.steps
    assert [type(a) for a in actions[-3:]] == [Page, Page, Exhausted]
    assert [a.targets[0].kind for a in actions[-3:-1]] == ["team_fallback", "organisation_fallback"]


@given(policies)
def test_each_step_waits_exactly_as_long_as_it_says(policy):
    seen = run(policy)
    for (at, page), (following, _) in pairwise(seen):
        assert following - at == timedelta(seconds=policy.all_steps[page.step].wait_seconds)


@given(policies)
def test_where_nobody_is_reached_all_of_it_happens_at_once(policy):
    assert {at for at, _ in run(policy, reached=False)} == {NOW}


@given(policies, st.integers(1, 10_000))
def test_coming_early_changes_nothing(policy, early):
    state = State(0, 0, NOW + timedelta(seconds=early))
    assert advance(policy, state, NOW).state == state


def test_a_late_start_does_not_shorten_the_wait():
    policy = Policy((Step(300, (Target("user", 1),)), Step(300, (Target("user", 2),))))
    late = NOW + timedelta(minutes=40)
    assert advance(policy, begin(NOW), late).state.due_at == late + timedelta(seconds=300)


conditions = st.builds(
    When, st.sampled_from([(), ("SEV1",), ("SEV1", "SEV2")]), st.sampled_from(["", "business", "outside"]),
    st.sampled_from(["", "critical", "standard"]), st.sampled_from([(), (1,), (1, 2)]),
)  # fmt: skip
conditional = st.builds(
    Policy,
    st.lists(st.builds(Step, st.integers(1, 900), st.just((Target("user", 1),)), st.just(1), conditions), max_size=5).map(tuple),
    st.integers(0, 3),
)
known = st.builds(Facts, st.sampled_from(["", "SEV1", "SEV2", "SEV3"]), st.booleans(), st.booleans(), st.integers(0, 4))


@given(conditional, known)
def test_a_step_either_pages_or_is_passed_over_in_no_time_and_the_fallbacks_always_come(policy, facts):
    seen = list(rehearse(policy, NOW, lambda _: facts, lambda page, at: timedelta()))
    for (at, action), (following, _) in pairwise(seen):
        if isinstance(action, PassedOver):
            assert following == at and policy.steps[action.step].when.refuses(facts)
        else:
            assert following - at == timedelta(seconds=policy.all_steps[action.step].wait_seconds)
    assert len(seen) == len(policy.steps) * (policy.repeats + 1) * bool(policy.steps) + 3
    assert isinstance(seen[-1][1], Exhausted) and seen[-2][1].fallback and seen[-3][1].fallback


@given(conditional)
def test_an_unknown_severity_leaves_no_step_out_because_of_it(policy):
    for step in policy.steps:
        when = When(step.when.severities)
        assert not when.refuses(Facts(""))


asked_people = st.dictionaries(
    st.tuples(st.integers(0, 2), st.integers(0, 3)), st.sets(st.integers(1, 5), min_size=1), min_size=1, max_size=4
)
needs = st.lists(st.integers(0, 4), min_size=4, max_size=4)


@given(asked_people, st.sets(st.integers(1, 7)), needs, st.integers(1, 7))
def test_one_more_acknowledgement_never_makes_it_less_enough_and_everybody_is_always_enough(asked, answered, needed, one_more):
    policy = Policy(tuple(Step(60, (), need) for need in needed))
    assert answered_enough(policy, asked, {person for people in asked.values() for person in people})
    if answered_enough(policy, asked, answered):
        assert answered_enough(policy, asked, {*answered, one_more}) or one_more in answered
    else:
        more, people = still_asked(policy, asked, answered)
        assert 0 < more <= len(people)


def test_all_must_acknowledge_and_somebody_else_does_not_replace_one_of_them():
    policy = Policy((Step(60, (), ALL), Step(60, (), 2)))
    assert not answered_enough(policy, {(0, 0): {1, 2}}, {1, 9})
    assert answered_enough(policy, {(0, 0): {1, 2}}, {1, 2})
    assert answered_enough(policy, {(0, 1): {1, 2, 3}}, {1, 9}), "of a number, anybody counts"
    assert answered_enough(policy, {(0, 1): {1}}, {1}), "no more are needed than there are"


def test_what_follows_from_a_receipt():
    def after(outcome, attempt=1, **extra):
        unknown = extra.pop("was_unknown", False)
        return delivery.after(Receipt(outcome, **extra), attempt, NOW, was_unknown=unknown)

    assert after(Outcome.DELIVERED) == delivery.Done("delivered")
    assert after(Outcome.ACCEPTED) == delivery.Done("accepted")
    assert after(Outcome.FAILED) == delivery.NextMethod()
    assert [after(Outcome.RETRY, attempt) for attempt in (1, 2, 3)] == [delivery.RetryAt(NOW + timedelta(seconds=s)) for s in (5, 15, 30)]
    assert after(Outcome.RETRY, 4) == delivery.NextMethod()
    assert after(Outcome.RETRY, 1, retry_after=30.0) == delivery.RetryAt(NOW + timedelta(seconds=30))
    assert after(Outcome.RETRY, 1, retry_after=86400.0) == delivery.NextMethod()
    assert after(Outcome.UNKNOWN) == delivery.RetryAt(NOW, possible_duplicate=True)
    assert after(Outcome.UNKNOWN, was_unknown=True) == delivery.NextMethod()


def test_who_owes_a_report_is_asked_soon_and_silence_comes_to_an_end_either_way():
    def after(seconds, *, awaits_report):
        return delivery.after_silence(NOW, NOW + timedelta(seconds=seconds), awaits_report=awaits_report)

    assert delivery.looked_at(NOW, awaits_report=True) == NOW + timedelta(seconds=60)
    assert [after(seconds, awaits_report=True) for seconds in (60, 179, 180, 700)] == ["wait", "wait", "next method", "next method"]
    assert after(delivery.UNCONFIRMED_SECONDS - 1, awaits_report=False) == "wait"
    assert after(delivery.UNCONFIRMED_SECONDS, awaits_report=False) == "unconfirmed"
    assert delivery.looked_at(NOW, awaits_report=False) == NOW + timedelta(seconds=delivery.UNCONFIRMED_SECONDS)
    for outcome in (Outcome.DELIVERED, Outcome.FAILED):  # what is said after all counts
        assert delivery.after_report(Report(outcome), "unconfirmed", same=True, sequence=None) == outcome.value


def test_a_page_is_held_back_for_the_rest_of_the_minute_only():
    assert delivery.held_until(None, NOW) is None
    assert delivery.held_until(NOW - timedelta(seconds=20), NOW) == NOW + timedelta(seconds=40)
    assert delivery.held_until(NOW - timedelta(seconds=60), NOW) is None
