"""Storms and moments at which everything happens at once: nothing is lost, nobody is buried, and what happens at once comes out in one order.

The whole size of the storms is a number in the environment: TOCSIN_STORM=100000 bin/test tests/scenarios/test_big_storms.py --timeout 3600
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Sum

from tests.scenarios.world import World
from tocsin import clock
from tocsin.alerts import operations
from tocsin.alerts.models import Alert, Integration, RawEvent, Service
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging.models import Escalation, Notification
from tocsin.response import deliver, escalate, receive_events

EVENTS = int(os.environ.get("TOCSIN_STORM", "3000"))
PER_REQUEST = 100
MAP = {"critical": "SEV2", "error": "SEV2", "warning": "SEV3", "info": "SEV4"}


def send(to: Integration, *keys: str, status: str = "firing") -> RawEvent:
    """One message of Alertmanager with an alert for each key."""
    items = [{"status": status, "fingerprint": key, "labels": {"alertname": key, "severity": "critical"}} for key in keys]
    return operations.accept(to, body=json.dumps({"alerts": items}).encode(), protocol="in", now=clock.now())


def storm(integrations: list[Integration], prefix: str) -> None:
    """So many events, each of a key of its own, a hundred in a request, the integrations in turn."""
    for number, first in enumerate(range(0, EVENTS, PER_REQUEST)):
        send(integrations[number % len(integrations)], *(f"{prefix}{n}" for n in range(first, min(first + PER_REQUEST, EVENTS))))


def at_once(*works: Callable[[], object]) -> None:
    """All of them at the same moment, each in a thread and a connection of its own; what one raises fails the test."""
    gate, failed = threading.Barrier(len(works)), list[BaseException]()

    def run(work: Callable[[], object]) -> None:
        gate.wait()
        try:
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not failed and not any(thread.is_alive() for thread in threads), failed


def paged_by(world: World) -> World:
    world.policy([world.ana], [world.ben])
    Service.objects.filter(pk=world.service.pk).update(severity_map=MAP)
    return world


@pytest.fixture
def paged(world: World) -> World:
    """Ana is paged for the service at once, Ben five minutes later."""
    return paged_by(world)


@pytest.fixture
def apart(transactional_db):
    """The same with real transactions, for threads."""
    made = paged_by(World())
    yield made
    NOTIFIERS.remove("phone")


def test_a_hundred_equal_events_in_parallel_are_one_alert_with_a_true_count_and_one_page(apart):
    def fold() -> None:
        for _ in range(200):
            receive_events.take()
            if RawEvent.objects.filter(state="done").count() == 100:
                return

    at_once(*[lambda: [send(apart.integration, "disk") for _ in range(10)]] * 10, fold, fold, fold)
    apart.settle()
    assert RawEvent.objects.filter(state="done").count() == 100
    assert Alert.objects.get().event_count == 100
    assert Escalation.objects.count() == 1 and Notification.objects.filter(kind="page").count() == 1
    apart.phone.expect(apart.ana, "disk")
    apart.phone.silent()


@pytest.mark.timeout(3600)
def test_a_storm_with_one_cause_is_one_page_and_every_event_has_an_outcome(paged):
    storm([paged.integration], "a")
    paged.settle()
    assert Alert.objects.count() == EVENTS and not RawEvent.objects.exclude(state="done").exists()
    lead = Alert.objects.get(lead=None)
    assert lead.member_count == EVENTS - 1 and Escalation.objects.get().alert == lead
    assert "more)" in paged.phone.expect(paged.ana).title
    paged.phone.silent()
    paged.advance(minutes=5)
    assert f"(and {EVENTS - 1:,} more)" in paged.phone.expect(paged.ben).title


@pytest.mark.timeout(3600)
def test_a_storm_with_as_many_keys_and_thirty_causes_is_one_page_to_a_person_with_a_true_count(paged):
    services = [
        Service.objects.create(name=f"service {n}", team=paged.team, escalation_policy=paged.service.escalation_policy, severity_map=MAP)
        for n in range(30)
    ]
    storm([Integration.objects.create(name=s.name, kind="alertmanager", key=s.name, service=s) for s in services], "k")
    paged.settle()
    assert Alert.objects.count() == EVENTS and not RawEvent.objects.exclude(state="done").exists()
    assert Alert.objects.filter(lead=None).count() == 30 == Escalation.objects.count()
    assert Alert.objects.filter(lead=None).aggregate(all=Sum("member_count"))["all"] == EVENTS - 30
    page = paged.phone.expect(paged.ana)
    own = Notification.objects.get(kind="page", merged_into=None).escalation.alert.member_count
    assert f"(and {own + 29:,} more)" in page.title  # the rest of its cause, and the other causes
    assert Notification.objects.filter(kind="page", user=paged.ana, merged_into__isnull=False).count() == 29
    paged.advance(minutes=2)
    paged.phone.silent()


def test_a_new_cause_does_not_wait_behind_a_storm(paged, monkeypatch):
    monkeypatch.setattr(receive_events, "BATCH", 5)
    other = Service.objects.create(name="web", team=paged.team, escalation_policy=paged.service.escalation_policy, severity_map=MAP)
    web = Integration.objects.create(name="web", kind="alertmanager", key="web", service=other)
    storm([paged.integration], "a")
    send(web, "website is down")
    receive_events.take()  # one turn, in which each integration has its own
    assert Alert.objects.filter(title="website is down").exists() and RawEvent.objects.filter(state="new").exists()
    paged.settle()
    paged.phone.unread.clear()


@pytest.mark.parametrize("time", range(3))
def test_acknowledgement_resolution_and_escalation_at_the_same_moment_come_out_in_one_order(apart, time):
    send(apart.integration, "disk")
    apart.settle()
    apart.phone.expect(apart.ana, "disk")
    alert = Alert.objects.get()
    send(apart.integration, "disk", status="resolved")
    clock.shift(timedelta(minutes=5))  # Ben's step is due
    apart.shifted = timedelta(minutes=5)
    try:
        at_once(
            lambda: apart.acknowledge(alert, apart.ana), lambda: apart.acknowledge(alert, apart.ben),
            receive_events.take, escalate.take, deliver.take_inline,
        )  # fmt: skip
        ended = apart.escalation(alert)
        assert ended.status in ("acknowledged", "stopped") and ended.due_at is None
        before = len(apart.phone.rang)
        apart.settle()
        assert apart.escalation(alert).status in ("acknowledged", "stopped")
        assert Alert.objects.get().status == "resolved"
        pages = Notification.objects.filter(kind="page")
        assert not pages.exclude(state__in=("delivered", "cancelled")).exists()
        assert len(apart.phone.rang) == pages.filter(state="delivered").count() == before  # what was not sent by then is never sent
        kinds = apart.timeline(alert)
        assert kinds.count("acknowledged") <= 1
        assert (ended.acknowledged_at is not None) == ("acknowledged" in kinds)
        apart.advance(minutes=30)
        assert len(apart.phone.rang) == before
    finally:
        clock.shift(timedelta(0))
