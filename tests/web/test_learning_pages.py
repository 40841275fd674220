"""The pages of the status page and of post-mortems: read by all, changed by those who may."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.scenarios.organisation import Organisation
from tocsin import clock
from tocsin.accounts.models import Role
from tocsin.incidents.models import Subscriber
from tocsin.postmortems.models import Postmortem
from tocsin.response.post_update import post_update
from tocsin.response.resolve import resolve
from tocsin.statuspage import operations, publishing
from tocsin.statuspage.models import Component

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return Organisation()


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def keep(name: str, content: bytes) -> None:
    """Keep the page for a look at it, where a folder is named."""
    if folder := os.environ.get("TOCSIN_TEST_PAGES"):
        Path(folder, name).write_bytes(content)


@pytest.mark.clause("S73", "S74", "S75", "S76")
def test_a_post_mortem_is_begun_written_booked_and_published_by_plain_forms(house):
    incident = house.declare(severity="SEV1")
    resolve(incident=incident, resolution="Traffic moved.", by=house.act(house.ana), now=clock.now())
    ana, address = signed_in(house.ana), f"/incidents/{incident.ref}/postmortem/"
    assert b"Begin the post-mortem" in ana.get(address).content
    assert ana.post(address + "act/", {"action": "begin"}).status_code == 303
    for name in ("summary", "root_cause", "lessons_learned"):
        row = Postmortem.objects.get()
        assert ana.post(address + "act/", {"action": "save", "version": row.version, name: f"The **{name}**."}).status_code == 303
    assert ana.post(address + "act/", {"action": "save", "version": 1, "summary": "older"}).status_code == 409
    soon = (clock.now() + timedelta(hours=20)).strftime("%Y-%m-%dT%H:%M")
    assert ana.post(address + "act/", {"action": "book", "meeting_at": soon, "meeting_minutes": 45}).status_code == 303
    due = clock.now().date() + timedelta(days=5)
    given = {"action": "item", "item_title": "Watch certificates", "owner": house.ben.pk, "due_on": due.isoformat()}
    assert ana.post(address + "act/", given).status_code == 303
    page = ana.get(address)
    keep("postmortem.html", page.content)
    assert b"<strong>summary</strong>" in page.content and b"Watch certificates" in page.content
    assert b"BEGIN:VCALENDAR" in ana.get(f"/incidents/{incident.ref}/postmortem.ics").content
    assert ana.get(f"/incidents/{incident.ref}/postmortem.md").content.startswith(b"# Incident Post-Mortem: ")
    assert ana.post(address + "act/", {"action": "publish"}).status_code == 303
    library = ana.get("/postmortems/")
    keep("library.html", library.content)
    assert b"Published" in library.content
    assert signed_in(house.cy).post(address + "act/", {"action": "refresh"}).status_code in (403, 404)


def test_the_status_page_is_changed_by_administrators_and_read_by_all(house):
    house.ana.role = Role.ADMINISTRATOR
    house.ana.save()
    ana = signed_in(house.ana)
    assert ana.post("/status-page/change/", {"action": "add", "name": "Checkout"}).status_code == 303
    row = Component.objects.get()
    assert ana.post("/status-page/change/", {"action": "change", "component": row.pk, "status": "major_outage"}).status_code == 303
    row.refresh_from_db()
    assert row.status == "major_outage"
    page = ana.get("/status-page/")
    keep("status_page.html", page.content)
    assert b"Checkout" in page.content
    assert signed_in(house.cy).post("/status-page/change/", {"action": "remove", "component": row.pk}).status_code in (403, 404)


@pytest.mark.clause("S71", "S46")
def test_an_update_through_the_verb_is_on_the_published_page(house, tmp_path):
    by = house.act(house.ana)
    for name in ("Checkout", "Payments API", "Sign-in"):
        operations.add_component(name=name, by=by, now=clock.now() - timedelta(days=100))
    first, second = Component.objects.order_by("id")[:2]
    incident = house.declare(severity="SEV1")
    for status, minutes in (("Investigating", 15), ("Identified", 20)):
        update = post_update(
            incident=incident, audience="public", status=status, verb="experiencing", description="failed card payments at checkout",
            impact="About 6 in 10 card payments fail in all regions.", next_update_minutes=minutes,
            components={str(first.pk): "major_outage", str(second.pk): "partial_outage"}, by=by, now=clock.now(),
        )  # fmt: skip
    folder = publishing.publish_now(Path(os.environ.get("TOCSIN_TEST_PAGES") or tmp_path))
    assert "Identified" in (folder / "index.html").read_text()
    assert update.text.splitlines()[-1] in (folder / "api/v2/incidents/unresolved.json").read_text()


@pytest.mark.clause("S101", "S102")
def test_followers_of_every_incident_are_kept_on_their_page(house):
    ana = signed_in(house.ana)
    assert (
        ana.post("/people/followers/", {"deed": "add", "email": "support@example.com", "name": "Support", "group": "support"}).status_code
        == 303
    )
    refused = ana.post("/people/followers/", {"deed": "add", "email": "not an address", "name": "Typed", "group": "stakeholder"})
    assert refused.status_code == 422 and b'value="not an address"' in refused.content and b'value="Typed"' in refused.content
    row = Subscriber.objects.get()
    page = ana.get("/people/followers/")
    keep("followers.html", page.content)
    assert b"support@example.com" in page.content and b"/people/followers/" in ana.get("/people/").content
    cy = signed_in(house.cy)
    assert cy.get("/people/followers/").status_code == 200
    assert cy.post("/people/followers/", {"deed": "add", "email": "x@example.com", "group": "support"}).status_code in (403, 404)
    assert ana.post("/people/followers/", {"deed": "remove", "follower": row.pk}).status_code == 303
    row.refresh_from_db()
    assert row.removed_at and Subscriber.objects.count() == 1
