"""The same on the real rows: alerts, answers, ends, failing phones, late receipts, crashed senders, people who leave and Tocsin's own
absence in any order."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.db.models import Q
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, User
from tocsin.alerts.models import Alert
from tocsin.domain.ports import Outcome, Receipt
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging import operations as paging
from tocsin.paging import operations_asks as asks
from tocsin.paging import operations_claims as claims
from tocsin.paging import operations_settling as settling
from tocsin.paging import people
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.response import deliver
from tocsin.response.declare_incident import declare
from tocsin.response.hold import snooze
from tocsin.response.remove_person import remove_person
from tocsin.response.resolve import resolve
from tocsin.response.resolve_alert import resolve_alert
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
        self.here = list(PEOPLE)
        self.quiet: dict[int, int] = {}  # alert → how often it had rung when somebody had it or it was over
        self.until: dict[int, datetime] = {}  # alert → when who has it no longer does
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
        User.objects.filter(pk=self.world.lea.pk).update(role=Role.ADMINISTRATOR)
        self.world.lea.refresh_from_db()
        if steps:
            policy = self.world.policy(*self._steps(steps), wait=wait, repeats=repeats)
            paging.change_policy(policy, low_severities=["SEV4"], by=self.world.by, now=self.world.now)
            self.world.service.refresh_from_db()

    def _steps(self, steps: list[list[str]]) -> list[list[User]]:
        return [[getattr(self.world, name) for name in step] for step in steps]

    @precondition(lambda self: len(self.alerts) < 3)
    @rule(severity=st.sampled_from(["SEV2", "SEV2", "SEV4"]))
    def something_breaks(self, severity: str) -> None:
        self.alerts.append(self.world.alert(f"Thing {len(self.alerts)} is down", severity=severity, page=False))
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

    @precondition(lambda self: self.alerts and self.here)
    @rule(which=st.integers(0, 2), name=st.sampled_from(PEOPLE))
    def somebody_acknowledges(self, which: int, name: str) -> None:
        alert = self.alerts[which % len(self.alerts)]
        self.world.acknowledge(alert, self._somebody(name))
        self._is_quiet(alert)

    @precondition(lambda self: self.alerts and self.here)
    @rule(which=st.integers(0, 2), name=st.sampled_from(PEOPLE), minutes=st.sampled_from([5, 60]))
    def somebody_snoozes_it(self, which: int, name: str, minutes: int) -> None:
        alert = self.alerts[which % len(self.alerts)]
        if alert.status == Alert.Status.FIRING:
            until = snooze(minutes=minutes, alert=alert, by=Actor.of(self._somebody(name), "api"), now=self.world.now)
            self._is_quiet(alert)
            self.until[alert.pk] = until

    @precondition(lambda self: self.alerts)
    @rule(which=st.integers(0, 2))
    def it_is_given_back(self, which: int) -> None:
        alert = self.alerts[which % len(self.alerts)]
        held = asks.held(**self._about(alert))
        if held and alert.status == Alert.Status.FIRING:
            paging.give_back([run.pk for run in held], by=self.world.by, now=self.world.now)
            self._rings_again(alert)

    @precondition(lambda self: self.alerts)
    @rule(which=st.integers(0, 2))
    def whoever_was_paged_passes_it_on(self, which: int) -> None:
        run = self.world.escalation(self.alerts[which % len(self.alerts)])
        for page in run.notifications.filter(user__is_active=True, sent_at__isnull=False)[:1]:
            paging.hurry(run.pk, by=Actor.of(page.user, "sms"), now=self.world.now)

    @precondition(lambda self: self.alerts)
    @rule(which=st.integers(0, 2), severity=st.sampled_from(["SEV1", "SEV3", "SEV4"]))
    def it_is_judged_otherwise(self, which: int, severity: str) -> None:
        paging.retitle(**self._about(self.alerts[which % len(self.alerts)]), subject={"severity": severity}, now=self.world.now)

    @precondition(lambda self: self.alerts)
    @rule(which=st.integers(0, 2))
    def an_incident_is_declared_from_it(self, which: int) -> None:
        alert = self.alerts[which % len(self.alerts)]
        if not alert.incident_links.exists() and alert.status == Alert.Status.FIRING:
            declare(title=alert.title, severity="SEV2", alert=alert, by=Actor.of(self.world.lea, "api"), now=self.world.now)

    @precondition(lambda self: len(self.here) > 1)
    @rule(name=st.sampled_from(PEOPLE))
    def somebody_leaves(self, name: str) -> None:
        user = self._somebody(name)
        for alert in self.alerts:
            if any(run.acknowledged_by_id == user.pk for run in asks.held(**self._about(alert))):
                self._rings_again(alert)
        remove_person(user.pk, by=Actor.of(self.world.lea, "web"), now=self.world.now)
        self.here = [one for one in self.here if getattr(self.world, one) != user]

    @rule(name=st.sampled_from(PEOPLE))
    def a_telephone_number_is_gone(self, name: str) -> None:
        for method in ContactMethod.objects.filter(user=getattr(self.world, name), removed_at=None)[:1]:
            settling.lose(method, "the number is not in use any more", self.world.now)

    @rule(name=st.sampled_from(PEOPLE))
    def a_telephone_number_is_new(self, name: str) -> None:
        user = getattr(self.world, name)
        if user.is_active and not people.usable_methods(user):
            self.world.method(user, f"+new{ContactMethod.objects.count()}")

    @precondition(lambda self: self.world.service.escalation_policy and len(self.here) == len(PEOPLE))
    @rule(steps=st.lists(st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=2, unique=True), min_size=1, max_size=3))
    def the_policy_is_changed(self, steps: list[list[str]]) -> None:
        policy = self.world.service.escalation_policy
        plain = [self.world.step(*step) for step in self._steps(steps)]
        paging.change_policy(policy, steps=plain, by=self.world.by, now=self.world.now)

    @rule(minutes=st.sampled_from([3, 15, 240]))
    def tocsin_itself_is_away(self, minutes: int) -> None:
        self.world.downtime(minutes=minutes)
        self.world.settle()

    @precondition(lambda self: self.alerts)
    @rule(which=st.integers(0, 2))
    def it_is_over(self, which: int) -> None:
        alert = self.alerts[which % len(self.alerts)]
        alert.refresh_from_db()
        if alert.status != Alert.Status.FIRING:
            return
        resolve_alert(alert=alert, by=self.world.by, now=self.world.now)
        alert.refresh_from_db()
        if link := alert.incident_links.select_related("incident").first():  # that one ends its pages
            resolve(incident=link.incident, resolution="Rolled back", by=Actor.of(self.world.lea, "api"), now=self.world.now)
        self._is_quiet(alert)
        self.until.pop(alert.pk, None)

    def _about(self, alert: Alert) -> dict[str, int]:
        link = alert.incident_links.first()
        return {"incident_id": link.incident_id} if link else {"alert_id": alert.pk}

    def _somebody(self, name: str) -> User:
        """That person, or another who is still here."""
        return User.objects.get(pk=getattr(self.world, name if name in self.here else self.here[0]).pk)

    def _is_quiet(self, alert: Alert) -> None:
        self._is_time_over()
        self.quiet.setdefault(alert.pk, self._rings(alert.pk))

    def _rings_again(self, alert: Alert) -> None:
        self.quiet.pop(alert.pk, None)
        self.until.pop(alert.pk, None)

    def _is_time_over(self) -> None:
        for alert in self.alerts:
            if alert.pk in self.until and self.until[alert.pk] <= self.world.now:
                self._rings_again(alert)

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
        self._is_time_over()
        assert {id: self._rings(id) for id in self.quiet} == self.quiet

    @invariant()
    def it_is_never_silent_while_nobody_has_it(self) -> None:  # R6
        for row in Escalation.objects.exclude(track="canary"):
            assert (row.status == Escalation.Status.RUNNING) == (row.due_at is not None) or row.status in ENDED
            if row.status == Escalation.Status.EXHAUSTED:
                about = Q(alert_id=row.alert_id or 0) | Q(incident_id=row.incident_id or 0)
                kinds = set(Entry.objects.filter(about).values_list("kind", flat=True))
                assert kinds & {"fallback_paged", "nobody_reached"}

    @invariant()
    def what_fires_is_asked_for_or_somebody_has_it(self) -> None:  # R6
        for alert in self.alerts:
            runs = list(Escalation.objects.filter(alert=alert).select_related("acknowledged_by").order_by("id"))
            if alert.status == Alert.Status.FIRING and runs:
                last = runs[-1]
                assert last.status != Escalation.Status.STOPPED
                assert last.status != Escalation.Status.ACKNOWLEDGED or last.due_at or last.acknowledged_by.is_active  # type: ignore[union-attr]

    @invariant()
    def no_step_starts_early(self) -> None:  # R4
        now = self.world.now
        for row in Escalation.objects.filter(status=Escalation.Status.RUNNING):
            step, round_, due_at = self.before.get(row.pk, (row.step, row.round, None))
            if (row.step, row.round) != (step, round_) and due_at and now < due_at:  # type: ignore[operator]
                about = Q(alert_id=row.alert_id or 0) | Q(incident_id=row.incident_id or 0)
                assert Entry.objects.filter(about, kind__in=["nobody_reached", "passed_on", "urgency_raised"]).exists()
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
