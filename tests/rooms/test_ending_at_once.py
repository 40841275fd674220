"""An end, an answer or a person's leaving that meets the very transaction in which paging begins anew is not lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from tests.scenarios.world import World
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, User
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation
from tocsin.response import escalate
from tocsin.response.acknowledge import acknowledge_alert, acknowledge_incident
from tocsin.response.declare_incident import declare
from tocsin.response.remove_person import remove_person
from tocsin.response.resolve import resolve


@pytest.fixture
def world(transactional_db):
    made = World()
    User.objects.filter(pk=made.lea.pk).update(role=Role.ADMINISTRATOR)
    made.lea.refresh_from_db()
    yield made
    NOTIFIERS.remove("phone")


@contextmanager
def meeting(other: Callable[[], object]) -> Iterator[None]:
    """What stands in the block is done in a transaction that ends only once `other`, begun after it in a thread, waits for it or is done."""
    began, over, failures = threading.Event(), threading.Event(), list[BaseException]()
    session: list[int] = []

    def work() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                session.append(cursor.fetchone()[0])
            began.wait(60)
            other()
        except BaseException as error:
            failures.append(error)
        finally:
            over.set()
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    with transaction.atomic():
        yield
        began.set()
        while not over.wait(0.02) and not waits(session):
            pass
    thread.join(60)
    if failures:
        raise failures[0]


def waits(session: list[int]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = ANY(%s) AND NOT granted)", [session])
        return cursor.fetchone()[0]


def ran_out(world: World, **about: int) -> int:
    """Ana's acknowledgement is over at this moment, and paging is about to begin anew."""
    run = Escalation.objects.get(**about)
    with transaction.atomic():
        paging.expire_at([run.pk], world.now, by=world.by, now=world.now)
    return run.pk


def acknowledged_incident(world: World):
    world.policy([world.ana])
    with transaction.atomic():
        incident = declare(title="Checkout is down", severity="SEV2", service=world.service, by=world.by, now=world.now)
    acknowledge_incident(incident=incident, by=world.by, now=world.now)
    return incident


def test_an_incident_that_is_resolved_while_paging_begins_anew_pages_nobody(world: World):
    incident = acknowledged_incident(world)
    run = ran_out(world, incident_id=incident.pk, track="on_call")
    with meeting(lambda: resolve(incident=incident, resolution="Rolled back", by=world.by, now=world.now)):
        assert escalate._carry_out(run, True, world.now)
    assert not Escalation.objects.filter(incident_id=incident.pk, status="running").exists()


def test_an_alert_that_is_acknowledged_while_paging_begins_anew_is_acknowledged(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.acknowledge(alert, world.ana)
    run = ran_out(world, alert_id=alert.pk)
    with meeting(lambda: acknowledge_alert(alert=alert, by=Actor.of(world.ben, "api"), now=world.now)):
        assert escalate._carry_out(run, True, world.now)
    assert world.escalation(alert).acknowledged_by == world.ben


def test_what_is_held_by_a_verb_begins_anew_afterwards_and_nobody_waits(world: World):
    incident = acknowledged_incident(world)
    run = ran_out(world, incident_id=incident.pk, track="on_call")
    with meeting(escalate.take):
        resolve(incident=incident, resolution="Rolled back", by=world.by, now=world.now)
    escalate.take()
    assert Escalation.objects.get(incident_id=incident.pk, track="on_call").pk == run


def test_who_is_being_removed_takes_nothing_along(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    with pytest.raises(Refused, match="no longer active"), meeting(lambda: world.acknowledge(alert, world.ana)):
        remove_person(world.ana.pk, by=Actor.of(world.lea, "web"), now=world.now)
    assert world.escalation(alert).status == "running"


def test_what_somebody_takes_while_they_are_removed_is_paged_again(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    with meeting(lambda: remove_person(world.ana.pk, by=Actor.of(world.lea, "web"), now=world.now)):
        world.acknowledge(alert, world.ana)
    world.settle()
    assert world.escalation(alert).status == "running"
