"""Who leads, who does what, what is decided and said, and who else hears of it."""

import pytest

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import RoleAssignment
from tocsin.lib.refusal import Refused
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Notification
from tocsin.procedures import operations as procedures
from tocsin.response import followers
from tocsin.response.assign_role import assign_role
from tocsin.response.post_message import give_task, pin, pins, post_message
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return Organisation()


def assign(house, incident, role, user, by=None, **fields):
    return assign_role(incident=incident, role=role, user=user, by=house.act(by or house.ana), now=clock.now(), **fields)


@pytest.mark.clause("S90", "S95", "S99")
def test_the_three_roles_have_their_duties_word_for_word(house):
    roles = {role.title: role.duties for role in procedures.document(house.declare().procedure_version).roles}
    assert roles == {
        "Incident Commander": ("Leads incident response", "Makes decisions on actions", "Coordinates communication", "Delegates tasks"),
        "Technical Lead": ("Leads technical investigation", "Proposes solutions", "Implements fixes"),
        "Communications Lead": ("Updates status page", "Coordinates with customer support", "Manages stakeholder communication"),
    }


@pytest.mark.clause("S91")
def test_there_is_one_commander_at_a_time_and_the_handover_is_on_the_record(house):
    incident = house.declare()
    with pytest.raises(Refused) as refusal:
        assign(house, incident, "incident_commander", house.ben, by=house.ben)
    assert refusal.value.status == 403
    assign(house, incident, "incident_commander", house.ben, handover="Rollback runs, verify at noon")
    assert incidents.holder(incident, "incident_commander") == house.ben
    assert house.said(incident, "role")[-1] == "Incident Commander handed over from Ana to Ben: Rollback runs, verify at noon"
    assert RoleAssignment.objects.filter(incident=incident, role="incident_commander", ended_at=None).count() == 1


@pytest.mark.clause("S44", "S90")
def test_naming_somebody_keeps_the_promise_of_the_role_and_tells_them_their_duties(house):
    incident = house.declare()
    assert house.owed(incident, "roles", clause="role.incident_commander").state == "met"
    assert house.owed(incident, "roles", clause="role.technical_lead").state == "open"
    assign(house, incident, "technical_lead", house.ben)
    assert house.owed(incident, "roles", clause="role.technical_lead").state == "met"
    told = Notification.objects.get(user=house.ben, kind="notice")
    assert "Technical Lead" in told.title and "Implements fixes" in told.text


@pytest.mark.clause("S100")
def test_the_communications_lead_owns_the_clock_of_updates(house):
    incident = house.declare()
    assert house.owed(incident, "first_public_update").owner_role == "communications_lead"
    assign(house, incident, "communications_lead", house.ben)
    assert house.owed(incident, "first_public_update").owner == house.ben


@pytest.mark.clause("S94")
def test_the_commander_delegates_tasks_and_they_are_told(house):
    incident = house.declare()
    row = give_task(incident=incident, user=house.ben, task="Call the provider", by=house.act(house.ana), now=clock.now())
    assert (row.task, row.task_state) == ("Call the provider", "open")
    assert Notification.objects.filter(user=house.ben, kind="notice", text="Call the provider").exists()
    give_task(incident=incident, user=house.ben, task="Call the provider", done=True, by=house.act(house.ben), now=clock.now())
    assert house.said(incident, "task") == ["Ben takes on: Call the provider", "Ben has done: Call the provider"]


@pytest.mark.clause("S92", "S93")
def test_decisions_are_the_commander_s_and_stay_in_the_log(house):
    incident = house.declare()
    act = {"incident": incident, "text": "Roll back, do not raise the limit", "kind": "decision", "now": clock.now()}
    with pytest.raises(Refused):
        post_message(**act, by=house.act(house.ben))
    entry = post_message(**act, by=house.act(house.ana))
    assert entry.key and house.said(incident, "decision") == ["Roll back, do not raise the limit"]


def test_messages_are_pinned_without_touching_the_record(house):
    incident = house.declare()
    said = post_message(incident=incident, text="The pool is full", by=house.act(house.ben), now=clock.now())
    pin(incident=incident, entry_id=said.pk, by=house.act(house.ana), now=clock.now())
    assert pins(incident) == [said]
    pin(incident=incident, entry_id=said.pk, pinned=False, by=house.act(house.ana), now=clock.now())
    assert pins(incident) == []
    with pytest.raises(Refused):
        pin(incident=incident, entry_id=Entry.objects.latest("id").pk + 1, by=house.act(house.ana), now=clock.now())


@pytest.mark.clause("S101", "S102")
def test_support_and_stakeholders_follow_by_mail(house):
    incident = house.declare()
    act = {"by": house.act(house.ana), "now": clock.now()}
    followers.add(email="Support@example.com", group="support", **act)
    followers.add(email="cfo@example.com", incident=incident, **act)
    followers.add(email="cfo@example.com", incident=incident, **act)
    assert [(row.email, row.group) for row in followers.of(incident)] == [
        ("support@example.com", "support"),
        ("cfo@example.com", "stakeholder"),
    ]
    with pytest.raises(Refused):
        followers.add(email="nonsense", **act)
    followers.remove(follower_id=followers.of(incident)[1].pk, incident=incident, **act)
    assert len(followers.of(incident)) == 1


def test_observers_can_do_nothing(house):
    incident = house.declare()
    for attempt in (
        lambda: post_message(incident=incident, text="x", by=house.act(house.cy), now=clock.now()),
        lambda: assign(house, incident, "technical_lead", house.ben, by=house.cy),
        lambda: assign(house, incident, "technical_lead", house.cy),
    ):
        with pytest.raises(Refused):
            attempt()
    assert not Obligation.objects.filter(kind="roles", owner=house.cy).exists()
