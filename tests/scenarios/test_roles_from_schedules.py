"""Roles of an incident that fill themselves: whoever is on call in the schedule takes them, and is paged where the severity pages."""

from __future__ import annotations

from tocsin.accounts.actor import Actor
from tocsin.incidents import queries as incidents
from tocsin.oncall import operations_roles
from tocsin.response.assign_role import assign_role
from tocsin.response.change_severity import change_severity
from tocsin.response.declare_incident import declare
from tocsin.timeline.models import Entry

KNOWN = {"incident_commander": "Incident Commander", "technical_lead": "Technical Lead", "communications_lead": "Communications Lead"}


def filled(world, team=None, **roles):
    operations_roles.fill_from({role: one.pk for role, one in roles.items()}, known=KNOWN, team=team, by=world.by, now=world.now)


def holders(incident) -> dict[str, str]:
    return {role: row.user.name for role, row in incidents.holders(incident).items()}


def test_a_commander_and_a_communications_lead_are_found_by_themselves_and_paged(world):
    filled(
        world, incident_commander=world.schedule(world.lea, name="Commanders"), communications_lead=world.schedule(world.cy, name="Support")
    )
    incident = declare(title="Checkout is down", severity="SEV1", by=world.by, now=world.now)
    assert holders(incident) == {"incident_commander": "Lea", "communications_lead": "Cy"}
    world.settle()
    assert "role Incident Commander → schedule Commanders → you" in f"{world.phone.expect(world.lea).facts['reason']}"
    world.phone.expect(world.cy)
    said = Entry.objects.filter(incident_id=incident.pk, kind="role").values_list("text", flat=True)
    assert "Lea is Incident Commander: on call in Commanders" in list(said)


def test_a_commander_who_was_named_is_not_replaced(world):
    filled(world, incident_commander=world.schedule(world.lea, name="Commanders"))
    incident = declare(title="Checkout is down", severity="SEV1", incident_commander=world.ben, by=world.by, now=world.now)
    assert holders(incident) == {"incident_commander": "Ben"}


def test_a_severity_that_pages_nobody_fills_only_what_it_demands_and_rings_at_nobody(world):
    filled(
        world, incident_commander=world.schedule(world.lea, name="Commanders"), communications_lead=world.schedule(world.cy, name="Support")
    )
    incident = declare(title="Search is slow", severity="SEV3", by=world.by, now=world.now)
    world.settle()
    assert holders(incident) == {"incident_commander": "Lea"}
    change_severity(incident=incident, severity="SEV1", reason="It is checkout", by=world.by, now=world.now)
    world.settle()
    assert holders(incident) == {"incident_commander": "Lea", "communications_lead": "Cy"}
    world.phone.expect(world.cy)


def test_an_empty_schedule_leaves_the_role_free_and_says_so(world):
    filled(world, incident_commander=world.schedule(name="Commanders"))
    incident = declare(title="Checkout is down", severity="SEV1", by=world.by, now=world.now)
    assert holders(incident) == {}
    assert Entry.objects.filter(incident_id=incident.pk, text="Incident Commander: the schedule Commanders has nobody on call").exists()
    assign_role(incident=incident, role="incident_commander", user=world.ben, by=Actor.of(world.ben, "web"), now=world.now)
    assert holders(incident) == {"incident_commander": "Ben"}


def test_a_teams_own_schedule_goes_before_everybodys(world):
    filled(world, incident_commander=world.schedule(world.lea, name="Commanders"))
    filled(world, team=world.team, incident_commander=world.schedule(world.ben, name="Payments commanders"))
    theirs = declare(title="Checkout is down", severity="SEV3", service=world.service, by=world.by, now=world.now)
    other = declare(title="Office network is down", severity="SEV3", by=world.by, now=world.now)
    assert (holders(theirs), holders(other)) == ({"incident_commander": "Ben"}, {"incident_commander": "Lea"})


def test_who_declares_and_is_on_call_for_it_is_not_paged(world):
    filled(world, incident_commander=world.schedule(world.ana, name="Commanders"))
    incident = declare(title="Checkout is down", severity="SEV1", by=world.by, now=world.now)
    world.settle()
    assert holders(incident) == {"incident_commander": "Ana"}
