"""Somebody says "this is an incident": what opens with it, in one go."""

import re
from datetime import timedelta

import pytest
from django.core import mail

from tests.scenarios.organisation import MINUTE, Organisation
from tocsin import clock
from tocsin.accounts.models import Organisation as Settings
from tocsin.diagnosis.models import Check
from tocsin.incidents import operations_work as work
from tocsin.incidents import queries
from tocsin.incidents.jobs import mail_entry
from tocsin.incidents.models import ChecklistTick, Ticket
from tocsin.lib.refusal import Refused
from tocsin.mitigation.models import Mitigation
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Escalation, Notification
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return Organisation()


@pytest.mark.clause("S38", "S39")
def test_the_title_is_enough_and_the_channel_is_dated_in_the_organisation_s_zone(house):
    Settings.objects.filter(pk=1).update(time_zone="Pacific/Kiritimati")  # 14 hours ahead
    incident = house.declare("Zahlung schlägt fehl: Über 50 %!", severity=None)
    there = clock.now() + timedelta(hours=14)
    assert incident.channel == f"#incident-{there:%Y%m%d}-zahlung-schlagt-fehl-uber-50"
    again = house.declare("Zahlung schlägt fehl: Über 50 %!")
    assert again.channel == f"{incident.channel}-2" and again.number == incident.number + 1
    assert len(house.declare("x" * 300).channel) <= 81


@pytest.mark.clause("S40", "S41", "S42", "S43", "S44", "S45", "S46")
def test_the_declaration_is_the_template_and_the_same_in_room_timeline_and_mail(house):
    work.subscribe(email="support@example.com", name="Support", group="support", incident=None, now=clock.now())
    incident = house.declare(severity="SEV1", impact="Customers cannot pay")
    (text,) = house.said(incident, "declared")
    due = house.owed(incident, "first_public_update").due_at
    assert text.splitlines() == [
        "INCIDENT DECLARED", "Severity: SEV1", "Impact: Customers cannot pay", "Status: Investigating", "Incident Commander: Ana",
        f"Next Update: {due:%Y-%m-%d %H:%M} UTC",
    ]  # fmt: skip
    mail_entry(Entry.objects.get(incident_id=incident.pk, kind="declared").pk, queries.subscribers_of(incident).get().pk)
    assert mail.outbox[0].body == text and mail.outbox[0].to == ["support@example.com"]


@pytest.mark.clause("S44")
def test_an_unassigned_commander_is_shown_as_such_and_chased(house):
    incident = house.declare(incident_commander=None)
    assert "Incident Commander: unassigned" in house.said(incident, "declared")[0]
    promise = house.owed(incident, "roles", clause="role.incident_commander")
    assert promise.state == "open" and promise.due_at == incident.declared_at + 5 * MINUTE


@pytest.mark.clause("S6")
def test_sev1_pages_on_call_and_leadership_side_by_side(house):
    incident = house.declare(severity="SEV1")
    runs = {run.track: run for run in Escalation.objects.filter(incident_id=incident.pk)}
    assert set(runs) == {"on_call", "leadership"}
    paged = {row.user.name for row in Notification.objects.filter(incident_id=incident.pk, kind="page").select_related("user")}
    assert paged == {"Ana", "Lea"}


@pytest.mark.clause("S15")
def test_sev2_pages_on_call_only(house):
    incident = house.declare(severity="SEV2")
    assert set(Escalation.objects.filter(incident_id=incident.pk).values_list("track", flat=True)) == {"on_call"}


@pytest.mark.clause("S7", "S16")
@pytest.mark.parametrize(("severity", "minutes"), [("SEV1", 15), ("SEV2", 30)])
def test_the_first_public_update_is_due_after_the_declaration(house, severity, minutes):
    incident = house.declare(severity=severity)
    assert house.owed(incident, "first_public_update").due_at == incident.declared_at + minutes * MINUTE


@pytest.mark.clause("S24", "S25")
def test_sev3_tells_the_team_pages_nobody_and_owes_an_internal_update(house):
    incident = house.declare(severity="SEV3")
    told = Entry.objects.get(team_id=house.team.pk, kind="team_message")
    assert incident.ref in told.text
    assert not Escalation.objects.filter(incident_id=incident.pk).exists()
    assert not Notification.objects.filter(incident_id=incident.pk, kind="page").exists()
    assert house.owed(incident, "first_internal_update").state == "open"
    assert not Obligation.objects.filter(incident_id=incident.pk, kind="first_public_update").exists()


@pytest.mark.clause("S31", "S32", "S33")
def test_sev4_makes_a_ticket_due_at_the_end_of_the_next_business_day_and_nothing_else(house):
    incident = house.declare(severity="SEV4", incident_commander=None)
    ticket = Ticket.objects.get(incident=incident)
    assert ticket.due_at == house.owed(incident, "acknowledge").due_at
    assert ticket.due_at.astimezone(__import__("zoneinfo").ZoneInfo("Europe/Berlin")).strftime("%H:%M") == "17:00"
    assert house.owed(incident, "ticket").state == "met"
    assert incident.channel == "" and not Notification.objects.filter(incident_id=incident.pk).exists()
    assert not Entry.objects.filter(team_id=house.team.pk).exists()
    assert not Obligation.objects.filter(incident_id=incident.pk, kind__endswith="update").exists()


@pytest.mark.clause("S37")
def test_without_a_severity_the_words_propose_one_and_the_reason_is_kept(house):
    database = house.declare("Production database down", severity=None)
    assert database.severity == "SEV1" and "Production database down" in database.severity_reason
    assert house.declare("Something odd", severity=None).severity == "SEV2"
    chosen = house.declare("Odd", severity="SEV3", reason="Minor feature broken")
    assert chosen.severity_changes.get().reason == "Minor feature broken"


@pytest.mark.clause("S10")
def test_a_security_breach_is_private_and_unknown_to_outsiders(house):
    incident = house.declare("Tokens leaked", severity="SEV1", reason="Security breach detected")
    assert incident.private
    assert queries.visible_to(house.ana).filter(pk=incident.pk).exists()
    assert not queries.visible_to(house.ben).filter(pk=incident.pk).exists()
    with pytest.raises(Refused) as refusal:
        queries.by_ref(incident.ref, house.ben)
    assert refusal.value.status == 404


@pytest.mark.clause("S36", "S37", "S38")
def test_from_a_verified_alert_the_first_step_is_ticked_and_its_pages_belong_to_the_incident(house):
    alert = house.alert(verdict="real")
    incident = house.declare(alert=alert, service=None)
    ticked = set(ChecklistTick.objects.filter(incident=incident, step=incident_step(incident, 1)).values_list("item", flat=True))
    assert len(ticked) == 3  # verified, assessed, channel; nobody has acknowledged yet
    assert queries.alerts_of(incident) == [alert] and incident.service == house.service
    with pytest.raises(Refused, match=incident.ref):
        house.declare("Again", alert=alert)


def incident_step(incident, number):
    from tocsin.procedures import operations as procedures

    return procedures.document(incident.procedure_version).steps[number - 1].id


@pytest.mark.clause("S47", "S48", "S49", "S50", "S52", "S53", "S54", "S55", "S56", "S62", "S63", "S64", "S65", "S66")
def test_checks_and_mitigations_of_the_procedure_are_ready_in_order(house):
    incident = house.declare()
    assert [check.question for check in Check.objects.filter(incident=incident)] == [
        "Recent deployments?", "Infrastructure changes?", "Third-party service issues?", "Traffic spike?",
        "Application logs", "Error rates", "Latency metrics", "Infrastructure metrics", "Recent changes",
    ]  # fmt: skip
    assert [row.title for row in Mitigation.objects.filter(incident=incident)] == [
        "Rollback recent deployment", "Scale up resources", "Enable circuit breakers", "Redirect traffic", "Disable problematic feature",
    ]  # fmt: skip


def test_what_cannot_be_is_refused_and_nothing_is_kept(house):
    for wrong, field in (
        ({"title": " "}, "title"),
        ({"severity": "SEV9"}, "severity"),
        ({"incident_commander": house.cy}, "incident_commander"),
    ):
        with pytest.raises(Refused) as refusal:
            house.declare(**{"title": "x", **wrong})
        assert field in refusal.value.errors
    with pytest.raises(Refused) as refusal:
        house.declare(by=house.cy)
    assert refusal.value.status == 403
    assert not Entry.objects.filter(kind="declared").exists()


def test_the_incident_keeps_the_version_it_was_declared_under(house):
    incident = house.declare()
    assert incident.procedure_version.number == 1
    assert re.fullmatch(r"INC-\d+", incident.ref)
