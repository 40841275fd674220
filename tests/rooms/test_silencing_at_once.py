"""A silence that meets the very transaction in which what it matches comes, or is paged again, holds that back too; and its end loses nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.rooms.test_ending_at_once import meeting, ran_out
from tests.scenarios.world import World
from tocsin.alerts import operations
from tocsin.alerts.models import Alert, Silence
from tocsin.integrations.registry import NOTIFIERS
from tocsin.paging.models import Escalation
from tocsin.response import escalate, receive_events, silence


@pytest.fixture
def world(transactional_db):
    made = World()
    yield made
    NOTIFIERS.remove("phone")


def make(world: World) -> Silence:
    return silence.silence(
        matchers=[], service=world.service.pk, ends_at=world.now + timedelta(hours=1), reason="Known", by=world.by, now=world.now
    )


def test_an_alert_that_is_being_folded_while_it_is_made_is_held_back(world: World):
    world.policy([world.ana], [world.ben])
    body = {"alerts": [{"status": "firing", "labels": {"alertname": "DiskFull", "severity": "critical"}}]}
    operations.accept(world.integration, body=json.dumps(body).encode(), protocol="in", now=world.now)
    with meeting(lambda: make(world)):
        receive_events.take()
        assert Escalation.objects.get().status == "running"
    assert Alert.objects.get().suppressed_by == f"silence {Silence.objects.get().pk}: Known"
    assert Escalation.objects.get().status == "stopped"


def test_what_begins_anew_while_it_is_made_is_stopped(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.acknowledge(alert, world.ana)
    run = ran_out(world, alert_id=alert.pk)
    with meeting(lambda: make(world)):
        assert escalate._carry_out(run, True, world.now)
    assert Escalation.objects.filter(alert=alert).count() == 2 and not Escalation.objects.filter(status="running").exists()


def test_an_acknowledgement_that_runs_out_while_it_ends_is_paged(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.acknowledge(alert, world.ana)
    row = make(world)
    run = ran_out(world, alert_id=alert.pk)
    silence.end(row, by=world.by, now=world.now)
    with meeting(receive_events.take):
        escalate._carry_out(run, True, world.now)
    world.settle()
    assert Escalation.objects.filter(alert=alert, status="running").count() == 1
