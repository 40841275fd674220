"""The auditor sees what stands still, and says so."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.models import Role, User
from tocsin.alerts import operations as alerts
from tocsin.paging.models import Escalation, Notification
from tocsin.response import audit
from tocsin.web import health

pytestmark = pytest.mark.django_db


def found() -> dict[str, int]:
    return {finding.kind: finding.count for finding in audit.audit(clock.now())}


def test_a_house_in_order_gives_nothing_to_say(world: World):
    world.policy([world.ana], [world.ben])
    world.acknowledge(world.alert(), world.ana)
    world.phone.expect(world.ana)
    assert found() == {}


def test_whatever_stands_still_is_told_to_the_administrators_once_an_hour(world: World, monkeypatch: pytest.MonkeyPatch):
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    world.policy([world.ana], [world.ben])
    alert = world.alert(page=False)
    world.page(alert)  # nobody sends it
    body = json.dumps({"alerts": []}).encode()
    alerts.accept(world.integration, body=body, protocol="in", now=clock.now())  # nobody folds it
    clock.shift(timedelta(minutes=10))
    assert found() == {"events": 1, "escalations": 1, "pages": 1}
    assert found() == {"events": 1, "escalations": 1, "pages": 1}
    assert Notification.objects.filter(kind="notice", user=world.lea).count() == 3
    assert Notification.objects.filter(kind="notice").exclude(user=world.lea).count() == 0
    monkeypatch.setattr(health, "close_old_connections", lambda: None)  # this test's transaction lives in it
    gauges = {gauge.name: gauge for gauge in health._read()}
    assert {sample.labels["kind"]: sample.value for sample in gauges["tocsin_audit_findings"].samples}["pages"] == 1


def test_a_running_escalation_without_a_next_step_is_found(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    Escalation.objects.filter(alert=alert).update(due_at=None)
    assert found() == {"escalations": 1}


def test_a_page_that_never_ends_is_found(world: World):
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    later = clock.now() + timedelta(hours=1)
    Escalation.objects.filter(alert=alert).update(due_at=None, status="acknowledged")
    Notification.objects.update(state="pending", due_at=later, sent_at=clock.now() - timedelta(minutes=16))
    assert found() == {"pages": 1}
    Notification.objects.update(state="delivered", due_at=None)


def test_it_looks_once_a_minute_and_first_after_a_minute(world: World, monkeypatch: pytest.MonkeyPatch):
    looked: list[object] = []
    monkeypatch.setattr(audit, "audit", looked.append)
    auditor = audit._Auditor()
    assert auditor.take() == 0 and not looked
    auditor.looked -= audit.EVERY
    auditor.take()
    auditor.take()
    assert len(looked) == 1
