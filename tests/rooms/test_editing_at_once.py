"""A schedule is changed in the very moment in which somebody looks who is on call: they see it before or after, never between."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tests.scenarios.world import World
from tocsin.integrations.registry import NOTIFIERS
from tocsin.oncall import operations as oncall
from tocsin.oncall import queries


@pytest.fixture
def world(transactional_db):
    made = World()
    yield made
    NOTIFIERS.remove("phone")


def test_who_is_on_call_is_found_while_the_schedule_is_changed(world: World):
    schedule = world.schedule(world.ana)
    turns = [{"participants": [world.ben.pk], "starts_at": "2026-01-05T09:00:00"}]
    changed: list[bool] = []

    def change() -> None:
        try:
            changed.append(bool(oncall.change_schedule(schedule, rotations=turns, by=world.by, now=world.now)))
        finally:
            connection.close()

    def between(execute, sql, params, many, context):
        if "oncall_rotationparticipant" in sql and not changed:  # the rotations are read, their people are not yet
            other = threading.Thread(target=change)
            other.start()
            other.join(60)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(between):
        holder = queries.who(schedule, world.now)
    assert changed and holder and holder.user == world.ben.pk
