"""Outside calendars through the API."""

from __future__ import annotations

import pytest

from tests.api.test_paging_api import admin, call, made, person, schedule  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db


def test_a_calendar_is_added_mapped_listed_and_removed(admin):  # noqa: F811
    ana = person("Ana")
    one = made(schedule(admin, ana))
    where = f"/schedules/{one['id']}/calendars"
    assert call("POST", where, {"address": "ftp://x/"}, bearer=admin).status_code == 422
    added = made(call("POST", where, {"address": "https://calendar.example/secret.ics", "name": "Google"}, bearer=admin))
    assert added["host"] == "calendar.example" and "secret" not in str(added)
    assert made(call("PATCH", f"{where}/{added['id']}", {"people": {"Annie": ana.pk}}, bearer=admin))["people"] == {"annie": ana.pk}
    assert [row["name"] for row in made(call("GET", where, bearer=admin))["items"]] == ["Google"]
    rotations = made(call("GET", f"/schedules/{one['id']}", bearer=admin))["rotations"]
    assert rotations[-1]["calendar"] == added["id"] and rotations[-1]["participants"] == []
    assert call("DELETE", f"{where}/{added['id']}", bearer=admin).status_code == 204
    assert made(call("GET", where, bearer=admin))["items"] == []


def test_who_is_ready_is_said_tried_and_excused(admin):  # noqa: F811
    ana = person("Ana")
    where = f"/users/{ana.pk}/readiness"
    assert made(call("GET", where, bearer=admin))["ready"] is False
    assert call("POST", f"{where}/test-page", {}, bearer=admin).status_code == 409, "no way leads to her"
    made(call("POST", f"/users/{ana.pk}/contact-methods", {"kind": "screen"}, bearer=admin))
    assert len(made(call("POST", f"{where}/test-page", {}, bearer=admin))["sent"]) == 1
    assert call("POST", f"{where}/excuse", {"reason": " "}, bearer=admin).status_code == 422
    assert made(call("POST", f"{where}/excuse", {"reason": "Has done it for years"}, bearer=admin))["ready"] is True
