"""The same on the real rows: alerts, answers, ends, failing phones, late receipts and crashed senders in any order."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.scenarios.world import World
from tocsin import clock
from tocsin.domain.ports import Outcome, Receipt
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging import operations as paging
from tocsin.paging import operations_claims as claims
from tocsin.paging import operations_settling as settling
from tocsin.paging.models import Escalation, Notification
from tocsin.response import deliver
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db
PEOPLE = ("ana", "ben", "cy")
ENDED = (Escalation.Status.ACKNOWLEDGED, Escalation.Status.STOPPED, Escalation.Status.EXHAUSTED)


class Paging(RuleBasedStateMachine):
    """A small organisation in a transaction that is taken back at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.world = World()
        self.alerts: list = []
        self.quiet: dict[int, int] = {}  # alert → how often it had rung when somebody had it or it was over
        self.before: dict[int, tuple[int, int, object]] = {}

    def teardown(self) -> None:
        try:
            self.world.advance(minutes=20)
            open_ = Notification.objects.filter(due_at__isnull=False, sent_at__lt=self.world.now - timedelta(minutes=15))
            assert not open_.exists(), "R10: a page without a final state after 15 minutes"
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)
            NOTIFIERS.remove("phone")

    @initialize(
        steps=st.lists(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2, unique=True), max_size=3),
        wait=st.sampled_from([60, 300]), repeats=st.integers(0, 1), second=st.booleans(),
    )  # fmt: skip
    def organisation(self, steps: list[list[str]], wait: int, repeats: int, second: bool) -> None:
        self.world.fallback(organisation=self.world.lea)
        if second:
            self.world.method(self.world.ana, "+second")
        if steps:
            self.world.policy(*[[getattr(self.world, name) for name in step] for step in steps], wait=wait, repeats=repeats)

    @precondition(lambda self: len(self.alerts) < 3)
    @rule()
    def something_breaks(self) -> None:
        self.alerts.append(self.world.alert(f"Thing {len(self.alerts)} is down", page=False))
        self.world.page(self.alerts[-1])

    @rule(seconds=st.sampled_from([1, 11, 31, 61, 301]))
    def time_passes(self, seconds: int) -> None:
        self.world.advance(seconds=seconds)

    @rule(seconds=st.sampled_from([5, 40, 110]))
    def the_loops_come_late(self, seconds: int) -> None:
        self.world.shifted += timedelta(seconds=seconds)
        clock.shift(self.world.shifted)
        self.world.settle()

    @rule(
        name=st.sampled_from([*PEOPLE, "lea"]),
        outcomes=st.lists(st.sampled_from([Outcome.RETRY, Outcome.FAILED, Outcome.UNKNOWN]), min_size=1, max_size=4),
    )
    def a_phone_will_fail(self, name: str, outcomes: list[Outcome]) -> None:
        self.world.phone.answer(f"+{getattr(self.world, name).pk}", *outcomes)

    @rule(rang=st.booleans())
    def a_sender_crashes(self, rang: bool) -> None:
        """It has claimed what is due, perhaps it has sent it, and nobody ever hears of it."""
        for row in claims.claim("phone", 8, "1@1/gone", self.world.now):
            if rang:
                deliver.send(row, self.world.now)

    @precondition(lambda self: self.alerts)
    @rule(which=st.integers(0, 2), name=st.sampled_from(PEOPLE))
    def somebody_acknowledges(self, which: int, name: str) -> None:
        alert = self.alerts[which % len(self.alerts)]
        self.world.acknowledge(alert, getattr(self.world, name))
        self.quiet.setdefault(alert.pk, self._rings(alert.pk))

    @precondition(lambda self: self.alerts)
    @rule(which=st.integers(0, 2))
    def it_is_over(self, which: int) -> None:
        alert = self.alerts[which % len(self.alerts)]
        paging.stop(alert_id=alert.pk, reason="resolved", now=self.world.now)
        self.quiet.setdefault(alert.pk, self._rings(alert.pk))

    @rule(outcome=st.sampled_from(list(Outcome)))
    def a_receipt_comes_too_late(self, outcome: Outcome) -> None:
        """Whoever lost its claim settles all the same: nothing follows from it."""
        for row in Notification.objects.filter(fence__gt=0).order_by("id")[:5]:
            assert settling.settle(row.pk, row.fence - 1, Receipt(outcome), self.world.now) == ""

    def _rings(self, alert_id: int) -> int:
        keys = {f"tocsin-{id}" for id in Notification.objects.filter(alert_id=alert_id).values_list("id", flat=True)}
        return sum(key in keys for _, _, key in self.world.phone.rang)

    @invariant()
    def a_page_rings_once_and_once_more_only_with_a_mark(self) -> None:  # R7
        plain = Counter(key for _, message, key in self.world.phone.rang if not message.facts["possible_duplicate"])
        marked = Counter(key for _, message, key in self.world.phone.rang if message.facts["possible_duplicate"])
        assert max(plain.values(), default=0) <= 1 and max(marked.values(), default=0) <= 1

    @invariant()
    def nothing_rings_after_the_answer(self) -> None:  # R8
        assert {id: self._rings(id) for id in self.quiet} == self.quiet

    @invariant()
    def it_is_never_silent_while_nobody_has_it(self) -> None:  # R6
        for row in Escalation.objects.exclude(track="canary"):
            assert (row.status == Escalation.Status.RUNNING) == (row.due_at is not None) or row.status in ENDED
            if row.status == Escalation.Status.EXHAUSTED:
                kinds = set(Entry.objects.filter(alert_id=row.alert_id).values_list("kind", flat=True))
                assert kinds & {"fallback_paged", "nobody_reached"}

    @invariant()
    def no_step_starts_early(self) -> None:  # R4
        now = self.world.now
        for row in Escalation.objects.filter(status=Escalation.Status.RUNNING):
            step, round_, due_at = self.before.get(row.pk, (row.step, row.round, None))
            if (row.step, row.round) != (step, round_) and due_at and now < due_at:  # type: ignore[operator]
                assert Entry.objects.filter(alert_id=row.alert_id, kind="nobody_reached").exists()
            self.before[row.pk] = (row.step, row.round, row.due_at)

    @invariant()
    def a_failed_page_is_replaced(self) -> None:  # R10
        for row in Notification.objects.filter(state="failed", kind="page").select_related("escalation"):
            others = (
                Notification.objects.filter(identity__startswith=row.identity.rsplit(":m", 1)[0] + ":m")
                .exclude(pk=row.pk)
                .exclude(state="failed")
            )
            over = row.escalation is None or row.escalation.status in ENDED
            assert over or others.exists() or Entry.objects.filter(alert_id=row.alert_id, kind="nobody_reached").exists()


def test_in_any_order_of_events_pages_keep_their_promises(db):
    run_state_machine_as_test(
        Paging,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # making a failing story shorter takes minutes on real rows
        ),
    )
