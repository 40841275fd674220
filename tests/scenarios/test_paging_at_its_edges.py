"""Pages that meet at the wrong moment: merged with another's, acknowledged half way, acknowledged after the end."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.alerts import operations as alerts
from tocsin.domain.ports import Outcome, Receipt
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.paging import operations as paging
from tocsin.paging import operations_claims as claims
from tocsin.paging import operations_settling as settling
from tocsin.paging.models import Escalation, Notification
from tocsin.response import alert_effects, deliver, keep_promises
from tocsin.response.acknowledge import acknowledge_alert

pytestmark = pytest.mark.django_db


def two_merged(world: World):
    """Two alerts whose pages to Ana go out as one, which has just been handed to a sender."""
    world.policy([world.ana])
    first, second = world.alert("First", page=False), world.alert("Second", page=False)
    world.page(first)
    world.page(second)
    (claimed,) = claims.claim("phone", 8, "somebody", world.now)
    assert claimed.merged_count == 1
    return first, second, claimed


def test_what_was_merged_into_a_page_that_is_withdrawn_goes_out_by_itself(world: World):
    first, _, claimed = two_merged(world)
    settling.settle(claimed.id, claimed.fence, Receipt(Outcome.RETRY, "busy"), world.now)
    world.acknowledge(first, world.ana)
    world.advance(minutes=2)
    assert "First" not in world.phone.expect(world.ana, "Second").title


def test_what_was_merged_goes_out_when_the_answer_comes_after_the_acknowledgement(world: World):
    first, _, claimed = two_merged(world)
    world.acknowledge(first, world.ana)
    settling.settle(claimed.id, claimed.fence, Receipt(Outcome.RETRY, "busy"), world.now)
    world.advance(minutes=2)
    world.phone.expect(world.ana, "Second")


def test_what_was_merged_gets_the_next_method_though_the_leading_page_is_acknowledged(world: World):
    first, _, claimed = two_merged(world)
    world.method(world.ana, "+second")
    world.acknowledge(first, world.ana)
    settling.settle(claimed.id, claimed.fence, Receipt(Outcome.FAILED, "no such number"), world.now)
    world.settle()
    world.phone.expect(world.ana, "Second", number="+second")


def test_an_acknowledged_alert_stays_so_when_a_page_that_was_merged_fails_late(world: World):
    first, second, claimed = two_merged(world)
    world.acknowledge(second, world.ana)
    settling.settle(claimed.id, claimed.fence, Receipt(Outcome.FAILED, "no such number"), world.now)
    assert world.escalation(second).due_at is None
    world.acknowledge(first, world.ana)
    world.advance(hours=1)


def expiring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.response.acknowledge._expiry", lambda *_: 30)


@pytest.mark.clause("S35")
def test_acknowledging_what_is_over_pages_nobody_when_the_acknowledgement_runs_out(world: World, monkeypatch: pytest.MonkeyPatch):
    expiring(monkeypatch)
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    alerts.resolve(alert, now=world.now)
    alert_effects.resolved(alert, "resolved by its source", now=world.now)
    world.acknowledge(alert, world.ana)
    world.advance(hours=2)
    world.phone.silent()


def test_acknowledging_an_exhausted_alert_that_is_over_pages_nobody_again(world: World, monkeypatch: pytest.MonkeyPatch):
    expiring(monkeypatch)
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    world.advance(hours=1)
    assert world.escalation(alert).status == "exhausted"
    alerts.resolve(alert, now=world.now)
    alert_effects.resolved(alert, "resolved by its source", now=world.now)
    world.acknowledge(alert, world.ana)
    world.advance(hours=2)
    world.phone.silent()


def test_acknowledging_what_was_never_paged_does_not_begin_to_page(world: World, monkeypatch: pytest.MonkeyPatch):
    expiring(monkeypatch)
    world.fallback(organisation=world.lea)
    alert = world.alert(page=False)
    world.acknowledge(alert, world.ana)
    world.advance(hours=2)
    world.phone.silent()


def test_when_the_teams_fallback_cannot_be_reached_the_organisations_is(world: World):
    world.fallback(team=world.ben, organisation=world.lea)
    world.phone.answer(f"+{world.ben.pk}", then=Outcome.FAILED)
    nobody = world.person("Nobody", phone=False)
    subject = {"title": "Come", "team_id": world.team.pk}
    paging.page_person(nobody, subject=subject, reason="asked for", identity="hand:1", by=SYSTEM, now=world.now)
    world.settle()
    world.phone.expect(world.lea, "Come")
    assert Notification.objects.filter(user=world.lea).count() == 1


def test_a_settlement_outlives_a_short_absence_of_the_database(world: World, monkeypatch: pytest.MonkeyPatch):
    world.policy([world.ana])
    alert = world.alert(page=False)
    world.page(alert)
    (claimed,) = claims.claim("phone", 8, "somebody", world.now)
    real, calls = settling.settle, []

    def broken(*args):
        calls.append(args)
        if len(calls) < 3:
            raise OperationalError("the connection is lost")
        return real(*args)

    monkeypatch.setattr(settling, "settle", broken)
    monkeypatch.setattr(deliver.time, "sleep", lambda _: None)
    monkeypatch.setattr(deliver, "connection", SimpleNamespace(in_atomic_block=False, close=lambda: None))
    deliver.settle(claimed, Receipt(Outcome.DELIVERED, "it rang"))
    claimed.refresh_from_db()
    assert (claimed.state, claimed.possible_duplicate) == ("delivered", False)


def test_one_promise_that_cannot_be_looked_at_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch):
    world.policy([world.ana])
    one, other = world.alert("One", page=False), world.alert("Other", page=False)
    now = world.now
    for alert in (one, other):
        obligations.promise(
            "acknowledge", "1.2", f"Acknowledge {alert.title}", started_at=now, due_at=now + timedelta(minutes=5), warn_at=now, severity="SEV2",
            alert_id=alert.pk, owner=world.ana,
        )  # fmt: skip
    real = keep_promises._look

    def look(row, at):
        if row.alert_id == one.pk:
            raise RuntimeError("this one is broken")
        real(row, at)

    monkeypatch.setattr(keep_promises, "_look", look)
    keep_promises.take()
    keep_promises.take()
    assert Obligation.objects.get(alert_id=other.pk).warned_at
    broken = Obligation.objects.get(alert_id=one.pk)
    assert broken.state == "open" and broken.next_at and broken.next_at > clock.now()
    assert keep_promises.take() == 0


def test_whoever_acknowledges_first_is_named_though_the_incident_is_locked_first(world: World):
    world.policy([world.ana])
    alert = world.alert()
    world.phone.expect(world.ana)
    answer = acknowledge_alert(alert=alert, by=Actor.of(world.ben, "api"), now=world.now)
    assert answer.taken and Escalation.objects.get(alert=alert).acknowledged_by == world.ben
