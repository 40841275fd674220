"""At three in the morning somebody silences what rings: it stops, nothing is lost through it, and what an incident is about rings on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.test_frame import call, token
from tests.rooms.test_quiet import fire
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.alerts.models import Alert, Service, Silence
from tocsin.obligations.models import Obligation
from tocsin.paging import operations as paging
from tocsin.paging import operations_shown
from tocsin.paging.models import Escalation, Notification
from tocsin.response import hold, silence, silenced_now
from tocsin.response.declare_incident import declare
from tocsin.response.page_someone import Wanted, page_people
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


def make(world, *names: str, hours: float = 1, **fields) -> Silence:
    """Lea silences alerts of these names."""
    matcher = {"name": "alertname", "value": "|".join(names), "is_regex": True, "is_equal": True}
    given = {
        "matchers": [matcher],
        "service": world.service.pk,
        "reason": "The new disk comes at four",
        "by": Actor.of(world.lea, "web"),
        **fields,
    }
    return silence.silence(**given, ends_at=world.now + timedelta(hours=hours), now=world.now)


def rings(world, *names: str) -> Alert:
    """These alerts come, of one cause, and Ana's phone rings once. The first of them."""
    world.policy([world.ana], [world.ben])
    first, *_ = [fire(world, name) for name in names]
    world.settle()
    world.phone.expect(world.ana, names[0])
    return first


def said(alert: Alert, kind: str) -> list[str]:
    return list(Entry.objects.filter(alert_id=alert.pk, kind=kind).order_by("id").values_list("text", flat=True))


def test_a_silence_stops_what_rings_and_says_by_whom_and_why(world):
    alert = rings(world, "DiskFull")
    row = make(world, "DiskFull", hours=12)
    alert.refresh_from_db()
    assert row.stopped == 1 and alert.suppressed_by == f"silence {row.pk}: The new disk comes at four"
    [stopped] = said(alert, "escalation_stopped")
    assert f"silence {row.pk} by Lea until" in stopped and "The new disk comes at four" in stopped
    assert said(alert, "suppressed")[0].startswith(f"Held back from now on by silence {row.pk} by Lea")
    assert alert.trace[-1].startswith(f"Silence {row.pk} holds its pages back until")
    world.advance(hours=11)  # neither Ben, nor the next level for want of an acknowledgement
    assert not Notification.objects.filter(state="pending", kind="page").exists()
    promise = Obligation.objects.get(kind="acknowledge", alert_id=alert.pk)
    assert promise.state == "not_applicable" and "The new disk" in promise.reason
    page = Notification.objects.filter(alert_id=alert.pk, kind="page")[0]
    assert operations_shown.note(page) == f"Nobody is paged for it now: {alert.suppressed_by}"


def test_when_it_ends_what_still_fires_and_nobody_has_rings_again_once_for_a_cause(world):
    first = rings(world, "DiskFull", "DiskSlow", "DiskHot")
    row = make(world, "Disk.*")
    assert row.stopped == 1 and Alert.objects.filter(suppressed_by__startswith="silence").count() == 3
    world.advance(minutes=59)
    world.phone.silent()
    world.advance(minutes=2)
    world.phone.expect(world.ana, "DiskFull")
    world.phone.silent()
    assert not Alert.objects.exclude(suppressed_by="").exists()
    assert set(Alert.objects.exclude(pk=first.pk).values_list("lead", flat=True)) == {first.pk}
    assert Obligation.objects.filter(kind="acknowledge", alert_id=first.pk, state="open").count() == 1
    world.advance(minutes=4)
    world.phone.expect(world.ben)
    world.acknowledge(first, world.ben)


def test_what_ended_meanwhile_does_not_ring_again(world):
    rings(world, "DiskFull")
    make(world, "DiskFull")
    fire(world, "DiskFull", "resolved")
    world.advance(hours=2)


def test_where_the_alert_that_led_the_cause_has_ended_the_others_ring_once(world):
    first = rings(world, "DiskFull", "DiskSlow", "DiskHot")
    make(world, "Disk.*")
    fire(world, "DiskFull", "resolved")
    world.advance(hours=1)
    world.phone.expect(world.ana, "DiskSlow")
    second, third = Alert.objects.exclude(pk=first.pk).order_by("id")
    assert second.lead is None and third.lead == second
    world.acknowledge(second, world.ana)


def test_whoever_has_it_keeps_it_and_is_not_asked_again_when_the_silence_ends(world):
    alert = rings(world, "DiskFull")
    world.acknowledge(alert, world.ana)
    row = make(world, "DiskFull", hours=0.1)
    assert row.stopped == 0 and world.escalation(alert).status == "acknowledged"
    world.advance(minutes=10)
    assert not Alert.objects.exclude(suppressed_by="").exists() and said(alert, "silence_ended")


def test_an_acknowledgement_that_runs_out_meanwhile_waits_for_the_end_of_the_silence(world):
    alert = rings(world, "DiskFull")
    hold.snooze(minutes=30, alert=alert, by=Actor.of(world.ana, "web"), now=world.now)
    make(world, "DiskFull")
    world.advance(minutes=45)
    world.phone.silent()
    assert "nobody is paged while it is held back by silence" in said(alert, "acknowledgement_expired")[0]
    world.advance(minutes=16)
    world.phone.expect(world.ana, "DiskFull")
    world.acknowledge(alert, world.ana)


def test_what_nobody_answered_is_asked_again_from_the_start_when_the_silence_ends(world):
    alert = rings(world, "DiskFull")
    world.advance(minutes=11)
    world.phone.expect(world.ben)
    assert world.escalation(alert).status == "exhausted"
    row = make(world, "DiskFull")
    assert row.stopped == 0
    world.advance(minutes=59)
    world.phone.silent()  # nor is its acknowledgement overdue meanwhile
    world.advance(minutes=2)
    world.phone.expect(world.ana, "DiskFull")
    world.acknowledge(alert, world.ana)


def test_that_nobody_acknowledged_in_time_rings_no_longer_either(world):
    alert = rings(world, "DiskFull")
    second = world.method(world.ana, "+90007")
    paging.add_rule(world.ana, contact_method=second.pk, after_seconds=600, by=world.by, now=world.now)
    paging.add_rule(world.ana, contact_method=world.ana.contact_methods.exclude(pk=second.pk).get().pk, by=world.by, now=world.now)
    world.advance(minutes=16)
    world.phone.expect(world.ana, "Overdue")
    world.phone.unread.clear()
    make(world, "DiskFull")
    world.advance(minutes=58)
    world.phone.silent()
    assert not Notification.objects.filter(state="pending", alert_id=alert.pk).exclude(kind="notice").exists()


def test_every_track_stops_and_a_page_that_somebody_sent_by_hand_goes_on(world):
    second = world.method(world.cy, "+90007")
    paging.add_rule(world.cy, contact_method=second.pk, after_seconds=120, by=world.by, now=world.now)
    paging.add_rule(world.cy, contact_method=world.cy.contact_methods.exclude(pk=second.pk).get().pk, by=world.by, now=world.now)
    alert = rings(world, "DiskFull")
    world.page(alert, track="leadership")
    page_people(Wanted(users=[world.cy]), reason="You know it", alert=alert, by=Actor.of(world.lea, "web"), now=world.now)
    world.settle()
    world.phone.expect(world.cy)
    assert make(world, "DiskFull").stopped == 1
    assert set(Escalation.objects.filter(alert=alert).values_list("track", "status")) == {("on_call", "stopped"), ("leadership", "stopped")}
    world.phone.unread.clear()
    world.advance(minutes=2, seconds=1)
    world.phone.expect(world.cy, number="+90007")
    world.phone.silent()
    world.advance(minutes=30)
    world.phone.unread.clear()


def test_what_got_worse_meanwhile_asks_whoever_has_it_again(world):
    alert = rings(world, "DiskFull")
    world.acknowledge(alert, world.ana)
    make(world, "DiskFull", hours=0.1)
    Alert.objects.filter(pk=alert.pk).update(source_severity="fatal")
    Service.objects.filter(pk=world.service.pk).update(severity_map={"fatal": "SEV1"})
    world.advance(minutes=10)
    world.phone.expect(world.ana, "SEV1")
    world.acknowledge(alert, world.ana)


def test_the_pages_of_a_declared_incident_go_on(world):
    alert = rings(world, "DiskFull")
    declare(title="Disks", severity="SEV2", impact="Nobody can pay", alert=alert, by=Actor.of(world.cy, "web"), now=world.now)
    world.settle()
    world.phone.unread.clear()
    before = Escalation.objects.filter(status="running").count()
    assert before
    found = silenced_now.look([], [world.service.pk], world.now, world.by)
    assert found.sentences(stop=True) == ["Paging runs for 1 of them now.", "For 1 it goes on: an incident is declared."]
    row = make(world, "DiskFull")
    assert row.stopped == 0 and Escalation.objects.filter(status="running").count() == before
    assert said(alert, "suppressed")[0].endswith("The new disk comes at four. Pages go on.")
    world.advance(minutes=6)
    world.phone.expect(world.ben)
    world.phone.unread.clear()


def test_pages_go_on_while_something_of_the_cause_fires_that_does_not_match_and_stop_when_that_ends(world):
    first = rings(world, "DiskFull", "PaymentsFail")
    assert (
        "other alerts of the same cause fire"
        in silenced_now.look([{"name": "alertname", "value": "DiskFull"}], [world.service.pk], world.now, world.by).sentences(stop=True)[-1]
    )
    row = make(world, "DiskFull")
    assert row.stopped == 0
    world.advance(minutes=5)
    world.phone.expect(world.ben, "DiskFull")
    fire(world, "PaymentsFail", "resolved")
    assert "what else fires of its cause is held back by silence" in said(first, "escalation_stopped")[0]
    world.advance(minutes=50)
    world.phone.silent()
    world.advance(minutes=6)
    world.phone.expect(world.ana, "DiskFull")
    world.acknowledge(first, world.ana)


def test_without_that_choice_what_rings_goes_on(world):
    alert = rings(world, "DiskFull")
    row = make(world, "DiskFull", stop_paging=False)
    alert.refresh_from_db()
    assert row.stopped is None and alert.suppressed_by == ""
    world.advance(minutes=5)
    world.phone.expect(world.ben)
    world.acknowledge(alert, world.ben)


def test_one_that_is_made_ahead_stops_what_rings_when_it_begins(world):
    alert = rings(world, "DiskFull")
    row = make(world, "DiskFull", starts_at=world.now + timedelta(minutes=4))
    assert row.stopped is None
    world.advance(minutes=4, seconds=1)
    row.refresh_from_db()
    assert row.stopped == 1 and "by Lea" in said(alert, "escalation_stopped")[0]
    world.advance(minutes=50)
    silence.end(row, by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ana)
    world.acknowledge(alert, world.ana)


def test_one_that_is_changed_to_match_it_stops_it_too(world):
    alert = rings(world, "DiskFull")
    row = make(world, "Cpu.*")
    assert row.stopped == 0
    wider = [{"name": "alertname", "value": "DiskFull"}]
    changed = silence.change(
        row, matchers=wider, service=row.service_id, ends_at=row.ends_at, reason=row.reason, by=world.by, now=world.now
    )
    assert changed.stopped == 1 and "by Ana" in said(alert, "escalation_stopped")[0]
    world.advance(minutes=10)


def test_it_is_said_and_counted_beforehand_over_the_api(world):
    rings(world, "DiskFull", "DiskSlow")
    bearer = token("respond", user=world.ana)
    about = {"matchers": [{"name": "alertname", "value": "Disk.*", "is_regex": True}], "service": world.service.pk}
    seen = call("POST", "/silences/preview", about, bearer=bearer).json()
    assert (seen["open_alerts"], seen["paged"], seen["stops"], seen["of_incidents"], seen["others_fire"]) == (2, 1, 1, 0, 0)
    assert [one["paged"] for one in seen["alerts"]] == [True, True] and "paged again" in seen["sentences"][-1]
    kept = call("POST", "/silences/preview", {**about, "stop_paging": False}, bearer=bearer).json()
    assert kept["stops"] == 0 and kept["sentences"][-1] == "It goes on until somebody acknowledges it."
    assert "matchers" in call("POST", "/silences/preview", {}, bearer=bearer).json()["errors"]
    assert Escalation.objects.filter(status="running").exists() and not Silence.objects.exists()
    end = (clock.now() + timedelta(hours=1)).isoformat()
    made = call("POST", "/silences", {**about, "ends_at": end, "reason": "Known"}, bearer=bearer).json()
    assert (made["stop_paging"], made["stopped"]) == (True, 1) and not Escalation.objects.filter(status="running").exists()
