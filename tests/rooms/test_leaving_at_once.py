"""Somebody is removed while another transaction says something of them: neither waits for the other."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from tests.scenarios.world import World
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Role, User
from tocsin.integrations.registry import NOTIFIERS
from tocsin.response.remove_person import remove_person


@pytest.fixture
def world(transactional_db):
    made = World()
    yield made
    NOTIFIERS.remove("phone")


def test_a_page_that_is_being_made_for_them_is_not_waited_for(world):
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    world.lea.refresh_from_db()
    world.policy([world.ana])
    made, removed = threading.Event(), threading.Event()

    def page() -> None:
        try:
            with transaction.atomic():
                world.page(world.alert(page=False))
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as when it commits: whom it names must be there
                made.set()
                removed.wait(60)
        finally:
            connection.close()

    other = threading.Thread(target=page)
    other.start()
    try:
        assert made.wait(60)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20s'")
        remove_person(world.ana.pk, by=Actor.of(world.lea, "web"), now=world.now)
    finally:
        removed.set()
        other.join(60)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
    assert User.objects.get(pk=world.ana.pk).removed_at
