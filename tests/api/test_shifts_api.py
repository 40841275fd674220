"""Shifts over HTTP: swaps, time off, preview and undo, and who may."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.test_paging_api import call, made, person, schedule, token
from tocsin import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> str:
    return token("read", "respond", "administer")


def at(hours: float) -> str:
    return (clock.now() + timedelta(hours=hours)).isoformat()


def test_a_swap_goes_from_the_question_to_the_overrides(admin):
    ana, ben = person("Ana"), person("Ben")
    one = made(schedule(admin, ana))
    body = {"schedule": one["id"], "asker": ana.pk, "of": ben.pk, "starts_at": at(1), "ends_at": at(2), "reason": "dentist"}
    asked = made(call("POST", "/shift-requests", body, bearer=admin))
    assert asked["state"] == "asked" and asked["asked_of"]["name"] == "Ben"
    accepted = made(call("POST", f"/shift-requests/{asked['id']}/accept", {"user": ben.pk}, bearer=admin))
    assert accepted["state"] == "accepted" and [row["user"]["id"] for row in accepted["overrides"]] == [ben.pk]
    again = call("POST", f"/shift-requests/{asked['id']}/accept", {"user": ben.pk}, bearer=admin)
    assert again.status_code == 409


def test_one_time_of_a_span_in_return_alone_is_refused_with_a_sentence(admin):
    ana, ben = person("Ana"), person("Ben")
    one = made(schedule(admin, ana))
    body = {"schedule": one["id"], "asker": ana.pk, "of": ben.pk, "starts_at": at(1), "ends_at": at(2), "return_starts_at": at(5)}
    refused = call("POST", "/shift-requests", body, bearer=admin)
    assert refused.status_code == 422 and "both times" in refused.json()["errors"]["return_ends_at"]


def test_time_off_is_said_and_taken_back(admin):
    ana = person("Ana")
    row = made(call("POST", "/time-off", {"user": ana.pk, "starts_at": at(1), "ends_at": at(48), "reason": "wedding"}, bearer=admin))
    assert [item["id"] for item in made(call("GET", f"/time-off?user={ana.pk}", bearer=admin))["items"]] == [row["id"]]
    assert call("DELETE", f"/time-off/{row['id']}", bearer=admin).status_code == 204
    assert not made(call("GET", "/time-off", bearer=admin))["items"]


def test_a_shift_is_taken_in_one_call(admin):
    ana, ben = person("Ana"), person("Ben")
    one = made(schedule(admin, ana))
    made(call("POST", f"/schedules/{one['id']}/take", {"user": ben.pk, "until": at(3)}, bearer=admin))
    assert made(call("GET", f"/oncall?schedule={one['id']}", bearer=admin))["items"][0]["user"]["id"] == ben.pk


def test_a_change_is_previewed_saved_and_undone(admin):
    ana, ben = person("Ana"), person("Ben")
    one = made(schedule(admin, ana))
    rotations = [{"name": "primary", "participants": [ben.pk], "starts_at": "2026-01-05T09:00:00"}]
    body = {"name": one["name"], "time_zone": one["time_zone"], "rotations": rotations}
    seen = made(call("POST", f"/schedules/{one['id']}/preview?days=7", body, bearer=admin))
    assert [(d["before"]["name"], d["after"]["name"]) for d in seen["differences"]] == [("Ana", "Ben")] and not seen["gaps"]
    assert made(call("GET", f"/schedules/{one['id']}", bearer=admin))["rotations"][0]["participants"] == [ana.pk]
    made(call("PATCH", f"/schedules/{one['id']}", {"rotations": rotations}, bearer=admin))
    assert [row["number"] for row in made(call("GET", f"/schedules/{one['id']}/history", bearer=admin))["items"]] == [1, 2]
    undone = made(call("POST", f"/schedules/{one['id']}/history/1/restore", {}, bearer=admin))
    assert undone["rotations"][0]["participants"] == [ana.pk]


def test_responders_cannot_restore_a_schedule(admin):
    one = made(schedule(admin, person("Ana")))
    assert call("POST", f"/schedules/{one['id']}/history/1/restore", {}, bearer=token("read", "respond")).status_code == 403
