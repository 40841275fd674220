"""However a silence ends, and whatever became of an alert meanwhile: what still fires and nobody has rings."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.rooms.test_quiet import fire
from tests.scenarios.test_silences_and_pages import make, rings, said
from tocsin.accounts.actor import Actor
from tocsin.alerts import operations
from tocsin.alerts.models import Alert, Integration, Service, Silence
from tocsin.lib.refusal import Refused
from tocsin.paging.models import Escalation
from tocsin.response import acknowledge, bulk_alerts, hold, silence
from tocsin.response.resolve_alert import resolve_alert

pytestmark = pytest.mark.django_db


def says(world, key: str, severity: str) -> Alert:
    """A monitor that knows severities says that of one condition."""
    sender, _ = Integration.objects.get_or_create(name="PD", kind="pagerduty_events_v2", key="pd", service=world.service)
    body = {"event_action": "trigger", "dedup_key": key, "payload": {"summary": key, "source": "db1", "severity": severity}}
    operations.accept(sender, body=json.dumps(body).encode(), protocol="pagerduty", now=world.now)
    world.settle()
    return Alert.objects.get(dedup_key=key)


def severities(world, **called: str) -> None:
    world.policy([world.ana], [world.ben])
    Service.objects.filter(pk=world.service.pk).update(severity_map=called)


def flaps(world) -> Alert:
    """It opens three times within a minute: Ana is paged once, and it fires."""
    world.policy([world.ana])
    for _ in range(2):
        fire(world)
        world.advance(seconds=20)
        fire(world, status="resolved")
        world.advance(seconds=20)
    alert = fire(world)
    world.settle()
    assert alert.calm_at
    world.phone.unread.clear()
    return alert


def test_what_somebody_had_before_it_rang_again_is_nobodys_after_the_silence(world):
    alert = rings(world, "DiskFull")
    hold.snooze(minutes=30, alert=alert, by=Actor.of(world.ana, "web"), now=world.now)
    world.advance(minutes=31)
    world.phone.expect(world.ana, "DiskFull")
    assert make(world, "DiskFull").stopped == 1
    world.advance(minutes=59)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana, "DiskFull")
    world.acknowledge(alert, world.ana)


def test_what_comes_beside_it_meanwhile_does_not_join_what_nobody_has(world):
    alert = rings(world, "DiskFull")
    hold.snooze(minutes=5, alert=alert, by=Actor.of(world.ana, "web"), now=world.now)
    world.advance(minutes=5, seconds=1)
    world.phone.expect(world.ana, "DiskFull")
    make(world, "DiskFull")
    Service.objects.filter(pk=world.service.pk).update(group_minutes=60)
    other = fire(world, "PaymentsFail")
    world.advance(minutes=1)  # so soon after the other the phone waits a little
    world.phone.expect(world.ana, "PaymentsFail")
    world.acknowledge(other, world.ana)


def test_a_flapping_alert_that_is_down_when_the_silence_ends_rings_when_it_comes_back(world):
    alert = flaps(world)
    make(world, "DiskFull", hours=0.1)
    world.advance(minutes=5)
    fire(world, status="resolved")
    world.advance(minutes=2)
    world.phone.silent()
    assert fire(world).pk == alert.pk
    world.settle()
    world.phone.expect(world.ana, "DiskFull")
    alert.refresh_from_db()
    assert alert.suppressed_by == "" and len(said(alert, "silence_ended")) == 1
    world.acknowledge(alert, world.ana)


def test_a_flapping_alert_that_comes_back_during_the_silence_is_held_and_rings_after_it(world):
    alert = flaps(world)
    world.acknowledge(alert, world.ana)
    fire(world, status="resolved")
    make(world, "DiskFull", hours=0.1)
    fire(world)
    alert.refresh_from_db()
    assert alert.suppressed_by.startswith("silence")
    world.advance(minutes=7)
    alert.refresh_from_db()
    assert alert.suppressed_by == "" and world.escalation(alert).status == "acknowledged"


def test_a_resolution_that_is_taken_back_when_the_silence_is_over_rings(world):
    alert = rings(world, "DiskFull")
    make(world, "DiskFull", hours=0.1)
    world.advance(minutes=5, seconds=50)
    by = Actor.of(world.ana, "web")
    act = bulk_alerts.carry_out(
        bulk_alerts.plan(action="resolve", alert_ids=[alert.pk], by=by, now=world.now), key="one", by=by, now=world.now
    )
    world.advance(seconds=15)
    world.phone.silent()
    assert bulk_alerts.undo(act, by=by, now=world.now) == 1
    world.settle()
    world.phone.expect(world.ana, "DiskFull")
    alert.refresh_from_db()
    assert alert.status == "firing" and alert.suppressed_by == ""
    world.acknowledge(alert, world.ana)


def test_what_worsens_out_of_a_silence_rings_at_once(world):
    severities(world, warning="SEV2", error="SEV2", critical="SEV1")
    alert = says(world, "disk", "warning")
    world.phone.expect(world.ana, "disk")
    assert make(world, matchers=[{"name": "severity", "value": "warning"}]).stopped == 1
    world.advance(minutes=10)
    says(world, "disk", "error")
    world.phone.expect(world.ana, "disk")
    world.phone.silent()
    alert.refresh_from_db()
    assert alert.suppressed_by == "" and said(alert, "silence_ended")
    world.acknowledge(alert, world.ana)


def test_what_worsens_after_a_silence_that_nobody_has_looked_at_yet_rings_once(world):
    severities(world, warning="SEV2", error="SEV2", critical="SEV1")
    alert = says(world, "disk", "warning")
    world.phone.expect(world.ana, "disk")
    made = make(world, matchers=[])
    Silence.objects.filter(pk=made.pk).update(ends_at=world.now)
    says(world, "disk", "error")
    world.advance(minutes=1)  # so soon after the first time the phone waits a little
    world.phone.expect(world.ana, "disk")
    world.phone.silent()
    world.acknowledge(alert, world.ana)


def test_the_worst_that_came_under_a_silence_rings_although_a_lesser_one_came_first(world):
    severities(world, warning="SEV4", critical="SEV1")
    make(world, matchers=[], hours=0.5)
    minor = says(world, "minor", "warning")
    world.advance(minutes=1)
    major = says(world, "major", "critical")
    world.phone.silent()
    world.advance(minutes=30)
    world.phone.expect(world.ana, "major")
    major.refresh_from_db()
    assert major.lead == minor
    world.acknowledge(major, world.ana)
    world.phone.unread.clear()


def test_who_takes_it_while_a_silence_stops_its_pages_has_it_as_long_as_the_procedure_says(world, monkeypatch):
    monkeypatch.setattr(acknowledge, "_expiry", lambda *_: 60)
    alert = rings(world, "DiskFull")
    world.page(alert, track="leadership")
    world.phone.unread.clear()
    make(world, "DiskFull", hours=0.5)
    world.acknowledge(alert, world.ana)
    assert set(Escalation.objects.values_list("track", "status")) == {("on_call", "acknowledged"), ("leadership", "acknowledged")}
    world.advance(minutes=59)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana, "DiskFull")
    world.acknowledge(alert, world.ana)
    world.phone.unread.clear()
    resolve_alert(alert=alert, by=world.by, now=world.now)


def test_what_was_taken_while_held_and_got_worse_meanwhile_asks_again(world):
    severities(world, warning="SEV3", critical="SEV1")
    make(world, matchers=[])
    alert = says(world, "disk", "warning")
    world.acknowledge(alert, world.ana)
    says(world, "disk", "critical")
    world.advance(minutes=59)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana, "SEV1")
    world.acknowledge(alert, world.ana)
    world.phone.unread.clear()


def test_a_change_that_comes_as_the_silence_ends_is_refused_so_that_nothing_stays_held(world):
    alert = rings(world, "DiskFull")
    made = make(world, "DiskFull", hours=0.1)
    world.advance(minutes=5, seconds=59)
    began = world.now
    world.advance(seconds=2)
    world.phone.expect(world.ana, "DiskFull")
    given = {"matchers": made.matchers, "service": made.service_id, "reason": made.reason, "by": world.by}
    with pytest.raises(Refused, match="over"):
        silence.change(made, **given, ends_at=began + timedelta(hours=1), now=began)
    alert.refresh_from_db()
    assert alert.suppressed_by == ""
    world.acknowledge(alert, world.ana)
