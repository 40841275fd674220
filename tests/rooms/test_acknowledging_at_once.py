"""Acknowledging, stepping and claiming at the same moment come out in one order, and nothing is sent after the acknowledgement (R8)."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation, Notification
from tocsin.response import deliver, escalate


@pytest.fixture
def world(transactional_db):
    made = World()
    yield made
    NOTIFIERS.remove("phone")


def test_of_many_who_acknowledge_at_once_one_has_it(world):
    world.policy([world.ana], [world.ben])
    alert = world.alert(page=False)
    with transaction.atomic():
        world.page(alert)
    taken: list[int] = []
    gate = threading.Barrier(6)

    def press(person) -> None:
        gate.wait()
        try:
            with transaction.atomic():
                taken.append(len(paging.acknowledge(alert_id=alert.pk, by=Actor.of(person, "api"), now=clock.now())))
        finally:
            connection.close()

    def work(take) -> None:
        gate.wait()
        try:
            take()
        finally:
            connection.close()

    people = [world.ana, world.ben, world.cy, world.lea]
    threads = [threading.Thread(target=press, args=(person,)) for person in people]
    threads += [threading.Thread(target=work, args=(take,)) for take in (deliver.take_inline, escalate.take)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert sorted(taken) == [0, 0, 0, 1]
    assert Escalation.objects.get().status == "acknowledged"
    deliver.take_inline()
    (page,) = Notification.objects.all()
    assert page.state in ("cancelled", "delivered")  # sent before, or never
    assert len(world.phone.rang) == (page.state == "delivered")
