"""After Tocsin itself was away, and after a restore: nobody is woken by a storm of old pages, and nobody is forgotten."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import AuditEntry, Role, User
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation, Notification, PagingState
from tocsin.response import catch_up, release_paging
from tocsin.web import health

pytestmark = pytest.mark.django_db


def tell(world: World, status: str, title: str = "Checkout is down") -> None:
    """Its monitor says so, and it is accepted; nobody has folded it yet."""
    labels = {"alertname": title, "severity": "critical"}
    body = {"alerts": [{"status": status, "fingerprint": title, "labels": labels, "annotations": {"summary": title}}]}
    alerts.accept(world.integration, body=json.dumps(body).encode(), protocol="in", now=clock.now())


def hold(world: World) -> None:
    """As `tocsin restore` does it."""
    PagingState.objects.update_or_create(id=1, defaults={"held_since": world.now, "held_reason": "restored from a.tocsin-backup"})
    for gate in (catch_up.STEPS, catch_up.PROMISES, catch_up.PAGES):
        gate.forget()


def administrator(world: World) -> Actor:
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    world.lea.refresh_from_db()
    return Actor.of(world.lea, "web")


def test_forty_minutes_of_downtime_over_three_steps_start_one_step_and_then_wait_in_full(world: World):
    world.policy([world.ana], [world.ben], [world.cy], wait=300)
    alert = world.alert()
    world.phone.expect(world.ana)
    world.downtime(minutes=40)
    world.settle()
    page = world.phone.expect(world.ben)
    assert page.title.endswith("(35 minutes late)")
    assert "This page is 35 minutes late: Tocsin itself was away." in page.text
    assert page.facts["late_seconds"] == 35 * 60
    world.phone.silent()
    world.advance(seconds=299)
    world.phone.silent()
    world.advance(seconds=2)
    assert "late" not in world.phone.expect(world.cy).title
    assert "escalation_exhausted" not in world.timeline(alert)


def test_an_alert_that_ended_meanwhile_pages_nobody(world: World):
    world.policy([world.ana], [world.ben])
    tell(world, "firing")
    world.settle()
    world.phone.expect(world.ana)
    tell(world, "resolved")
    world.downtime(minutes=40)
    world.settle()
    assert Escalation.objects.get().status == "stopped"


def test_pages_do_not_wait_for_ever_for_what_cannot_be_folded(world: World, monkeypatch: pytest.MonkeyPatch):
    world.policy([world.ana], [world.ben])
    world.alert()
    world.phone.expect(world.ana)
    world.downtime(minutes=40)
    monkeypatch.setattr(catch_up, "_waits", lambda at: catch_up.operations_state.Waits(True, True))
    world.settle()
    world.phone.silent()
    world.advance(seconds=31)
    world.phone.silent()
    world.advance(seconds=31)
    world.phone.expect(world.ben)


def test_what_waited_to_be_folded_says_how_long_ago_it_was_reported(world: World):
    world.policy([world.ana], [world.ben])
    tell(world, "firing")
    world.downtime(minutes=40)
    world.settle()
    assert world.phone.expect(world.ana, "Checkout is down").facts["late_seconds"] == 40 * 60


def test_pages_of_many_alerts_become_one_for_each_person(world: World):
    world.policy([world.ana], [world.ben])
    for number in range(40):
        alert = world.alert(f"Thing {number} is down", page=False)
        world.page(alert)
    world.downtime(minutes=40)
    world.settle()
    page = world.phone.expect(world.ana)
    assert page.facts["merged_count"] == 39 and "(and 39 more)" in page.title and "40 minutes late" in page.title
    world.phone.silent()
    world.advance(seconds=200)
    world.phone.silent()


def test_a_step_whose_page_never_went_out_is_not_skipped(world: World):
    world.policy([world.ana], [world.ben], wait=300)
    alert = world.alert(page=False)
    world.page(alert)  # and the worker dies before it is sent
    world.downtime(minutes=40)
    world.settle()
    assert world.phone.expect(world.ana).facts["late_seconds"] == 40 * 60
    world.phone.silent()
    world.advance(seconds=301)
    world.phone.expect(world.ben)


def test_the_methods_of_a_person_keep_their_distance(world: World):
    second = world.method(world.ana, "+later")
    paging.add_rule(world.ana, contact_method=world.ana.contact_methods.first().pk, after_seconds=0, by=world.by, now=world.now)
    paging.add_rule(world.ana, contact_method=second.pk, after_seconds=120, by=world.by, now=world.now)
    world.policy([world.ana], wait=900)
    world.page(world.alert(page=False))
    world.downtime(minutes=10)
    world.settle()
    world.phone.expect(world.ana)
    world.phone.silent()
    world.advance(seconds=121)
    world.phone.expect(world.ana, number="+later")


def test_a_short_absence_changes_nothing_and_tells_nobody(world: World):
    administrator(world)
    world.policy([world.ana], [world.ben], wait=60)
    world.alert()
    world.phone.expect(world.ana)
    world.downtime(seconds=115)
    world.settle()
    assert "late" not in world.phone.expect(world.ben).title
    assert PagingState.objects.get().returned_at is None and not Notification.objects.filter(kind="notice").exists()


def test_the_administrators_hear_of_an_absence_once(world: World):
    administrator(world)
    world.downtime(minutes=40)
    world.settle()
    world.settle()
    notice = Notification.objects.get(kind="notice", user=world.lea)
    assert notice.title == "Tocsin itself was away for 40 minutes"


def test_after_a_restore_nothing_is_sent_and_events_are_still_taken(world: World, monkeypatch: pytest.MonkeyPatch):
    world.policy([world.ana], [world.ben])
    world.alert("Old trouble")
    world.phone.expect(world.ana)
    hold(world)
    tell(world, "firing", "New trouble")
    world.advance(hours=3)
    world.phone.silent()
    assert Alert.objects.filter(title="New trouble", status="firing").exists()
    assert not Notification.objects.filter(kind="page", state="sending").exists()
    found = release_paging.overdue(world.now)
    assert [page.title for page in found.pages] == ["SEV2 New trouble"]
    assert {step.subject["title"] for step in found.steps} == {"Old trouble", "New trouble"}
    monkeypatch.setattr(health, "close_old_connections", lambda: None)
    monkeypatch.setattr(health, "_reason", lambda: "")
    assert json.loads(health.ready()[1]) == {"status": "ready", "paging": "held"}
    assert {gauge.name: gauge.samples for gauge in health._read()}["tocsin_paging_held"][0].value == 1


def test_once_released_pages_go_out_merged_and_late_and_steps_wait_in_full(world: World):
    by = administrator(world)
    world.policy([world.ana], [world.ben], wait=300)
    hold(world)
    for title in ("One", "Two"):
        world.page(world.alert(title, page=False))
    world.advance(hours=3)
    world.phone.silent()
    release_paging.release(by=by, now=world.now)
    world.settle()
    page = world.phone.expect(world.ana)
    assert page.facts["merged_count"] == 1 and page.facts["late_seconds"] == 3 * 3600
    world.phone.silent()
    world.advance(seconds=301)
    world.phone.expect(world.ben)
    assert AuditEntry.objects.get(verb="paging.released").text.startswith("Lea released paging")


def test_only_an_administrator_releases_and_only_what_is_held(world: World):
    hold(world)
    with pytest.raises(Refused, match="Only administrators"):
        release_paging.release(by=world.by, now=world.now)
    by = administrator(world)
    release_paging.release(by=by, now=world.now)
    with pytest.raises(Refused, match="not held back"):
        release_paging.release(by=by, now=world.now + timedelta(minutes=1))
