"""A small organisation, a fake phone and a moved clock: what scenario stories are told with.

    def test_nobody_answers(world):
        world.policy([world.ana], [world.ben])
        world.alert("Checkout is down")
        world.phone.expect(world.ana, "Checkout is down")
        world.advance(minutes=5)
        world.phone.expect(world.ben, "Checkout is down")

A message that no story expected fails it at its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Membership, Organisation, Team, User
from tocsin.alerts.models import Alert, Integration, Service
from tocsin.domain.ports import Abilities, Message, Outcome, Receipt
from tocsin.integrations.registry import NOTIFIERS
from tocsin.oncall import operations as oncall
from tocsin.oncall.models import Override, Schedule
from tocsin.paging import operations as paging
from tocsin.paging import operations_notifications
from tocsin.paging.models import Escalation, EscalationPolicy, Notification, PagingState
from tocsin.response import catch_up, deliver
from tocsin.response import loops as response_loops
from tocsin.response.acknowledge import Acknowledgement, acknowledge_alert
from tocsin.timeline.models import Entry


class Phone:
    """A notifier that rings in the test. `fail` and `answer` say what it does for a number; everything it got must be expected."""

    kind = "phone"
    label = "Phone"
    abilities = Abilities(wakes=True, receipts=True)

    def __init__(self) -> None:
        self.unread: list[tuple[str, Message, str]] = []
        self.rang: list[tuple[str, Message, str]] = []
        self.notices: list[tuple[str, Message, str]] = []
        self.answers: dict[str, list[Receipt]] = {}
        self.always: dict[str, Receipt] = {}

    def check_address(self, address: str) -> str:
        return address

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        queue = self.answers.get(address)
        receipt = queue.pop(0) if queue else self.always.get(address, Receipt(Outcome.DELIVERED, "it rang"))
        if message.facts.get("kind") == "notice":
            self.notices.append((address, message, key))  # what wakes nobody need not be explained
        elif receipt.outcome in (Outcome.DELIVERED, Outcome.ACCEPTED):
            self.unread.append((address, message, key))
            self.rang.append((address, message, key))
        return receipt

    def answer(self, number: str, *outcomes: Outcome, then: Outcome | None = None, retry_after: float | None = None) -> None:
        """The next calls of that number end so; then always like `then` (delivered when not given)."""
        self.answers[number] = [Receipt(outcome, "as the test says", retry_after=retry_after) for outcome in outcomes]
        if then:
            self.always[number] = Receipt(then, "as the test says", retry_after=retry_after)

    def expect(self, person: User, words: str = "", *, number: str = "") -> Message:
        """It rang once more for that person, saying that; takes the message out of what is still to be explained."""
        number = number or f"+{person.pk}"
        for place, (address, message, _) in enumerate(self.unread):
            if address == number and words in f"{message.title}\n{message.text}":
                return self.unread.pop(place)[1]
        raise AssertionError(f"no call of {number} that says {words!r}; unexplained: {self.shown()}")

    def silent(self) -> None:
        """Nothing has rung that was not expected."""
        assert not self.unread, f"nobody expected: {self.shown()}"

    def shown(self) -> list[tuple[str, str]]:
        return [(address, message.title) for address, message, _ in self.unread]


class World:
    """Ana is primary, Ben secondary, Cy an outsider, Lea leads engineering. Each has a phone with the number "+<id>"."""

    def __init__(self) -> None:
        self.phone = Phone()
        NOTIFIERS.add("phone", self.phone)
        self.team = Team.objects.create(name="Payments", slug="payments")
        self.ana, self.ben, self.cy, self.lea = (self.person(name) for name in ("Ana", "Ben", "Cy", "Lea"))
        for member in (self.ana, self.ben):
            Membership.objects.create(team=self.team, user=member)
        self.service = Service.objects.create(name="checkout", team=self.team)
        self.integration = Integration.objects.create(name="Prometheus", kind="alertmanager", key="key", service=self.service)
        self.shifted = timedelta()
        self.alerts = 0

    @property
    def now(self) -> datetime:
        return clock.now()

    @property
    def by(self) -> Actor:
        """Ana, through the API."""
        return Actor.of(self.ana, "api")

    def person(self, name: str, *, phone: bool = True) -> User:
        """Somebody new, with a phone unless the story says otherwise."""
        user = User.objects.create_user(f"{name.lower()}@example.com", name=name)
        if phone:
            self.method(user)
        return user

    def method(self, user: User, number: str = "") -> Any:
        """One more verified phone of somebody."""
        return paging.add_method(
            user, kind="phone", address=number or f"+{user.pk}", verified=True, by=Actor.of(user, "web"), now=clock.now()
        )

    def schedule(self, *people: User, zone: str = "Europe/Berlin", name: str = "Payments primary", **rotation: Any) -> Schedule:
        """A weekly rotation of those people, begun on Monday 5 January 2026 at nine."""
        ids = [person.pk for person in people]
        plain = {"name": "primary", "participants": ids, "starts_at": "2026-01-05T09:00:00", "shift": {"days": 7}, **rotation}
        return oncall.create_schedule(
            name=name, time_zone=zone, team=self.team.pk, rotations=[plain] if people else [], by=self.by, now=self.now
        )

    def override(self, schedule: Schedule, user: User, **length: float) -> Override:
        """That person stands in from now on."""
        return oncall.add_override(
            schedule,
            user=user.pk,
            starts_at=self.now - timedelta(seconds=1),
            ends_at=self.now + timedelta(**length),
            by=self.by,
            now=self.now,
        )

    def policy(self, *steps: list[User | Schedule], wait: int = 300, repeats: int = 0, name: str = "Payments") -> EscalationPolicy:
        """A policy of those steps, which the service uses from now on."""
        return self.written([self.step(*step, wait=wait) for step in steps], repeats=repeats, name=name)

    def step(self, *targets: User | Schedule | Team | dict[str, Any], wait: int = 300, need: int = 1, **when: Any) -> dict[str, Any]:
        """One step as it is written; `when`: severities, hours, tier."""
        kinds = {User: "user", Schedule: "schedule", Team: "team"}
        plain = [target if isinstance(target, dict) else {"kind": kinds[type(target)], "id": target.pk} for target in targets]
        return {"wait_seconds": wait, "targets": plain, "need": need, "when": when}

    def written(self, steps: list[dict[str, Any]], *, repeats: int = 0, name: str = "Payments") -> EscalationPolicy:
        """A policy of steps as they are written, which the service uses from now on."""
        policy = paging.create_policy(name=name, team=self.team.pk, steps=steps, repeats=repeats, by=self.by, now=self.now)
        Service.objects.filter(pk=self.service.pk).update(escalation_policy=policy)
        self.service.refresh_from_db()
        return policy

    def fallback(self, *, team: User | None = None, organisation: User | None = None) -> None:
        """Who is paged when everybody else is out of reach."""
        Team.objects.filter(pk=self.team.pk).update(fallback_user=team)
        Organisation.objects.filter(pk=1).update(fallback_user=organisation)

    def alert(self, title: str = "Checkout is down", *, severity: str = "SEV2", page: bool = True) -> Alert:
        """An alert of the service, paged by its policy (unless not wanted) and delivered."""
        self.alerts += 1
        now = self.now
        alert = Alert.objects.create(
            integration=self.integration, dedup_key=f"key-{self.alerts}", service=self.service, title=title, source_severity="critical",
            severity=severity, started_at=now, first_seen=now, last_seen=now, last_event_at=now,
        )  # fmt: skip
        if page:
            self.page(alert)
            self.settle()
        return alert

    def page(self, alert: Alert, *, track: str = "on_call") -> Escalation:
        """Start the service's policy for that alert."""
        subject = {
            "title": alert.title,
            "severity": alert.severity,
            "service": "checkout",
            "team_id": self.team.pk,
            "critical": self.service.critical,
        }
        return paging.start(policy=self.service.escalation_policy, track=track, subject=subject, alert=alert, now=self.now)

    def acknowledge(self, alert: Alert, user: User) -> Acknowledgement:
        """That person says "I have it"."""
        return acknowledge_alert(alert=alert, by=Actor.of(user, "api"), now=self.now)

    def settle(self) -> None:
        """Let every loop carry out what is due, until none has anything left."""
        takes = [deliver.take_inline if loop.name == operations_notifications.LOOP else loop.take for loop in response_loops.LOOPS]
        for _ in range(200):
            if not sum(take() for take in takes):
                return
        raise AssertionError("the loops never come to rest")

    def advance(self, **span: float) -> None:
        """Let time pass, stopping at everything that falls due on the way."""
        goal = self.shifted + timedelta(**span)
        while True:
            self.settle()
            dues = [due for due in (loop.next_due() for loop in response_loops.LOOPS) if due is not None]
            step = min(
                [
                    goal - self.shifted,
                    *(max(due if isinstance(due, timedelta) else due - self.now, timedelta(milliseconds=1)) for due in dues),
                ]
            )
            self.shifted += step
            clock.shift(self.shifted)
            if self.shifted >= goal:
                self.settle()
                return

    def downtime(self, **span: float) -> None:
        """Let time pass while no loop runs, in real time too: as if every worker had been away."""
        self.shifted += timedelta(**span)
        clock.shift(self.shifted)
        PagingState.objects.update_or_create(id=1, defaults={"at": datetime.now(UTC) - timedelta(**span)})
        for gate in (catch_up.STEPS, catch_up.PROMISES, catch_up.PAGES):
            gate.forget()

    def timeline(self, alert: Alert) -> list[str]:
        """The kinds of what was recorded about an alert, in order."""
        return list(Entry.objects.filter(alert_id=alert.pk).order_by("id").values_list("kind", flat=True))

    def escalation(self, alert: Alert) -> Escalation:
        """The newest escalation of an alert."""
        return Escalation.objects.filter(alert=alert).latest("id")

    def pages(self, **which: Any) -> list[Notification]:
        """The rows of pages, oldest first."""
        return list(Notification.objects.filter(**which).order_by("id"))


@contextmanager
def running() -> Iterator[World]:
    """A world for one story; at its end nothing may be unexplained."""
    world = World()
    try:
        yield world
        world.phone.silent()
    finally:
        NOTIFIERS.remove("phone")


@pytest.fixture
def world(db: None) -> Iterator[World]:
    """The world of a story."""
    with running() as made:
        yield made


__all__ = ["Phone", "World", "running", "world"]
