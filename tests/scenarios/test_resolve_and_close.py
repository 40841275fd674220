"""From the fix to the close: verified with evidence, watched, refused while steps are open, reopened when it comes back."""

from datetime import timedelta

import pytest

from tests.scenarios.organisation import MINUTE, Organisation
from tests.scenarios.test_update import PUBLIC
from tocsin import clock
from tocsin.incidents.models import ChecklistTick
from tocsin.lib.refusal import Refused
from tocsin.obligations.models import Obligation
from tocsin.response import keep_promises
from tocsin.response.close_incident import close_incident
from tocsin.response.judge_incident import report
from tocsin.response.post_update import post_update
from tocsin.response.reopen import recurrence
from tocsin.response.resolve import resolve
from tocsin.response.tick_step import tick_step
from tocsin.response.verify_resolution import verify_resolution
from tocsin.response.waive import waive

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return Organisation()


class Move:
    """Ana's moves on one incident, at the clock's time."""

    def __init__(self, house, incident, user=None):
        self.house, self.incident, self.by = house, incident, house.act(user or house.ana)

    def __getattr__(self, name):
        verb = {
            "resolve": resolve,
            "verify": verify_resolution,
            "close": close_incident,
            "waive": waive,
            "update": post_update,
            "tick": tick_step,
        }[name]
        return lambda **fields: verb(incident=self.incident, by=self.by, now=clock.now(), **fields)


def resolved(house, **fields):
    incident = house.declare(**fields)
    move = Move(house, incident)
    move.resolve(resolution="Payments go through the second provider")
    incident.refresh_from_db()
    return incident, move


@pytest.mark.clause("S68", "S73")
def test_the_resolution_is_recorded_and_owes_verification_and_a_post_mortem(house):
    incident, _ = resolved(house)
    assert incident.status == "resolved" and house.said(incident, "resolved") == ["Resolved: Payments go through the second provider"]
    assert house.owed(incident, "verification").state == "open"
    assert house.owed(incident, "postmortem").due_at == incident.resolved_at + timedelta(hours=48)


@pytest.mark.clause("S69")
def test_verification_needs_evidence_and_a_resolution(house):
    incident = house.declare()
    move = Move(house, incident)
    with pytest.raises(Refused) as refusal:
        move.verify(evidence="All fine")
    assert refusal.value.status == 409
    move.resolve(resolution="Rolled back")
    with pytest.raises(Refused) as refusal:
        move.verify(evidence=" ")
    assert "evidence" in refusal.value.errors
    move.verify(evidence="Ten test payments succeeded")
    assert house.owed(incident, "verification").state == "met"


@pytest.mark.clause("S70")
def test_the_watch_runs_as_long_as_the_severity_asks_and_ends_by_itself(house):
    incident, move = resolved(house)
    move.verify(evidence="Ten test payments succeeded")
    incident.refresh_from_db()
    assert incident.watch_until == incident.verified_at + 30 * MINUTE
    clock.shift(31 * MINUTE)
    while keep_promises.take():
        pass
    assert house.owed(incident, "watch").state == "met"
    assert ChecklistTick.objects.filter(incident=incident, item__contains="monitor").exists()


@pytest.mark.clause("S70")
def test_a_matching_alert_within_the_watch_reopens_the_incident(house):
    incident = house.declare(alert=house.alert())
    move = Move(house, incident)
    move.resolve(resolution="Rolled back")
    move.verify(evidence="Fine")
    incident.alert_links.get().alert.__class__.objects.update(status="resolved")
    again = house.alert()
    assert recurrence(again, clock.now()) == incident
    incident.refresh_from_db()
    assert (incident.status, incident.resolved_at, incident.verified_at, incident.reopened) == ("investigating", None, None, 1)
    assert not Obligation.objects.filter(incident_id=incident.pk, kind__in=["watch", "postmortem"], state="open").exists()
    assert house.said(incident, "reopened")
    assert recurrence(house.alert("Something else", service=None), clock.now()) is None


@pytest.mark.clause("S70")
def test_after_the_watch_the_same_alert_is_a_new_matter(house):
    incident = house.declare(alert=house.alert())
    move = Move(house, incident)
    move.resolve(resolution="Rolled back")
    move.verify(evidence="Fine")
    clock.shift(31 * MINUTE)
    incident.alert_links.get().alert.__class__.objects.update(status="resolved")
    assert recurrence(house.alert(), clock.now()) is None


@pytest.mark.clause("S71", "S72")
def test_it_closes_only_when_verified_watched_and_said_on_the_status_page(house):
    incident = house.declare(severity="SEV1")
    move = Move(house, incident)
    with pytest.raises(Refused) as refusal:
        move.close()
    assert refusal.value.status == 409 and {"fix", "verification", "status_page"} <= set(refusal.value.errors)
    assert "verification" in refusal.value.detail
    move.resolve(resolution="Second provider")
    move.verify(evidence="Fine", watch_minutes=0)
    with pytest.raises(Refused) as refusal:
        move.close()
    assert set(refusal.value.errors) == {"status_page"}
    move.update(**{**PUBLIC, "status": "Resolved", "next_update_minutes": None})
    with pytest.raises(Refused) as refusal:
        Move(house, incident, house.ben).close()
    assert refusal.value.status == 403
    assert move.close().status == "closed"
    with pytest.raises(Refused, match="closed"):
        move.resolve(resolution="Again")


@pytest.mark.clause("S72")
def test_the_commander_may_waive_with_a_reason_and_nobody_else(house):
    incident, move = resolved(house)
    with pytest.raises(Refused) as refusal:
        Move(house, incident, house.ben).waive(clause="verification", reason="No users")
    assert refusal.value.status == 403
    with pytest.raises(Refused) as refusal:
        move.waive(clause="verification", reason=" ")
    assert "reason" in refusal.value.errors
    move.waive(clause="verification", reason="The service is gone for good")
    move.waive(clause="status_page", reason="Never published")
    assert house.owed(incident, "verification").state == "waived"
    assert move.close().status == "closed"
    verdicts = {clause.clause: clause for clause in report(incident, clock.now())}
    assert (verdicts["step-5.2"].verdict, verdicts["step-5.4"].verdict) == ("waived", "waived")
    assert "gone for good" in verdicts["step-5.2"].reason


def test_a_line_that_an_act_ticks_is_not_ticked_by_hand(house):
    incident = house.declare()
    with pytest.raises(Refused, match="act itself"):
        Move(house, incident).tick(step=incident_step(incident, 5), item=line(incident, 5, 1))


def incident_step(incident, number):
    from tocsin.procedures import operations as procedures

    return procedures.document(incident.procedure_version).steps[number - 1].id


def line(incident, step, position):
    from tocsin.procedures import operations as procedures

    return procedures.document(incident.procedure_version).steps[step - 1].blocks[0].items[position].id


@pytest.mark.clause("S34")
def test_each_incident_shows_in_which_of_the_six_steps_it_stands(house):
    from tocsin.api.incident_shapes import steps

    incident = house.declare()
    assert [step["title"] for step in steps(incident)["steps"]] == [
        "Acknowledge and Assess", "Communicate", "Diagnose", "Mitigate", "Resolve and Verify", "Post-Incident",
    ]  # fmt: skip
    assert steps(incident)["step"] == 2
    Move(house, incident).resolve(resolution="Done")
    incident.refresh_from_db()
    assert steps(incident)["step"] == 5
