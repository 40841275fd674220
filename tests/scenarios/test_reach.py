"""Whom does a severity reach: on call and leadership, on call alone, the team's room, a ticket?"""

from __future__ import annotations

import pytest

from tests.scenarios.world import World
from tocsin.accounts.models import Organisation
from tocsin.incidents.models import Ticket
from tocsin.obligations.models import Obligation
from tocsin.paging import operations as paging
from tocsin.paging.models import Notification
from tocsin.response.acknowledge import acknowledge_incident
from tocsin.response.declare_incident import declare
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


def leadership(world: World) -> None:
    policy = world.policy([world.lea], name="Leadership")
    Organisation.objects.filter(pk=1).update(leadership_policy=policy)


@pytest.mark.clause("S5", "S6")
def test_a_sev1_pages_on_call_and_leadership_each_on_its_own_track(world: World):
    leadership(world)
    world.policy([world.ana], [world.ben])
    incident = declare(
        title="Checkout is down", severity="SEV1", impact="Nobody can pay", service=world.service, by=world.by, now=world.now
    )
    world.settle()
    world.phone.expect(world.ana, "SEV1")
    world.phone.expect(world.lea, incident.ref)
    row = Obligation.objects.get(kind="acknowledge", incident_id=incident.pk)
    assert (row.due_at - incident.declared_at).total_seconds() == 5 * 60


@pytest.mark.clause("S14", "S15")
def test_a_sev2_pages_on_call_only_and_is_owed_an_acknowledgement_in_fifteen_minutes(world: World):
    leadership(world)
    world.policy([world.ana])
    incident = declare(title="Search is slow", severity="SEV2", impact="Slow", service=world.service, by=world.by, now=world.now)
    world.settle()
    world.phone.expect(world.ana, "SEV2")
    world.phone.silent()
    row = Obligation.objects.get(kind="acknowledge", incident_id=incident.pk)
    assert (row.due_at - incident.declared_at).total_seconds() == 15 * 60


@pytest.mark.clause("S23", "S24")
def test_a_sev3_writes_to_the_team_and_pages_nobody(world: World):
    world.policy([world.ana])
    incident = declare(title="Avatars are missing", severity="SEV3", impact="Cosmetic", service=world.service, by=world.by, now=world.now)
    world.settle()
    world.phone.silent()
    assert Entry.objects.filter(kind="team_message", team_id=world.team.pk, incident_id=incident.pk).count() == 1
    row = Obligation.objects.get(kind="acknowledge", incident_id=incident.pk)
    assert (row.due_at - incident.declared_at).total_seconds() == 60 * 60


def test_a_sev4_makes_a_ticket_and_pages_nobody(world: World):
    world.policy([world.ana])
    incident = declare(title="A typo", severity="SEV4", impact="None", service=world.service, by=world.by, now=world.now)
    world.settle()
    assert Ticket.objects.filter(incident=incident).exists()
    assert not Notification.objects.filter(kind="page").exists()


@pytest.mark.clause("S35")
def test_acknowledging_an_incident_ends_every_track_and_keeps_the_promise(world: World):
    leadership(world)
    world.policy([world.ana], [world.ben])
    incident = declare(
        title="Checkout is down", severity="SEV1", impact="Nobody can pay", service=world.service, by=world.by, now=world.now
    )
    world.settle()
    world.phone.expect(world.ana)
    world.phone.expect(world.lea)
    assert acknowledge_incident(incident=incident, by=world.by, now=world.now).taken
    promise = Obligation.objects.get(kind="acknowledge", incident_id=incident.pk)
    assert promise.state == "met" and promise.evidence["entry"]
    later = acknowledge_incident(incident=incident, by=world.by, now=world.now)
    assert (later.taken, later.by) == (False, "Ana")
    world.advance(minutes=4)
    world.phone.silent()


def test_pages_that_wait_say_the_new_words_after_a_change(world: World):
    paging.add_rule(world.ana, contact_method=world.ana.contact_methods.get().pk, after_seconds=60, by=world.by, now=world.now)
    world.policy([world.ana])
    incident = declare(title="Something", severity="SEV2", impact="Some", service=world.service, by=world.by, now=world.now)
    paging.retitle(incident_id=incident.pk, subject={"title": "Checkout is down", "severity": "SEV1"}, now=world.now)
    world.advance(seconds=61)
    world.phone.expect(world.ana, "SEV1 " + incident.ref + " Checkout is down")


def test_what_pages_nobody_can_still_be_acknowledged(world: World):
    incident = declare(title="Avatars are missing", severity="SEV3", impact="Cosmetic", service=world.service, by=world.by, now=world.now)
    assert not Notification.objects.filter(incident_id=incident.pk, kind="page").exists()
    answer = acknowledge_incident(incident=incident, by=world.by, now=world.now)
    assert answer.taken
    assert Obligation.objects.get(incident_id=incident.pk, kind="acknowledge").state == "met"
    assert not acknowledge_incident(incident=incident, by=world.by, now=world.now).taken
