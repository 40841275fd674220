"""Maintenance that customers are told of: planned, as it begins, in words of people, when it is over or called off; on the page, in its JSON and its feeds."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from icalendar import Calendar

from tests.api.test_frame import call, token
from tocsin.lib.refusal import Refused
from tocsin.response import maintain
from tocsin.statuspage import operations, operations_maintenance, publishing
from tocsin.statuspage.models import Component

WORDS = "Card payments may fail for a few seconds."


@pytest.fixture
def checkout(world) -> Component:
    return operations.add_component(name="Checkout", by=world.by, now=world.now)


@pytest.fixture
def page(tmp_path):
    """read(name): what the published page says now; a JSON file by its path without ending, else the file's text."""

    def read(name: str):
        folder = publishing.publish_now(tmp_path)
        return (folder / name).read_text() if "." in name else json.loads((folder / "api/v2" / f"{name}.json").read_text())

    return read


def plan(world, *components: Component, hours: float = 2, **fields):
    start = (world.now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")
    said = maintain.Public("Payments: planned maintenance", WORDS, tuple(one.pk for one in components))
    given = {"title": "New disks in db1", "reason": "The old ones are full", "starts": start, "minutes": 60, "services": [world.service.pk]}
    return maintain.plan(**given | {"public": said} | fields, by=world.by, now=world.now)


def later(world, **span: float) -> datetime:
    """The worker's look of each minute, so much later."""
    at = world.now + timedelta(**span)
    operations_maintenance.advance(at)
    return at


def test_planned_maintenance_is_announced_begins_is_told_of_and_ends_by_itself(world, checkout, page):
    window = plan(world, checkout)
    [row] = page("scheduled-maintenances/upcoming")["scheduled_maintenances"]
    assert (row["name"], row["status"], row["impact"]) == ("Payments: planned maintenance", "scheduled", "maintenance")
    begins, ends = (datetime.fromisoformat(row[name]) for name in ("scheduled_for", "scheduled_until"))
    assert ends - begins == timedelta(minutes=60) and [part["name"] for part in row["components"]] == ["Checkout"]
    assert [(one["status"], one["body"]) for one in row["incident_updates"]] == [("scheduled", WORDS)]
    index = page("index.html")
    assert WORDS in index and "Maintenance: scheduled" in index and "New disks" not in index  # the inside's words stay inside
    assert page("summary")["status"]["indicator"] == "none"

    at = later(world, hours=2, minutes=1)
    [row] = page("scheduled-maintenances/active")["scheduled_maintenances"]
    assert page("summary")["status"] == {"indicator": "maintenance", "description": "Service Under Maintenance"}
    assert row["incident_updates"][0]["affected_components"] == [
        {"code": checkout.code, "name": "Checkout", "old_status": "operational", "new_status": "under_maintenance"}
    ]
    maintain.tell_public(window, status="verifying", text="The disks are in; we look whether all is well.", by=world.by, now=at)
    assert "we look whether all is well" in page(f"incidents/{row['id']}.html")
    for feed in ("history.atom", "history.rss"):
        assert "<title>Payments: planned maintenance</title>" in page(feed)
    [event] = Calendar.from_ical(page("history.ics")).walk("VEVENT")
    assert (event.decoded("dtstart"), event.decoded("dtend")) == (begins, ends)

    later(world, hours=3, minutes=1)
    assert page("summary")["scheduled_maintenances"] == [] and page("summary")["status"]["indicator"] == "none"
    [over] = page("scheduled-maintenances")["scheduled_maintenances"]
    assert [one["status"] for one in over["incident_updates"]] == ["completed", "verifying", "in_progress", "scheduled"] and over[
        "resolved_at"
    ]
    assert "Maintenance that is over" in page("history.html")


def test_what_is_called_off_or_taken_off_the_page_says_so_and_a_worse_state_stays(world, checkout, page):
    window = plan(world, checkout)
    maintain.end(window, by=world.by, now=world.now)
    [row] = page("scheduled-maintenances")["scheduled_maintenances"]
    assert [one["body"] for one in row["incident_updates"]] == ["The maintenance was cancelled.", WORDS]

    kept = plan(world, checkout, hours=5)
    maintain.change(kept, minutes=90, by=world.by, now=world.now)  # what is not named stays: it is still announced
    [row] = page("scheduled-maintenances/upcoming")["scheduled_maintenances"]
    span = datetime.fromisoformat(row["scheduled_until"]) - datetime.fromisoformat(row["scheduled_for"])
    assert span == timedelta(minutes=90)
    maintain.change(kept, public=None, by=world.by, now=world.now)
    assert page("scheduled-maintenances/upcoming")["scheduled_maintenances"] == []

    maintain.change(kept, public=maintain.Public("Payments", WORDS, (checkout.pk,)), by=world.by, now=world.now)
    operations.change_component(checkout, status="major_outage", by=world.by, now=world.now)
    later(world, hours=5, minutes=1)
    checkout.refresh_from_db()
    assert checkout.status == "major_outage"  # an outage is not made to look planned
    later(world, hours=7)
    checkout.refresh_from_db()
    assert checkout.status == "major_outage"


def test_recurring_maintenance_is_announced_again_once_each_is_over(world, page):
    window = plan(world, rule="FREQ=DAILY;COUNT=2")
    later(world, hours=2, minutes=1)
    later(world, hours=3, minutes=1)
    coming, over = page("scheduled-maintenances")["scheduled_maintenances"]
    assert (coming["status"], over["status"]) == ("scheduled", "completed") and coming["id"] != over["id"]
    assert datetime.fromisoformat(coming["scheduled_for"]) - datetime.fromisoformat(over["scheduled_for"]) == timedelta(days=1)
    later(world, hours=40)  # the worker was away for the whole of the second
    assert [one.status for one in window.announcements.order_by("id")] == ["completed", "completed"]


def test_what_cannot_be_published_is_refused_at_its_field(world):
    with pytest.raises(Refused) as refused:
        plan(world, public=maintain.Public(" ", "x" * 5001, (4711,)))
    assert set(refused.value.errors) == {"public_title", "public_text", "public_components"}
    quiet = plan(world, public=None)
    with pytest.raises(Refused, match="Nothing is announced"):
        maintain.tell_public(quiet, status="verifying", text="Hello", by=world.by, now=world.now)
    shown = plan(world)
    for wrong in ({"status": "resolved", "text": "x"}, {"status": "verifying", "text": " "}):
        with pytest.raises(Refused):
            maintain.tell_public(shown, **wrong, by=world.by, now=world.now)


def test_people_and_programs_announce_it(world, client, checkout):
    client.force_login(world.ana)
    start = (world.now + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    form = {"title": "New disks", "reason": "Full", "starts": start, "minutes": "60", "time_zone": "UTC", "repeat": "", "services": [world.service.pk],
            "public": "1", "public_title": "", "public_text": WORDS, "components": [checkout.pk]}  # fmt: skip
    answer = client.post("/maintenance/new/", form)
    assert answer.status_code == 422 and "Name it for the public" in answer.content.decode() and WORDS in answer.content.decode()
    address = client.post("/maintenance/new/", {**form, "public_title": "Payments"}).headers["Location"]
    assert "On the status page" in client.get(address).content.decode()
    client.post(f"{address}tell/", {"status": "scheduled", "text": "It will be half an hour."})
    assert "It will be half an hour." in client.get(address).content.decode()

    number, key = address.strip("/").split("/")[-1], token("read", "respond", user=world.ana)
    told = call("GET", f"/maintenance-windows/{number}", bearer=key).json()["public"]
    assert [one["text"] for one in told["updates"]] == ["It will be half an hour.", WORDS] and told["components"] == [checkout.pk]
    said = call("POST", f"/maintenance-windows/{number}/updates", {"status": "in_progress", "text": "We begin."}, bearer=key)
    assert said.status_code == 201 and said.json()["public"]["status"] == "in_progress"
    assert call("PATCH", f"/maintenance-windows/{number}", {"public": None}, bearer=key).json()["public"] is None
