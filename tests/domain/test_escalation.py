"""Steps start in order, on time, and come to an end that somebody hears of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain import delivery
from tocsin.domain.escalation import Exhausted, Page, Policy, State, Step, Target, advance, begin, nobody_reached
from tocsin.domain.ports import Outcome, Receipt

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


def test_a_page_is_held_back_for_the_rest_of_the_minute_only():
    assert delivery.held_until(None, NOW) is None
    assert delivery.held_until(NOW - timedelta(seconds=20), NOW) == NOW + timedelta(seconds=40)
    assert delivery.held_until(NOW - timedelta(seconds=60), NOW) is None
