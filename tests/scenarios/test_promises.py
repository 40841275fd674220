"""Promises are warned about, breaches are paged, and a change of severity recomputes them."""

import pytest

from tests.scenarios.organisation import MINUTE, Organisation
from tests.scenarios.test_update import PUBLIC
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Escalation, Notification
from tocsin.response import keep_promises
from tocsin.response.acknowledge import acknowledge_incident
from tocsin.response.action_items import add_action_item, change_action_item
from tocsin.response.change_severity import change_severity
from tocsin.response.judge_incident import report
from tocsin.response.post_update import post_update

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return Organisation()


def settle():
    while keep_promises.take():
        pass


def only(incident, *kinds):
    """Leave only these kinds of promises open, so that the story is about them."""
    Obligation.objects.filter(incident_id=incident.pk, state="open").exclude(kind__in=kinds).update(state="not_applicable", next_at=None)


@pytest.mark.clause("S7")
def test_a_warning_tells_the_owner_a_breach_pages_them_and_then_the_next_level(house):
    incident = house.declare(severity="SEV1", service=None, incident_commander=house.ben)
    house.service.pk and type(incident).objects.filter(pk=incident.pk).update(service=house.service)
    only(incident, "first_public_update")
    Notification.objects.all().delete()
    clock.shift(11 * MINUTE)
    settle()
    assert [(n.user, n.kind) for n in Notification.objects.all()] == [(house.ben, "notice")]
    clock.shift(15.1 * MINUTE)
    settle()
    assert (house.ben, "page") in [(n.user, n.kind) for n in Notification.objects.select_related("user")]
    assert not Escalation.objects.filter(track="obligation").exists()
    clock.shift(20 * MINUTE)
    settle()
    assert Escalation.objects.get(track="obligation").policy == house.service.leadership_policy
    assert len(house.said(incident, "obligation_breach")) == 2
    settle()
    assert Escalation.objects.filter(track="obligation").count() == 1


def test_what_is_kept_in_time_warns_nobody(house):
    incident = house.declare(severity="SEV1")
    post_update(incident=incident, by=house.act(house.ana), now=clock.now(), **PUBLIC)
    only(incident)
    clock.shift(60 * MINUTE)
    settle()
    assert not house.said(incident, "obligation_warning") and not house.said(incident, "obligation_breach")


@pytest.mark.clause("S44")
def test_unclaimed_roles_are_chased(house):
    incident = house.declare(incident_commander=None, by=house.ben)
    only(incident, "roles")
    clock.shift(6 * MINUTE)
    settle()
    breaches = house.said(incident, "obligation_breach")
    assert any("Incident Commander is named" in text for text in breaches)
    assert Notification.objects.filter(user=house.ben, kind="page").exists()


@pytest.mark.clause("S23", "S35")
def test_sev3_to_sev1_after_40_minutes_runs_anew_and_pages_who_is_newly_demanded(house):
    incident = house.declare(severity="SEV3", incident_commander=None)
    clock.shift(40 * MINUTE)
    changed_at = clock.now()
    change_severity(incident=incident, severity="SEV1", reason="All regions now", by=house.act(house.ana), now=changed_at)
    acknowledge = house.owed(incident, "acknowledge")
    assert acknowledge.due_at == changed_at + 5 * MINUTE and acknowledge.history[0]["reclassified"]
    assert house.owed(incident, "first_internal_update").state == "not_applicable"
    assert house.owed(incident, "first_public_update").due_at == changed_at + 15 * MINUTE
    assert set(Escalation.objects.filter(incident_id=incident.pk).values_list("track", flat=True)) == {"on_call", "leadership"}
    clock.shift(50 * MINUTE)
    acknowledge_incident(incident=incident, by=house.act(house.ana), now=clock.now())
    acknowledge.refresh_from_db()
    assert (acknowledge.state, acknowledge.late_by_reclassification) == ("late", True)
    clause = next(c for c in report(incident, clock.now()) if c.kind == "acknowledge")
    assert clause.verdict == "late" and clause.by_reclassification


@pytest.mark.clause("S37")
def test_a_change_of_severity_needs_a_reason_and_stays_on_the_record(house):
    from tocsin.lib.refusal import Refused

    incident = house.declare(severity="SEV2")
    for severity, reason in (("SEV1", ""), ("SEV9", "x"), ("SEV2", "x")):
        with pytest.raises(Refused):
            change_severity(incident=incident, severity=severity, reason=reason, by=house.act(house.ana), now=clock.now())
    change_severity(incident=incident, severity="SEV3", reason="One region only", by=house.act(house.ana), now=clock.now())
    assert house.said(incident, "severity") == ["Severity SEV2 → SEV3: One region only"]


@pytest.mark.clause("S75", "S112")
def test_action_items_have_an_owner_and_a_due_date_and_their_promise_follows_them(house):
    incident, act = house.declare(), {"by": house.act(house.ana), "now": clock.now()}
    due = clock.now().date()
    item = add_action_item(incident=incident, title="Alert on certificates", owner=house.ben, due_on=due, **act)
    owed = house.owed(incident, "action_item", subject_id=item.pk)
    assert owed.state == "open" and owed.due_at.date() >= due
    assert Notification.objects.filter(user=house.ben, kind="notice", title__contains="Alert on certificates").exists()
    change_action_item(item=item, done=True, **act)
    owed.refresh_from_db()
    assert owed.state == "met"
    change_action_item(item=item, done=False, **act)
    owed.refresh_from_db()
    assert owed.state == "open"


def test_an_overdue_acknowledgement_of_an_alert_leaves_the_next_level_to_its_running_escalation(house):
    from tocsin.paging import operations as paging

    alert = house.alert()
    subject = {"title": alert.title, "severity": "SEV2", "service": "checkout", "team_id": house.team.pk, "link": "", "incident_ref": ""}
    paging.start(policy=house.service.escalation_policy, track="on_call", subject=subject, alert=alert, by=SYSTEM, now=clock.now())
    now = clock.now()
    obligations.promise(
        "acknowledge", "SEV2.response", "Within 15 minutes", started_at=now, due_at=now + 15 * MINUTE, warn_at=now + 10 * MINUTE,
        severity="SEV2", alert_id=alert.pk,
    )  # fmt: skip
    clock.shift(16 * MINUTE)
    settle()
    row = Obligation.objects.get(alert_id=alert.pk)
    assert row.breached_at and row.next_level_at and row.next_at is None
    assert not Escalation.objects.filter(track="obligation").exists()


def test_a_report_of_a_running_incident_has_a_verdict_for_every_clause(house):
    incident = house.declare(severity="SEV1")
    acknowledge_incident(incident=incident, by=house.act(house.ana), now=clock.now())
    post_update(incident=incident, by=house.act(house.ana), now=clock.now(), **PUBLIC)
    clauses = {clause.clause: clause for clause in report(incident, clock.now())}
    assert len(clauses) > 25
    for kind in ("acknowledge", "first_public_update"):
        assert any(c.kind == kind and c.verdict == "met" and c.evidence for c in clauses.values())
    assert clauses["SEV1.escalation"].verdict == "met" and clauses["step-2"].verdict == "met"
