"""What the public and colleagues are told, in the template's words, and what each update promises next."""

import pytest

from tests.scenarios.organisation import MINUTE, Organisation
from tocsin import clock
from tocsin.incidents.models import Update
from tocsin.lib.refusal import Refused
from tocsin.obligations.models import Obligation
from tocsin.response.post_update import post_update, preview_update
from tocsin.response.resolve import resolve
from tocsin.statuspage.models import Component, StatusPage

pytestmark = pytest.mark.django_db

PUBLIC = {
    "audience": "public", "status": "Identified", "verb": "experiencing", "description": "failing card payments",
    "impact": "Card payments fail for all customers", "next_update_minutes": 20,
}  # fmt: skip
INTERNAL = {
    "audience": "internal", "status": "Identified", "impact": "All card revenue", "cause": "Expired certificate", "actions": "Switching over",
    "next_steps": "Verify with a test payment",
}  # fmt: skip


@pytest.fixture
def house():
    return Organisation()


def post(house, incident, **fields):
    return post_update(incident=incident, by=house.act(house.ana), now=clock.now(), **fields)


@pytest.mark.clause("S77", "S78", "S79", "S80", "S81", "S100")
def test_a_public_update_is_the_template_line_by_line(house):
    incident = house.declare(severity="SEV1")
    text = post(house, incident, **PUBLIC).text
    assert text.splitlines()[1:] == [
        "Status: Identified", "", "We are currently experiencing failing card payments.", "", "Impact: Card payments fail for all customers", "",
        "Next update in 20 minutes.",
    ]  # fmt: skip
    assert house.said(incident, "public_update") == [text]


@pytest.mark.clause("S7", "S81")
def test_it_keeps_the_promised_update_and_promises_the_next(house):
    incident = house.declare(severity="SEV1")
    post(house, incident, **PUBLIC)
    first, following = house.owed(incident, "first_public_update"), house.owed(incident, "next_public_update")
    assert first.state == "met" and "failing card payments" in first.evidence["text"]
    assert following.due_at - following.started_at == 20 * MINUTE
    post(house, incident, **{**PUBLIC, "next_update_minutes": 45})
    following.refresh_from_db()
    assert following.state == "met" and house.owed(incident, "next_public_update").state == "open"
    assert Obligation.objects.filter(incident_id=incident.pk, state="open", kind="next_public_update").count() == 1


@pytest.mark.clause("S82")
def test_what_is_missing_is_refused_field_by_field_and_nothing_goes_out(house):
    incident = house.declare()
    with pytest.raises(Refused) as refusal:
        post(house, incident, **{**PUBLIC, "impact": " ", "description": "", "next_update_minutes": None, "status": "Broken"})
    assert set(refusal.value.errors) == {"impact", "description", "next_update_minutes", "status"}
    assert not Update.objects.exists() and house.owed(incident, "first_public_update").state == "open"


def test_a_preview_shows_the_same_text_and_saves_nothing(house):
    incident = house.declare()
    shown = preview_update(incident=incident, by=house.act(house.ana), now=clock.now(), **PUBLIC)
    assert "We are currently experiencing failing card payments." in shown.text and not shown.errors
    assert preview_update(incident=incident, by=house.act(house.ana), now=clock.now(), audience="public").errors
    assert not Update.objects.exists()


@pytest.mark.clause("S83", "S84", "S85", "S86", "S87", "S88", "S89", "S102")
def test_an_internal_update_is_the_template_and_fills_the_situation(house):
    incident = house.declare()
    lines = post(house, incident, **INTERNAL).text.splitlines()
    assert lines[0].startswith("Incident Update - ")
    assert [line.partition(":")[0] for line in lines[1:]] == ["Status", "Impact", "Cause", "Actions", "Next Steps"]
    incident.refresh_from_db()
    assert (incident.cause, incident.next_steps, incident.status) == ("Expired certificate", "Verify with a test payment", "identified")
    assert post(house, incident, **{**INTERNAL, "eta": "20 minutes"}).text.splitlines()[-1] == "ETA: 20 minutes"


@pytest.mark.clause("S25")
def test_sev3_keeps_its_internal_update_and_owes_the_next_after_three_hours(house):
    incident = house.declare(severity="SEV3")
    post(house, incident, **INTERNAL)
    following = house.owed(incident, "next_internal_update")
    assert house.owed(incident, "first_internal_update").state == "met"
    assert following.due_at - following.started_at == 180 * MINUTE


def test_a_private_incident_is_published_only_when_its_commander_forces_it(house):
    incident = house.declare(severity="SEV1", private=True)
    assert house.owed(incident, "first_public_update").state == "not_applicable"
    with pytest.raises(Refused, match="private"):
        post(house, incident, **PUBLIC)
    with pytest.raises(Refused):
        post_update(incident=incident, by=house.act(house.ben), now=clock.now(), **PUBLIC, force=True)
    assert post(house, incident, **PUBLIC, force=True).audience == "public"
    incident.refresh_from_db()
    assert not incident.private and house.said(incident, "edited") == ["No longer private: it is published on purpose"]


def test_a_drill_writes_its_updates_and_shows_the_public_nothing(house):
    page = StatusPage.objects.first() or StatusPage.objects.create(code="abcdefghijkl")
    component = Component.objects.create(page=page, name="Search", code="s" * 12, created_at=clock.now(), updated_at=clock.now())
    incident = house.declare(severity="SEV1", drill=True)
    post(house, incident, **PUBLIC, components={str(component.pk): "major_outage"})
    component.refresh_from_db()
    assert component.status == "operational" and house.owed(incident, "first_public_update").state == "met"


@pytest.mark.clause("S71")
def test_resolved_is_said_only_of_what_is_resolved_and_sets_the_page_back(house):
    page = StatusPage.objects.first() or StatusPage.objects.create(code="abcdefghijkl")
    component = Component.objects.create(page=page, name="Checkout", code="c" * 12, created_at=clock.now(), updated_at=clock.now())
    incident = house.declare()
    post(house, incident, **PUBLIC, components={str(component.pk): "major_outage"})
    component.refresh_from_db()
    assert component.status == "major_outage"
    last = {**PUBLIC, "status": "Resolved", "next_update_minutes": None, "components": {str(component.pk): "operational"}}
    with pytest.raises(Refused, match="not resolved"):
        post(house, incident, **last)
    resolve(incident=incident, resolution="Second provider", by=house.act(house.ana), now=clock.now())
    text = post(house, incident, **last).text
    component.refresh_from_db()
    assert component.status == "operational" and "Next update" not in text
    assert not Obligation.objects.filter(incident_id=incident.pk, state="open", kind="next_public_update").exists()
    with pytest.raises(Refused):
        post(house, incident, **PUBLIC)


def test_unknown_components_are_refused_and_the_update_with_them(house):
    incident = house.declare()
    for components in ({"999999": "major_outage"}, {"x": "major_outage"}):
        with pytest.raises(Refused) as refusal:
            post(house, incident, **PUBLIC, components=components)
        assert "components" in refusal.value.errors
    assert not Update.objects.exists()
