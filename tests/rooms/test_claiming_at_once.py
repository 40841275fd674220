"""Two processes claim pages for one telephone at the same moment: the numbers by which they are answered stay apart."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from tests.scenarios.world import World
from tocsin.domain.ports import Abilities
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging import operations_claims as claims
from tocsin.paging.models import Notification


@pytest.fixture
def world(transactional_db):
    made = World()
    made.phone.abilities = Abilities(wakes=True, receipts=True, two_way=True)
    yield made
    NOTIFIERS.remove("phone")


def paged(world: World, name: str) -> Notification:
    person = world.person(name, phone=False)
    world.method(person, "+491511234")
    world.policy([person], name=name)
    with transaction.atomic():
        world.page(world.alert(page=False))
    return Notification.objects.get(user=person)


def test_people_who_share_a_telephone_get_numbers_of_one_order(world):
    first = paged(world, "Dee")
    claimed, go_on = threading.Event(), threading.Event()

    def claim_first() -> None:
        try:
            with transaction.atomic():
                claims.claim_within("phone", 9, "one", world.now)
                claimed.set()
                go_on.wait(60)
        finally:
            connection.close()

    one = threading.Thread(target=claim_first)
    one.start()
    try:
        assert claimed.wait(60)
        second = paged(world, "Eli")
        claims.claim("phone", 9, "two", world.now)
    finally:
        go_on.set()
        one.join(60)
    claims.claim("phone", 9, "two", world.now)
    assert [Notification.objects.get(pk=row.pk).reply_code for row in (first, second)] == [1, 2]
