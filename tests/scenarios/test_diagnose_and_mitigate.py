"""Checks that answer themselves or are answered with evidence; mitigations that the commander decides on."""

from datetime import timedelta

import pytest

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts.models import Role
from tocsin.alerts.models import ChangeEvent
from tocsin.diagnosis.models import Check
from tocsin.incidents.models import ChecklistTick
from tocsin.lib.refusal import Refused
from tocsin.mitigation.models import Mitigation
from tocsin.procedures import operations as procedures
from tocsin.response import mitigate
from tocsin.response.run_check import answer_check, run_check
from tocsin.response.tick_step import tick_step

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    house = Organisation()
    house.cy.role = Role.RESPONDER
    house.cy.save()
    return house


def change(house, summary, kind="deployment", ago=timedelta(minutes=11), **fields):
    at = clock.now() - ago
    values = {
        "integration": house.integration,
        "service": house.service,
        "kind": kind,
        "summary": summary,
        "at": at,
        "received_at": at,
        **fields,
    }
    return ChangeEvent.objects.create(**values)


def check(incident, question):
    return Check.objects.get(incident=incident, question=question)


@pytest.mark.clause("S47", "S48", "S51", "S56")
def test_deployments_and_changes_are_found_by_themselves(house):
    change(house, "Deploy checkout 4.2")
    change(house, "Connection limit 500", kind="infrastructure")
    change(house, "Deploy of yesterday's yesterday", ago=timedelta(hours=30))
    incident = house.declare()
    deployments, infrastructure, changes = (
        check(incident, q) for q in ("Recent deployments?", "Infrastructure changes?", "Recent changes")
    )
    assert (deployments.state, deployments.answer) == ("answered", "yes") and "Deploy checkout 4.2" in deployments.evidence
    assert "yesterday" not in deployments.evidence and [c["summary"] for c in deployments.data["changes"]] == ["Deploy checkout 4.2"]
    assert "Connection limit 500" in infrastructure.evidence and len(changes.data["changes"]) == 2
    assert any("Deploy checkout 4.2" in text for text in house.said(incident, "check"))


@pytest.mark.clause("S51")
def test_a_later_run_finds_what_came_in_since(house):
    incident = house.declare()
    deployments = check(incident, "Recent deployments?")
    assert deployments.answer == "no"
    change(house, "Deploy checkout 4.3", ago=timedelta())
    assert run_check(incident=incident, check_id=deployments.pk, by=house.act(house.ben), now=clock.now()).answer == "yes"


@pytest.mark.clause("S49", "S50", "S96")
def test_people_answer_the_others_with_evidence(house):
    incident = house.declare()
    spike = check(incident, "Traffic spike?")
    act = {"incident": incident, "check_id": spike.pk, "by": house.act(house.ben), "now": clock.now()}
    with pytest.raises(Refused) as refusal:
        answer_check(**act, answer="no")
    assert "evidence" in refusal.value.errors
    answered = answer_check(**act, answer="no", evidence="Requests per second as on any Monday")
    assert (answered.state, answered.answered_by) == ("answered", house.ben)
    assert ChecklistTick.objects.filter(incident=incident, item=spike.item, by=house.ben).exists()


@pytest.mark.clause("S52", "S53", "S54", "S55", "S57")
def test_a_missing_collector_is_a_gap_and_blocks_nothing(house):
    incident = house.declare()
    logs = check(incident, "Application logs")
    assert logs.state == "gap" and "No collector" in logs.evidence
    answered = answer_check(
        incident=incident, check_id=logs.pk, answer="yes", evidence="Timeouts to the provider", by=house.act(house.ben), now=clock.now()
    )
    assert answered.state == "answered"


def first(incident, title="Redirect traffic"):
    return Mitigation.objects.get(incident=incident, title=title)


@pytest.mark.clause("S67", "S92", "S97", "S98")
def test_the_technical_lead_proposes_the_commander_decides_the_lead_carries_out(house):
    incident = house.declare()
    row, ben, ana = first(incident), house.act(house.ben), house.act(house.ana)
    mitigate.propose(incident=incident, mitigation_id=row.pk, effect="All traffic to Dublin", by=ben, now=clock.now())
    with pytest.raises(Refused) as refusal:
        mitigate.decide(incident=incident, mitigation_id=row.pk, approved=True, by=ben, now=clock.now())
    assert refusal.value.status == 403
    mitigate.decide(incident=incident, mitigation_id=row.pk, approved=True, reason="Dublin has room", by=ana, now=clock.now())
    done = mitigate.record(
        incident=incident, mitigation_id=row.pk, note="Moved", outcome="service_restored", output="200 OK", by=ben, now=clock.now()
    )
    assert (done.state, done.decided_by, done.done_by, done.output) == ("done", house.ana, house.ben, "200 OK")
    assert house.said(incident, "decision") == ["Approved: Redirect traffic. Dublin has room"]
    assert any("service restored" in text for text in house.said(incident, "mitigation"))


@pytest.mark.clause("S58")
def test_restoring_service_even_partially_is_marked_and_ticked(house):
    incident = house.declare()
    ana = house.act(house.ana)
    mitigate.record(incident=incident, mitigation_id=first(incident).pk, outcome="partially_restored", by=ana, now=clock.now())
    incident.refresh_from_db()
    assert incident.restored_at and incident.restored_partially
    mitigate.restore(incident=incident, by=ana, now=clock.now())
    incident.refresh_from_db()
    assert not incident.restored_partially
    assert house.said(incident, "restored") == ["Service partially restored", "Service restored"]


@pytest.mark.clause("S58", "S59", "S60", "S61")
def test_the_root_cause_is_parked_until_service_is_restored_or_the_commander_overrides(house):
    incident = house.declare()
    step = procedures.document(incident.procedure_version).steps[3]
    order = step.blocks[0].items
    act = {"incident": incident, "step": step.id, "by": house.act(house.ben), "now": clock.now()}
    tick_step(**act, item=order[1].id)
    with pytest.raises(Refused, match="parked"):
        tick_step(**act, item=order[3].id)
    with pytest.raises(Refused, match="commander"):
        tick_step(**act, item=order[3].id, override=True, note="It will come back otherwise")
    tick_step(**{**act, "by": house.act(house.ana)}, item=order[3].id, override=True, note="It will come back otherwise")
    tick_step(**act, item=order[0].id, note="partially")
    incident.refresh_from_db()
    assert incident.restored_partially
    ticked = ChecklistTick.objects.filter(incident=incident, step=step.id, undone_at=None).values_list("item", flat=True)
    assert set(ticked) >= {order[0].id, order[1].id, order[3].id}


def test_a_declined_mitigation_is_not_carried_out(house):
    incident = house.declare()
    own = mitigate.propose(incident=incident, title="Restart everything", by=house.act(house.ben), now=clock.now())
    mitigate.decide(incident=incident, mitigation_id=own.pk, approved=False, by=house.act(house.ana), now=clock.now())
    with pytest.raises(Refused, match="declined"):
        mitigate.record(incident=incident, mitigation_id=own.pk, outcome="no_effect", by=house.act(house.ben), now=clock.now())
