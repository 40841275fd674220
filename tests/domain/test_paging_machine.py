"""Escalation and delivery together, on values: answers, ends, failures and crashes in any order never silence, double or hasten a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tocsin.domain import delivery
from tocsin.domain import escalation as rules
from tocsin.domain.escalation import Exhausted, Page, Policy, State, Step, Target
from tocsin.domain.ports import Outcome, Receipt

NOW = datetime(2026, 11, 23, 3, 14, tzinfo=UTC)
OUTCOMES = st.sampled_from([Outcome.DELIVERED, Outcome.ACCEPTED, Outcome.RETRY, Outcome.FAILED, Outcome.UNKNOWN])


@dataclass
class Row:
    """One page to one person by one method."""

    step: int
    round: int
    method: int
    due_at: datetime | None
    attempt: int = 0
    marked: bool = False
    rings: int = 0
    marked_rings: int = 0
    state: str = "pending"


class Paging(RuleBasedStateMachine):
    """A person with two methods stands behind each target; whoever carries out the decisions does nothing of their own."""

    @initialize(waits=st.lists(st.sampled_from([1, 60, 300]), max_size=3), repeats=st.integers(0, 2))
    def begin(self, waits: list[int], repeats: int) -> None:
        self.policy = Policy(tuple(Step(wait, (Target("user", 1),)) for wait in waits), repeats)
        self.now, self.state = NOW, rules.begin(NOW)
        self.rows: list[Row] = []
        self.started: list[tuple[int, int, datetime]] = []
        self.over = self.exhausted = False
        self.rings_when_over = 0

    @rule(seconds=st.sampled_from([1, 5, 30, 61, 301, 3000]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: not self.over)
    @rule()
    def the_loop_comes_round(self) -> None:
        due = self.state.due_at
        decision = rules.advance(self.policy, self.state, self.now)
        for action in decision.actions:
            if isinstance(action, Page):
                assert due is not None and self.now >= due  # R4: never early
                self.started.append((action.round, action.step, self.now))
                self.rows += [Row(action.step, action.round, method, self.now + timedelta(minutes=2 * method)) for method in (0, 1)]
            if isinstance(action, Exhausted):
                self.exhausted = True
        self.state = decision.state

    @rule(outcome=OUTCOMES)
    def a_sender_comes_round(self, outcome: Outcome) -> None:
        row = next((row for row in self.rows if row.state == "pending" and row.due_at and row.due_at <= self.now), None)
        if row is None:
            return
        if self.over:  # D4: looked at again while claiming
            row.state = "cancelled"
            return
        row.attempt += 1
        if outcome in (Outcome.DELIVERED, Outcome.ACCEPTED, Outcome.UNKNOWN):  # unknown: it may well have rung
            row.rings += not row.marked
            row.marked_rings += row.marked
        match delivery.after(Receipt(outcome), row.attempt, self.now, was_unknown=row.marked):
            case delivery.Done(state):
                row.state, row.due_at = state, None
            case delivery.RetryAt(at, possible_duplicate):
                assert self.now <= at <= self.now + timedelta(seconds=60)
                row.due_at, row.marked = at, row.marked or possible_duplicate
            case delivery.NextMethod():
                row.state, row.due_at = "failed", None
                self._next_method(row)

    def _next_method(self, row: Row) -> None:
        group = [one for one in self.rows if (one.step, one.round) == (row.step, row.round)]
        following = next((one for one in group if one.state == "pending" and not one.attempt), None)
        if following:
            following.due_at = self.now  # R10: at once
        elif all(one.state == "failed" for one in group) and self.started[-1][:2] == (row.round, row.step) and not self.over:
            self.state = rules.nobody_reached(self.state, self.now)

    @precondition(lambda self: not self.over)
    @rule()
    def somebody_acknowledges_or_it_resolves(self) -> None:
        self.over, self.state = True, State(self.state.step, self.state.round, None)
        self.rings_when_over = sum(row.rings + row.marked_rings for row in self.rows)

    @invariant()
    def no_step_starts_twice_and_none_is_left_out(self) -> None:
        if not hasattr(self, "policy"):
            return
        places = [(round_, step) for round_, step, _ in self.started]
        steps = len(self.policy.steps)
        expected = [(r, s) for r in range(self.policy.repeats + 1 if steps else 1) for s in range(steps)]
        last = self.policy.repeats if steps else 0
        expected += [(last, steps), (last, steps + 1)]
        assert places == expected[: len(places)]
        assert not self.exhausted or places == expected  # R6: the fallbacks were asked before it gave up

    @invariant()
    def it_is_never_silent_while_nobody_has_it(self) -> None:
        if hasattr(self, "policy"):
            assert self.over or self.exhausted or self.state.due_at is not None

    @invariant()
    def a_page_rings_once_and_once_more_only_with_a_mark(self) -> None:
        for row in getattr(self, "rows", ()):
            assert row.rings <= 1 and row.marked_rings <= 1 and (row.rings or not row.marked_rings)
            assert row.attempt <= len(delivery.RETRY_SECONDS) + 2

    @invariant()
    def nothing_rings_after_the_answer(self) -> None:
        if getattr(self, "over", False):
            assert sum(row.rings + row.marked_rings for row in self.rows) == self.rings_when_over


TestPaging = Paging.TestCase
TestPaging.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
