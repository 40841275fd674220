"""Many alerts, one cause: people are paged once, with a true count, and nobody who must know is left out."""

import json
from datetime import timedelta

import pytest

from tests.scenarios.world import World
from tocsin.accounts.models import Organisation
from tocsin.alerts import operations, operations_silences
from tocsin.alerts.models import Alert, Integration, RawEvent, Service
from tocsin.incidents.models import IncidentAlert
from tocsin.lib.refusal import Refused
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Escalation
from tocsin.response.declare_incident import declare
from tocsin.response.page_someone import page_someone
from tocsin.response.resolve import resolve
from tocsin.response.stale import keep
from tocsin.response.ungroup import ungroup
from tocsin.response.verify_resolution import verify_resolution
from tocsin.timeline.models import Entry


def send(world: World, *keys: str, status: str = "firing", severity: str = "critical", to: Integration | None = None, **more) -> RawEvent:
    """One message of Alertmanager with an alert for each key."""
    items = [
        {"status": status, "fingerprint": key, "labels": {"alertname": key, "severity": severity}, "annotations": {"summary": key}, **more}
        for key in keys
    ]
    return operations.accept(to or world.integration, body=json.dumps({"alerts": items}).encode(), protocol="in", now=world.now)


def alert(key: str) -> Alert:
    return Alert.objects.filter(dedup_key=key).latest("id")


@pytest.fixture
def paged(world: World) -> World:
    """Ana is paged for the service at once, Ben five minutes later."""
    world.policy([world.ana], [world.ben])
    Service.objects.filter(pk=world.service.pk).update(
        severity_map={"critical": "SEV2", "error": "SEV2", "warning": "SEV3", "info": "SEV4"}
    )
    return world


def other_service(world: World, name: str, *, depends_on: tuple[Service, ...] = (), policy=None) -> Integration:
    service = Service.objects.create(name=name, team=world.team, escalation_policy=policy or world.service.escalation_policy)
    service.depends_on.set(depends_on)
    return Integration.objects.create(name=name, kind="alertmanager", key=name, service=service)


def test_a_storm_of_one_service_pages_once_with_a_true_count(paged):
    send(paged, *(f"a{n}" for n in range(413)))
    paged.settle()
    assert "a0 (and 412 more)" in paged.phone.expect(paged.ana, "a0").title
    assert Alert.objects.count() == 413 and alert("a0").member_count == 412
    assert Escalation.objects.count() == 1 and Obligation.objects.filter(kind="acknowledge").count() == 1
    assert set(Alert.objects.exclude(dedup_key="a0").values_list("lead__dedup_key", flat=True)) == {"a0"}
    assert "one cause with alert" in Entry.objects.get(alert_id=alert("a7").pk, kind="alert_opened").text


def test_the_count_grows_until_the_page_goes_out(paged):
    send(paged, "a")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    send(paged, "b", "c")
    paged.advance(minutes=5)
    assert "(and 2 more)" in paged.phone.expect(paged.ben, "a").title


def test_what_comes_in_after_the_window_is_a_cause_of_its_own(paged):
    send(paged, "a")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    paged.acknowledge(alert("a"), paged.ana)
    paged.advance(minutes=6)
    send(paged, "b")
    paged.settle()
    paged.phone.expect(paged.ana, "b")
    assert alert("b").lead is None


def test_with_grouping_off_each_alert_is_a_cause_of_its_own(paged):
    Organisation.objects.update(group_minutes=0)
    send(paged, "a", "b")
    paged.settle()
    assert Escalation.objects.count() == 2
    paged.phone.expect(paged.ana, "a")


def test_an_acknowledged_cause_takes_more_alerts_in_and_wakes_nobody(paged):
    send(paged, "a")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    paged.acknowledge(alert("a"), paged.ana)
    paged.advance(minutes=2)
    send(paged, "b")
    paged.settle()
    assert alert("b").lead == alert("a")


def test_a_worse_alert_of_the_cause_pages_again_and_for_what_it_demands(paged):
    send(paged, "a", severity="warning")
    paged.settle()
    assert not Escalation.objects.exists()
    send(paged, "b", severity="critical")
    paged.settle()
    paged.phone.expect(paged.ana, "SEV2")
    assert alert("b").lead == alert("a") and alert("a").cause_severity == "SEV2" and alert("a").severity == "SEV3"
    paged.acknowledge(alert("a"), paged.ana)
    Service.objects.filter(pk=paged.service.pk).update(severity_map={"critical": "SEV1"})
    paged.advance(minutes=2)
    send(paged, "c", severity="critical")
    paged.settle()
    paged.phone.expect(paged.ana, "SEV1")


def test_pages_name_the_alert_that_is_worst_and_not_the_one_that_came_first(paged):
    send(paged, "disk-slow", severity="warning")
    send(paged, "checkout-down", severity="critical")
    paged.settle()
    told = paged.phone.expect(paged.ana, "SEV2 checkout-down")
    assert "(and 1 more)" in told.title and "alert “checkout-down” → service" in told.text
    send(paged, "disk-slow", status="resolved", severity="warning")
    paged.settle()
    paged.advance(minutes=5)
    paged.phone.expect(paged.ben, "SEV2 checkout-down")
    page_someone(user=paged.cy, reason="You know it", alert=alert("disk-slow"), by=paged.by, now=paged.now)
    paged.settle()
    paged.phone.expect(paged.cy, "SEV2 checkout-down")
    paged.acknowledge(alert("checkout-down"), paged.ana)


def test_a_cause_that_gets_worse_is_to_be_acknowledged_as_soon_as_the_worse_severity_says(paged):
    send(paged, "a", severity="warning")
    paged.settle()
    owed = Obligation.objects.get(kind="acknowledge")
    assert (owed.severity, owed.due_at - owed.started_at) == ("SEV3", timedelta(hours=1))
    paged.advance(minutes=2)
    send(paged, "b", severity="critical")
    paged.settle()
    paged.phone.expect(paged.ana, "SEV2 b")
    owed.refresh_from_db()
    assert (owed.severity, owed.clause, owed.due_at) == ("SEV2", "SEV2.response", paged.now + timedelta(minutes=15))
    assert owed.reason == "Severity changed from SEV3 to SEV2" and owed.history[0]["reclassified"]
    paged.acknowledge(alert("a"), paged.ana)


def test_an_acknowledgement_that_is_late_already_stays_late_when_it_gets_worse(paged):
    send(paged, "a", severity="warning")
    paged.settle()
    Obligation.objects.update(due_at=paged.now - timedelta(minutes=1))
    send(paged, "b", severity="critical")
    paged.settle()
    paged.phone.expect(paged.ana, "SEV2 b")
    assert Obligation.objects.get(kind="acknowledge").severity == "SEV3"
    paged.acknowledge(alert("a"), paged.ana)


def test_a_worse_alert_leaves_the_words_of_an_incident_alone(paged):
    send(paged, "a", severity="warning")
    paged.settle()
    declare(title="Checkout is down", severity="SEV1", alert=alert("a"), by=paged.by, now=paged.now)
    paged.settle()
    paged.phone.unread.clear()  # what a declaration says has stories of its own
    send(paged, "b", severity="critical")
    paged.settle()
    paged.advance(minutes=5)
    assert {(run.subject["title"], run.subject["severity"]) for run in Escalation.objects.all()} == {("Checkout is down", "SEV1")}
    paged.phone.unread.clear()


def test_nobody_answered_so_the_next_alert_pages_again(paged):
    send(paged, "a")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    Escalation.objects.update(status="exhausted", due_at=None)
    paged.advance(minutes=2)
    send(paged, "b")
    paged.settle()
    paged.phone.expect(paged.ana, "b")


def test_the_first_alert_ends_while_others_fire_and_the_cause_goes_on(paged):
    send(paged, "a", "b", "c")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    send(paged, "a", status="resolved")
    paged.settle()
    assert Escalation.objects.get().status == "running" and "cause_goes_on" in paged.timeline(alert("a"))
    paged.advance(minutes=5)
    assert "b (and 2 more)" in paged.phone.expect(paged.ben, "b").title
    send(paged, "b", "c", status="resolved")
    paged.settle()
    assert Escalation.objects.get().status == "stopped" and Obligation.objects.get(kind="acknowledge").state == "not_applicable"
    paged.advance(minutes=15)


def test_what_depends_on_a_broken_service_joins_its_cause(paged):
    web = other_service(paged, "web", depends_on=(paged.service,))
    send(paged, "database")
    paged.settle()
    paged.phone.expect(paged.ana, "database")
    send(paged, "web", to=web)
    paged.settle()
    assert alert("web").lead == alert("database") and "web depends on checkout" in alert("web").group_reason


def test_the_owner_of_what_lies_below_is_paged_although_an_alert_above_came_first(paged):
    web = other_service(paged, "web", depends_on=(paged.service,), policy=paged.policy([paged.cy], name="Web"))
    Service.objects.filter(pk=paged.service.pk).update(escalation_policy=paged.policy([paged.ana], name="Database"))
    send(paged, "web", to=web)
    paged.settle()
    paged.phone.expect(paged.cy, "web")
    send(paged, "database")
    paged.settle()
    paged.phone.expect(paged.ana, "database")
    assert alert("database").lead is None


def test_alerts_of_services_that_have_nothing_to_do_with_each_other_stay_apart(paged):
    own = paged.service.escalation_policy
    search = other_service(paged, "search", policy=paged.policy([paged.cy], name="Search"))
    Service.objects.filter(pk=paged.service.pk).update(escalation_policy=own)
    send(paged, "a")
    send(paged, "b", to=search)
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    paged.phone.expect(paged.cy, "b")


def test_one_cause_is_one_incident_with_all_its_alerts_and_those_that_join_later(paged):
    send(paged, "a", "b")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    incident = declare(title="Checkout is down", severity="SEV2", alert=alert("b"), by=paged.by, now=paged.now)
    assert set(IncidentAlert.objects.values_list("alert__dedup_key", "cause")) == {("a", True), ("b", False)}
    send(paged, "c")
    paged.settle()
    assert IncidentAlert.objects.filter(incident=incident).count() == 3
    assert Escalation.objects.get(track="on_call").incident_id == incident.pk


def test_acknowledging_one_alert_acknowledges_its_cause(paged):
    send(paged, "a", "b")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    assert paged.acknowledge(alert("b"), paged.ana).taken
    assert Escalation.objects.get().status == "acknowledged" and Obligation.objects.get(kind="acknowledge").state == "met"
    paged.advance(minutes=10)


def test_a_source_that_acknowledges_one_of_many_does_not_silence_the_others(paged):
    integration = Integration.objects.create(name="PagerDuty", kind="pagerduty_events_v2", key="pd", service=paged.service)

    def event(action: str, key: str) -> None:
        body = {"event_action": action, "dedup_key": key, "payload": {"summary": key, "source": "x", "severity": "critical"}}
        operations.accept(integration, body=json.dumps(body).encode(), protocol="pagerduty", now=paged.now)

    event("trigger", "a")
    event("trigger", "b")
    event("acknowledge", "b")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    assert Escalation.objects.get().status == "running" and "acknowledged_at_source" in paged.timeline(alert("b"))
    event("acknowledge", "a")
    paged.settle()
    assert Escalation.objects.get().status == "acknowledged"


def test_a_silenced_alert_neither_leads_nor_joins_and_is_grouped_when_it_is_released(paged):
    operations_silences.create_silence(
        matchers=[{"name": "alertname", "value": "a|b", "is_regex": True}], ends_at=paged.now + timedelta(minutes=30), reason="work",
        by=paged.by, now=paged.now,
    )  # fmt: skip
    send(paged, "a", "b")
    paged.settle()
    send(paged, "c")
    paged.settle()
    paged.phone.expect(paged.ana, "c")
    paged.acknowledge(alert("c"), paged.ana)
    assert alert("a").lead is None and alert("a").cause_at is None
    paged.advance(minutes=31)
    assert "a (and 1 more)" in paged.phone.expect(paged.ana, "a").title
    assert alert("b").lead == alert("a")


# -- flapping -------------------------------------------------------------------------------------------------------------


def flap(world: World, times: int, *, seconds: int = 1) -> None:
    for _ in range(times):
        send(world, "a", status="resolved")
        world.settle()
        world.advance(seconds=seconds)
        send(world, "a")
        world.settle()
        world.advance(seconds=seconds)


def test_an_alert_that_flaps_each_second_is_one_alert_after_the_second_time_and_pages_no_more(paged):
    send(paged, "a")
    paged.settle()
    flap(paged, 10)
    assert Alert.objects.count() == 2 and alert("a").reopened == 9
    assert len([text for text in (message.title for _, message, _ in paged.phone.rang) if "a" in text]) <= 2
    while paged.phone.unread:
        paged.phone.expect(paged.ana, "a")
    assert Entry.objects.filter(alert_id=alert("a").pk, kind="flapping").count() == 1


def test_a_flapping_alert_that_ended_stops_paging_once_it_is_calm(paged):
    paged.policy([paged.ana], [paged.ben], wait=3600, name="Patient")
    send(paged, "a")
    paged.settle()
    flap(paged, 4)
    send(paged, "a", status="resolved")
    paged.settle()
    running = Escalation.objects.filter(alert=alert("a")).latest("id")
    assert running.status == "running"  # it may open again at any moment: whoever is asked is still asked
    paged.advance(minutes=11)
    running.refresh_from_db()
    assert running.status == "stopped" and alert("a").calm_at is None
    assert Entry.objects.filter(alert_id=alert("a").pk, kind="calm").exists()
    while paged.phone.unread:
        paged.phone.unread.pop()


def test_a_flapping_alert_that_goes_on_firing_is_calm_and_stays_open(paged):
    send(paged, "a")
    paged.settle()
    flap(paged, 4)
    paged.acknowledge(alert("a"), paged.ana)
    paged.advance(minutes=11)
    assert alert("a").status == "firing" and alert("a").calm_at is None
    while paged.phone.unread:
        paged.phone.unread.pop()


# -- stale ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stale(paged: World) -> World:
    """An alert that Ana has, of a source that never says that it is over."""
    Integration.objects.filter(pk=paged.integration.pk).update(stale_hours=6)
    paged.integration.refresh_from_db()
    send(paged, "a")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    paged.acknowledge(alert("a"), paged.ana)
    Escalation.objects.update(ack_expires_at=None, due_at=None)  # the expiry of acknowledgements is another story
    return paged


def test_who_has_an_alert_that_is_not_renewed_is_asked_once_whether_it_is_still_real(stale):
    stale.advance(hours=7)
    stale.advance(hours=7)
    asked = [(address, message.title) for address, message, _ in stale.phone.notices if "Still real" in message.title]
    assert asked == [(f"+{stale.ana.pk}", "Still real? a")]
    assert alert("a").status == "firing" and alert("a").asked_at


def test_a_renewal_takes_the_question_back(stale):
    stale.advance(hours=7)
    send(stale, "a")
    stale.settle()
    assert alert("a").asked_at is None


def test_an_alert_that_is_renewed_in_time_is_not_asked_about(stale):
    for _ in range(4):
        stale.advance(hours=5)
        send(stale, "a")
        stale.settle()
    assert not [message for _, message, _ in stale.phone.notices if "Still real" in message.title]


def test_still_real_is_asked_again_after_the_same_time(stale):
    stale.advance(hours=7)
    keep(alert=alert("a"), by=stale.by, now=stale.now)
    assert alert("a").asked_at is None
    with pytest.raises(Refused, match="Nobody asks"):
        keep(alert=alert("a"), by=stale.by, now=stale.now)
    stale.advance(hours=7)
    assert alert("a").asked_at


def test_an_integration_may_let_its_alerts_end_by_themselves(stale):
    Integration.objects.filter(pk=stale.integration.pk).update(auto_resolve_hours=12)
    stale.advance(hours=7)
    assert alert("a").asked_at
    stale.advance(hours=6)
    assert alert("a").status == "resolved"
    assert "not renewed for 12 h" in Entry.objects.filter(alert_id=alert("a").pk, kind="alert_resolved").get().text


# -- by hand --------------------------------------------------------------------------------------------------------------


def test_an_alert_taken_out_of_its_cause_is_paged_by_itself(paged):
    send(paged, "a", "b")
    paged.settle()
    paged.phone.expect(paged.ana, "a (and 1 more)")
    paged.advance(minutes=2)
    ungroup(alert=alert("b"), by=paged.by, now=paged.now)
    paged.settle()
    paged.phone.expect(paged.ana, "b")
    assert alert("b").lead_id is None and alert("a").member_count == 0
    with pytest.raises(Refused, match="leads a cause of its own"):
        ungroup(alert=alert("b"), by=paged.by, now=paged.now)


@pytest.mark.clause("S70")
def test_one_more_alert_of_a_cause_opens_the_incident_again_that_it_was_of(paged):
    send(paged, "a")
    paged.settle()
    paged.phone.expect(paged.ana, "a")
    paged.acknowledge(alert("a"), paged.ana)
    incident = declare(title="Payments fail", severity="SEV2", alert=alert("a"), incident_commander=paged.ben, by=paged.by, now=paged.now)
    paged.settle()
    paged.phone.unread.clear()  # what a declaration says has stories of its own
    resolve(incident=incident, resolution="Rolled back", by=paged.by, now=paged.now)
    verify_resolution(incident=incident, evidence="Fine", by=paged.by, now=paged.now)
    Alert.objects.update(status="resolved")
    paged.advance(minutes=10)
    paged.phone.unread.clear()
    send(paged, "b")
    paged.settle()
    paged.phone.expect(paged.ana, "b")
    send(paged, "c", "a")
    paged.settle()
    incident.refresh_from_db()
    assert alert("a").lead == alert("b"), "it joins what is asked for already"
    assert (incident.status, incident.reopened) == ("investigating", 1)
    assert (
        IncidentAlert.objects.filter(incident=incident, alert=alert("a")).exists()
        and not incident.alert_links.filter(alert=alert("c")).exists()
    )
    paged.phone.expect(paged.ben, "Payments fail")  # who commands it hears of it, and nobody else is woken
    paged.acknowledge(alert("b"), paged.ana)
