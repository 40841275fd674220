"""Where paging could have gone quiet, or rung somebody for nothing, although every part did its own work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError

from tests.scenarios.test_opsgenie_client import Client
from tests.scenarios.world import World
from tocsin.accounts.models import Role, User
from tocsin.alerts.models import Alert
from tocsin.domain.ports import Outcome
from tocsin.paging import operations as paging
from tocsin.paging import operations_claims as claims
from tocsin.paging.models import ContactMethod, Escalation
from tocsin.response import administrators, bulk_alerts, deliver, keep_promises
from tocsin.response.acknowledge import acknowledge_incident
from tocsin.response.change_severity import change_severity
from tocsin.response.declare_incident import declare
from tocsin.response.hold import give_back, snooze

pytestmark = pytest.mark.django_db


def test_an_incident_that_was_only_recorded_pages_once_it_is_worse(world: World):
    policy = world.policy([world.ana])
    paging.change_policy(policy, low_severities=["SEV2"], low_urgency="record", by=world.by, now=world.now)
    world.service.refresh_from_db()
    incident = declare(title="Checkout is slow", severity="SEV2", service=world.service, by=world.by, now=world.now)
    world.settle()
    world.phone.silent()
    change_severity(incident=incident, severity="SEV1", reason="It is down", by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ana, "SEV1")
    world.phone.unread.clear()


def test_an_acknowledgement_of_before_it_got_worse_does_not_page_over_the_one_of_after(world: World):
    world.policy([world.ana], wait=3600)
    alert = world.alert()
    world.phone.expect(world.ana)
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=60)
    world.advance(minutes=30)
    world.page(alert)  # it got worse: who has it is asked again
    world.settle()
    world.phone.expect(world.ana)
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=60)
    world.advance(minutes=59)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana)


def test_what_nobody_answered_and_then_came_back_is_snoozed_as_a_whole(world: World):
    world.policy([world.ana])
    alert = world.alert()
    world.advance(hours=1)
    assert world.escalation(alert).status == "exhausted"
    world.page(alert)
    world.settle()
    world.phone.unread.clear()
    paging.acknowledge(alert_id=alert.pk, by=world.by, now=world.now, expires_minutes=30)
    snooze(minutes=600, alert=alert, by=world.by, now=world.now)
    world.advance(minutes=599)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana)


def test_what_was_given_back_a_moment_ago_can_be_taken_by_another(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)
    give_back(alert=alert, by=world.by, now=world.now)
    taken = world.acknowledge(alert, world.ben)  # before a loop has come round
    assert (taken.taken, taken.by) == (True, "Ben")
    world.advance(minutes=10)
    assert world.escalation(alert).acknowledged_by == world.ben


def test_where_two_must_acknowledge_one_alone_does_not_take_what_both_gave_back(world: World):
    world.written([world.step(world.ana, world.ben, need=2)])
    alert = world.alert()
    for person in (world.ana, world.ben):
        world.phone.expect(person)
        world.acknowledge(alert, person)
    assert world.escalation(alert).status == "acknowledged"
    give_back(alert=alert, by=world.by, now=world.now)
    world.acknowledge(alert, world.ben)  # before a loop has come round: it begins anew
    world.advance(minutes=2)
    for person in (world.ana, world.ben):
        world.phone.expect(person)
    assert world.escalation(alert).status == "running"
    world.acknowledge(alert, world.ana)
    world.acknowledge(alert, world.ben)
    assert world.escalation(alert).status == "acknowledged"


def test_whoever_acknowledges_an_incident_has_its_alert_that_was_given_back_a_moment_ago(world: World):
    world.policy([world.ana], [world.ben])
    alert = world.alert()
    world.phone.expect(world.ana)
    incident = declare(title="Checkout", severity="SEV2", service=world.service, alert=alert, by=world.by, now=world.now)
    world.acknowledge(alert, world.ana)
    Escalation.objects.filter(alert=alert).update(incident_id=None)  # as of an alert that was linked later
    paging.give_back([world.escalation(alert).pk], by=world.by, now=world.now)
    acknowledge_incident(incident=incident, by=world.by, now=world.now)
    world.advance(minutes=1)
    world.phone.silent()


def test_a_defect_is_told_once_an_hour_for_all_that_fail_alike_and_a_conflict_is_none(world: World):
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    for id in range(3):
        administrators.tell_of_failure("promise", id, ValueError("no such thing"), "Nobody is told.", world.now)
        administrators.tell_of_failure("promise", id, OperationalError("deadlock detected"), "Nobody is told.", world.now)
    world.settle()
    assert [message.title for _, message, _ in world.phone.notices] == ["Tocsin itself needs attention: promise 0 fails"]


def grouped(world: World, client: Client) -> tuple[Alert, Alert]:
    lead = client.create()
    world.phone.expect(world.ana, "disk full")
    member = client.create("memory")
    member.refresh_from_db()
    assert member.lead_id == lead.pk
    return lead, member


def test_the_snooze_of_one_more_alert_of_a_cause_ends(world: World):
    world.policy([world.ana])
    client = Client(world)
    grouped(world, client)
    assert client.act("snooze", "memory", endTime=(world.now + timedelta(minutes=30)).isoformat())[0] == "acknowledged"
    world.advance(minutes=31)
    world.phone.expect(world.ana, "disk full")


def test_the_acknowledgement_of_one_more_alert_of_a_cause_can_be_taken_back(world: World):
    world.policy([world.ana])
    client = Client(world)
    grouped(world, client)
    assert client.act("acknowledge", "memory")[0] == "acknowledged"
    assert client.act("unacknowledge", "memory") == ("folded", "")
    world.advance(minutes=2)
    world.phone.expect(world.ana, "disk full")


def test_an_act_on_one_more_alert_of_a_cause_is_taken_back_for_the_cause(world: World):
    world.policy([world.ana])
    lead, member = grouped(world, Client(world))
    planned = bulk_alerts.plan(action="acknowledge", alert_ids=[member.pk], by=world.by, now=world.now)
    act = bulk_alerts.carry_out(planned, key="one", by=world.by, now=world.now)
    assert world.escalation(lead).status == "acknowledged"
    bulk_alerts.undo(act, by=world.by, now=world.now)
    world.advance(minutes=2)
    world.phone.expect(world.ana, "disk full")


def test_two_policies_that_a_client_asks_for_are_both_paged(world: World):
    world.policy([world.ben], name="Database")
    world.policy([world.cy], name="Network")
    world.policy([world.ana])
    client = Client(world)
    client.create()
    world.phone.expect(world.ana)
    assert client.act("escalate", escalation={"name": "Database"})[0] == "folded"
    assert client.act("escalate", escalation={"name": "Network"})[0] == "folded"
    world.settle()
    world.phone.expect(world.ben)
    world.phone.expect(world.cy)


def test_a_method_of_a_channel_that_is_gone_fails_and_the_next_one_rings(world: World):
    world.policy([world.ana])
    ContactMethod.objects.filter(user=world.ana).update(kind="pigeon")
    world.method(world.ana, "+second")
    alert = world.alert()
    world.phone.expect(world.ana, number="+second")
    assert "page_failed" in world.timeline(alert)


def test_an_address_that_cannot_be_read_any_more_is_a_failure_that_leads_to_the_next_method(world: World):
    """As where a restored Tocsin has another secret key."""
    world.policy([world.ana])
    ContactMethod.objects.filter(user=world.ana).update(sealed="of another key")
    world.method(world.ana, "+second")
    alert = world.alert()
    world.phone.expect(world.ana, number="+second")
    world.advance(minutes=1)
    assert "page_failed" in world.timeline(alert)
    world.acknowledge(alert, world.ana)


def test_a_page_is_not_merged_into_one_that_may_have_arrived(world: World):
    """The provider knows that one by its key, and would drop what else it says."""
    world.policy([world.ana])
    world.phone.answer(f"+{world.ana.pk}", Outcome.UNKNOWN)
    now = world.now
    first = world.alert("Checkout is down", page=False)
    world.page(first)
    (row,) = claims.claim("phone", 8, deliver.presence.owner(), now)
    deliver.settle(row, deliver.send(row, now))
    second = world.alert("Search is down", page=False)
    world.page(second)
    world.settle()
    world.advance(seconds=61)
    world.phone.expect(world.ana, "Checkout is down")
    message = world.phone.expect(world.ana, "Search is down")
    assert not message.facts["possible_duplicate"]


def test_a_step_that_was_not_due_yet_waits_in_full_after_a_downtime_all_the_same(world: World):
    world.policy([world.ana], [world.ben], wait=300)
    alert = world.alert(page=False)
    world.page(alert)  # and nobody sends it
    world.downtime(minutes=4)
    world.settle()
    world.phone.expect(world.ana)
    world.advance(seconds=299)
    world.phone.silent()
    world.advance(seconds=2)
    world.phone.expect(world.ben)


def test_where_a_step_cannot_be_carried_out_the_fallback_people_are_paged_and_the_administrators_told(world: World, monkeypatch):
    User.objects.filter(pk=world.cy.pk).update(role=Role.ADMINISTRATOR)
    world.fallback(team=world.ben, organisation=world.lea)
    world.policy([world.ana], [world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)

    def broken(*args):
        raise ValueError("a broken step")

    monkeypatch.setattr(paging, "advance", broken)
    world.advance(minutes=5, seconds=11)  # once may be chance
    assert "paging cannot go on as its policy says" in world.phone.expect(world.ben, "Checkout is down").text
    [notice] = [message for number, message, _ in world.phone.notices if number == f"+{world.cy.pk}"]
    assert "a broken step" in notice.text
    assert "gap" in world.timeline(alert)
    world.phone.silent()
    world.advance(minutes=5)
    world.phone.expect(world.lea, "Checkout is down")
    world.acknowledge(alert, world.lea)
    world.advance(minutes=20)


def test_a_promise_that_cannot_be_looked_at_is_told_to_the_administrators_once_an_hour(world: World, monkeypatch):
    User.objects.filter(pk=world.cy.pk).update(role=Role.ADMINISTRATOR)
    world.policy([world.ana])
    declare(title="Checkout is down", severity="SEV2", service=world.service, by=world.by, now=world.now)
    world.settle()
    world.phone.unread.clear()

    def broken(*args):
        raise ValueError("a broken promise")

    monkeypatch.setattr(keep_promises, "_look", broken)
    world.advance(minutes=20)
    told = {message.title for number, message, _ in world.phone.notices if number == f"+{world.cy.pk}"}
    assert any("promise" in title and "fails" in title for title in told)
    world.phone.unread.clear()


def test_new_words_for_a_page_leave_what_it_stands_for_besides(world: World):
    world.policy([world.ana])
    world.phone.answer(f"+{world.ana.pk}", Outcome.RETRY)
    first, second = (world.alert(title, page=False) for title in ("Checkout is down", "Search is down"))
    world.page(first)
    world.page(second)
    world.settle()
    paging.retitle(alert_id=first.pk, subject={"severity": "SEV1"}, now=world.now)
    world.advance(seconds=6)
    assert "Search is down" in world.phone.expect(world.ana, "SEV1 Checkout is down").text
