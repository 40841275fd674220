"""Schedules, policies, contact methods and who is on call, as programs set them up."""

from __future__ import annotations

from datetime import timedelta

import icalendar
import pytest
from django.test import Client

from tests.api.test_frame import call, person, token
from tocsin import clock
from tocsin.paging.models import ContactMethod, Notification
from tocsin.response import deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> str:
    return token("read", "respond", "administer")


def made(answer):
    assert answer.status_code in (200, 201, 202), answer.content
    return answer.json()


def schedule(admin: str, *people, **more):
    body = {
        "name": "Payments primary", "time_zone": "Europe/Berlin",
        "rotations": [{"name": "primary", "participants": [p.pk for p in people], "starts_at": "2026-01-05T09:00:00", "shift": {"days": 7}}], **more,
    }  # fmt: skip
    return call("POST", "/schedules", body, bearer=admin)


@pytest.mark.clause("S5")
def test_a_rotation_of_months_in_a_zone_of_its_own_is_kept_as_it_was_given(admin):
    ana = person("Ana")
    monthly = {
        "name": "Tokyo",
        "participants": [ana.pk],
        "starts_at": "2026-01-13T09:00:00",
        "shift": {"months": 1},
        "time_zone": "Asia/Tokyo",
    }
    one = made(call("POST", "/schedules", {"name": "S", "time_zone": "Europe/Berlin", "rotations": [monthly]}, bearer=admin))
    assert one["rotations"][0] | monthly == one["rotations"][0]
    refused = call("PATCH", f"/schedules/{one['id']}", {"rotations": [{**monthly, "shift": {"months": 13}}]}, bearer=admin)
    assert refused.status_code == 422 and "1 to 12" in refused.json()["errors"]["rotations.0.shift"]
    elsewhere = call("PATCH", f"/schedules/{one['id']}", {"rotations": [{**monthly, "time_zone": "Mars/Olympus"}]}, bearer=admin)
    assert "IANA" in elsewhere.json()["errors"]["rotations.0.time_zone"]


def test_a_schedule_says_who_is_on_call_and_until_when(admin):
    ana = person("Ana")
    one = made(schedule(admin, ana))
    (item,) = made(call("GET", f"/oncall?schedule={one['id']}", bearer=admin))["items"]
    assert item["user"] == {"id": ana.pk, "name": "Ana"}
    assert item["until"] is None  # she is alone in it


def test_an_override_counts_at_once_and_can_be_taken_back(admin):
    ana, ben = person("Ana"), person("Ben")
    one = made(schedule(admin, ana))
    now = clock.now()
    body = {"user": ben.pk, "starts_at": (now - timedelta(minutes=1)).isoformat(), "ends_at": (now + timedelta(hours=1)).isoformat()}
    override = made(call("POST", f"/schedules/{one['id']}/overrides", body, bearer=admin))
    assert made(call("GET", f"/oncall?schedule={one['id']}", bearer=admin))["items"][0]["user"]["id"] == ben.pk
    assert call("DELETE", f"/schedules/{one['id']}/overrides/{override['id']}", bearer=admin).status_code == 204
    assert made(call("GET", f"/oncall?schedule={one['id']}", bearer=admin))["items"][0]["user"]["id"] == ana.pk


@pytest.mark.parametrize(("change", "field"), [
    ({"time_zone": "Mars/Base"}, "time_zone"), ({"name": " "}, "name"), ({"team": 99999}, "team"),
    ({"rotations": [{"participants": [], "starts_at": "2026-01-05T09:00:00"}]}, "rotations.0.participants"),
    ({"rotations": [{"participants": [99999], "starts_at": "2026-01-05T09:00:00"}]}, "rotations.0.participants"),
])  # fmt: skip
def test_what_cannot_work_is_refused_by_field(admin, change, field):
    answer = call("POST", "/schedules", {"name": "x", "time_zone": "UTC", "rotations": [], **change}, bearer=admin)
    assert answer.status_code == 422 and field in answer.content.decode()


def test_a_policy_shows_who_would_be_paged_now_and_why(admin):
    ana, mute = person("Ana"), person("Mute")
    ContactMethod.objects.create(user=ana, kind="email", address="ana@example.com", verified_at=clock.now())
    one = made(schedule(admin, ana))
    steps = [
        {"wait_seconds": 60, "targets": [{"kind": "user", "id": mute.pk}]},
        {"wait_seconds": 300, "targets": [{"kind": "schedule", "id": one["id"]}]},
    ]
    policy = made(call("POST", "/escalation-policies", {"name": "Payments", "steps": steps, "repeats": 1}, bearer=admin))
    lines = made(call("GET", f"/escalation-policies/{policy['id']}/dry-run", bearer=admin))["items"]
    assert [line["reachable"] for line in lines] == [False, True, False, True, False, False]
    assert [(line["step"], line["round"], line["after_seconds"]) for line in lines[:4]] == [(1, 0, 0), (2, 0, 0), (1, 1, 300), (2, 1, 300)]
    assert lines[1]["people"][0]["why"].endswith("policy Payments, step 2 → schedule Payments primary → you")


def test_a_policy_keeps_needs_and_conditions_and_the_dry_run_follows_them(admin):
    ana, ben = person("Ana"), person("Ben")
    for one in (ana, ben):
        ContactMethod.objects.create(user=one, kind="email", address=one.email, verified_at=clock.now())
    steps = [
        {"wait_seconds": 60, "targets": [{"kind": "user", "id": ana.pk}], "when": {"severities": ["SEV1"]}},
        {"wait_seconds": 60, "targets": [{"kind": "user", "id": ana.pk}, {"kind": "user", "id": ben.pk}], "need": 0},
    ]
    policy = made(call("POST", "/escalation-policies", {"name": "Payments", "steps": steps}, bearer=admin))
    assert [(step["need"], step["when"]) for step in policy["steps"]] == [(1, {"severities": ["SEV1"]}), (0, {})]
    lines = made(call("GET", f"/escalation-policies/{policy['id']}/dry-run?severity=SEV3", bearer=admin))["items"]
    assert lines[0]["passed_over"] == "it is only for SEV1, and this is SEV3" and lines[0]["condition"] == "only for SEV1"
    assert (lines[1]["who"], lines[1]["need"], lines[1]["after_seconds"]) == ("Ana, Ben", 0, 0)


def test_a_webhook_of_a_step_shows_its_secret_to_administrators_alone(admin):
    steps = [{"wait_seconds": 60, "targets": [{"kind": "webhook", "address": "https://example.com/hook"}]}]
    policy = made(call("POST", "/escalation-policies", {"name": "Payments", "steps": steps}, bearer=admin))
    assert policy["steps"][0]["targets"][0]["signing_secret"].startswith("whsec_")
    seen = made(call("GET", f"/escalation-policies/{policy['id']}", bearer=token("read")))
    assert "signing_secret" not in seen["steps"][0]["targets"][0]


@pytest.mark.parametrize(("step", "field"), [
    ({"need": 51}, "steps.0.need"), ({"when": {"severities": ["x" * 21]}}, "severities"), ({"when": {"hours": "night"}}, "hours"),
    ({"targets": [{"kind": "webhook", "address": "ftp://example.com"}]}, "steps.0.targets.0"), ({"targets": [{"kind": "webhook"}]}, "steps.0.targets.0"),
    ({"targets": [{"kind": "chat", "id": 1, "address": "#ops"}]}, "steps.0.targets.0"), ({"targets": [{"kind": "team", "id": 99999}]}, "steps.0.targets.0"),
    ({"targets": [{"kind": "webhook", "address": "https://example.com/"}], "need": 0}, "steps.0.need"), ({"targets": [{"kind": "user"}]}, "steps.0.targets.0"),
])  # fmt: skip
def test_a_step_that_cannot_work_is_refused_by_field(admin, step, field):
    ana = person("Ana")
    body = {"name": "x", "steps": [{"wait_seconds": 60, "targets": [{"kind": "user", "id": ana.pk}], **step}]}
    answer = call("POST", "/escalation-policies", body, bearer=admin)
    assert answer.status_code == 422 and field in answer.content.decode()


def test_the_tracks_of_a_service_are_rehearsed_side_by_side(admin):
    ana, lea = person("Ana"), person("Lea")
    for one in (ana, lea):
        ContactMethod.objects.create(user=one, kind="email", address=one.email, verified_at=clock.now())
    ids = [
        made(
            call("POST", "/escalation-policies", {"name": one.name, "steps": [{"targets": [{"kind": "user", "id": one.pk}]}]}, bearer=admin)
        )["id"]
        for one in (ana, lea)
    ]
    service = made(call("POST", "/services", {"name": "checkout", "escalation_policy": ids[0], "leadership_policy": ids[1]}, bearer=admin))
    tracks = made(call("GET", f"/services/{service['id']}/dry-run?severity=SEV1", bearer=admin))["items"]
    assert [(track["track"], track["policy"], track["steps"][0]["who"]) for track in tracks] == [
        ("on_call", "Ana", "Ana"), ("leadership", "Lea", "Lea"),
    ]  # fmt: skip
    assert "pages nobody" in made(call("GET", f"/services/{service['id']}/dry-run?severity=SEV4", bearer=admin))["items"][0]["note"]
    assert call("GET", f"/services/{service['id']}/dry-run?severity=SEV9", bearer=admin).status_code == 422


def test_a_policy_with_an_unknown_target_is_refused(admin):
    body = {"name": "x", "steps": [{"wait_seconds": 60, "targets": [{"kind": "user", "id": 99999}]}]}
    answer = call("POST", "/escalation-policies", body, bearer=admin)
    assert answer.status_code == 422 and "steps.0.targets.0" in answer.content.decode()


def test_only_an_administrator_vouches_for_an_address(admin):
    ana = person("Ana")
    body = {"kind": "webhook", "address": "http://127.0.0.1:9/ana", "verified": True}
    method = made(call("POST", f"/users/{ana.pk}/contact-methods", body, bearer=admin))
    assert method["verified"] and method["signing_secret"].startswith("whsec_")
    own = token("read", "respond", user=ana)
    assert call("POST", f"/users/{ana.pk}/contact-methods", {**body, "address": "http://127.0.0.1:9/b"}, bearer=own).status_code == 403
    rule = made(call("POST", f"/users/{ana.pk}/notification-rules", {"contact_method": method["id"], "after_seconds": 0}, bearer=own))
    assert rule["contact_method"] == method["id"]


def test_the_contact_methods_of_somebody_else_do_not_exist(admin):
    ana, ben = person("Ana"), person("Ben")
    own = token("read", "respond", user=ben)
    for path in ("contact-methods", "notification-rules", "notifications"):
        assert call("GET", f"/users/{ana.pk}/{path}", bearer=own).status_code == 404


def test_a_test_page_shows_what_became_of_it(admin):
    ana = person("Ana")
    body = {"kind": "webhook", "address": "ftp://nowhere", "verified": True}
    assert call("POST", f"/users/{ana.pk}/contact-methods", body, bearer=admin).status_code == 422
    method = made(call("POST", f"/users/{ana.pk}/contact-methods", {**body, "address": "http://169.254.169.254/"}, bearer=admin))
    sent = made(call("POST", f"/users/{ana.pk}/contact-methods/{method['id']}/test", {}, bearer=admin))
    assert sent["state"] == "pending"
    deliver.take_inline()
    seen = made(call("GET", f"/users/{ana.pk}/notifications/{sent['id']}", bearer=admin))
    assert seen["state"] == "failed" and "not public" in seen["outcome"]
    assert Notification.objects.count() == 1


def test_the_calendar_feed_needs_its_secret_and_the_old_one_ends(admin):
    ana, ben = person("Ana"), person("Ben")
    one = made(schedule(admin, ana, ben))
    first = made(call("POST", f"/schedules/{one['id']}/feed", {}, bearer=admin))["url"].removeprefix("http://localhost:8000")
    answer = Client().get(first)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/calendar")
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert len(events) > 20 and {str(event["summary"]).split(" on call")[0] for event in events} == {"Ana", "Ben"}
    made(call("POST", f"/schedules/{one['id']}/feed", {}, bearer=admin))
    assert Client().get(first).status_code == 404
    assert Client().get("/oncall/guessed.ics").status_code == 404


def test_a_shift_keeps_its_name_in_the_feed_however_long_ago_it_began(admin):
    ana, ben = person("Ana"), person("Ben")
    one = made(schedule(admin, ana, ben, rotations=[{
        "name": "primary", "participants": [ana.pk, ben.pk], "starts_at": (clock.now() - timedelta(days=70)).strftime("%Y-%m-%dT09:00:00"), "shift": {"days": 90}}]))  # fmt: skip
    url = made(call("POST", f"/schedules/{one['id']}/feed", {}, bearer=admin))["url"].removeprefix("http://localhost:8000")

    def first() -> tuple[str, object]:
        event = icalendar.Calendar.from_ical(Client().get(url).content).walk("VEVENT")[0]
        return str(event["UID"]), event["DTSTART"].dt

    before = first()
    clock.shift(timedelta(days=3))
    assert first() == before and before[1] < clock.now() - timedelta(days=60)


def test_a_person_has_a_feed_of_their_own_shifts(admin):
    ana, ben = person("Ana"), person("Ben")
    made(schedule(admin, ana, ben))
    url = made(call("POST", f"/users/{ana.pk}/calendar-feed", {}, bearer=admin))["url"].removeprefix("http://localhost:8000")
    events = icalendar.Calendar.from_ical(Client().get(url).content).walk("VEVENT")
    assert events and all(str(event["summary"]).startswith("Ana") for event in events)


def test_a_policy_has_tracks_tiers_a_history_and_a_test_on_whoever_asks(admin):
    ana, lea = person("Ana"), person("Lea")
    for one in (ana, lea):
        ContactMethod.objects.create(user=one, kind="screen", address="screen", verified_at=clock.now())
    steps = [[{"wait_seconds": 60, "targets": [{"kind": "user", "id": one.pk}]}] for one in (ana, lea)]
    steps[1][0]["when"] = {"tiers": [1]}
    body = {"name": "Payments", "steps": steps[0], "tracks": [{"name": "Leadership", "steps": steps[1]}], "low_severities": ["SEV4"]}
    policy = made(call("POST", "/escalation-policies", body, bearer=admin))
    where = f"/escalation-policies/{policy['id']}"
    assert policy["tracks"] == [{"name": "Leadership", "repeats": 0, "steps": [{**steps[1][0], "need": 1, "when": {"tiers": [1]}}]}]
    lines = made(call("GET", f"{where}/dry-run?tier=1", bearer=admin))["items"]
    assert [(line["track"], line["who"]) for line in lines if line["reachable"]] == [("", "Ana"), ("Leadership", "Lea")]
    passed = made(call("GET", f"{where}/dry-run?tier=2", bearer=admin))["items"][-1]["passed_over"]
    assert passed == "it is only for services of tier 1, and this one is of tier 2"
    for wrong in ({"steps": [{**steps[0][0], "when": {"tiers": [9]}}]}, {"tracks": [{"name": "", "steps": steps[1]}]}, {"tracks": None}):
        assert call("PATCH", where, wrong, bearer=admin).status_code == 422
    recorded = made(call("PATCH", where, {"low_urgency": "record", "tracks": []}, bearer=admin))
    assert recorded["tracks"] == []
    assert made(call("GET", f"{where}/dry-run?severity=SEV4", bearer=admin))["items"][0]["how"].startswith("recorded only")
    kept = made(call("GET", f"{where}/versions", bearer=admin))["items"]
    assert [one["number"] for one in kept] == [2, 1] and kept[1]["content"]["tracks"][0]["name"] == "Leadership" and kept[0]["by"]
    assert made(call("POST", f"{where}/versions/1/restore", bearer=admin))["tracks"][0]["name"] == "Leadership"
    assert call("POST", f"{where}/versions/9/restore", bearer=admin).status_code == 404
    mine = token("read", "respond", user=ana)
    sent = made(call("POST", f"{where}/test", {}, bearer=mine))["items"]
    assert [one["title"] for one in sent] == ["TEST of policy Payments: step 1", "TEST of policy Payments, track Leadership: step 1"]
    assert [one["id"] for one in made(call("GET", f"{where}/test", bearer=mine))["items"]] == [one["id"] for one in sent]
    assert call("POST", f"{where}/test", {}, bearer=admin).status_code == 409, "a program is no person to page"
    service = made(call("POST", "/services", {"name": "checkout", "tier": 1, "escalation_policy": policy["id"]}, bearer=admin))
    assert service["tier"] == 1
    steps = made(call("GET", f"/services/{service['id']}/dry-run", bearer=admin))["items"][0]["steps"]
    assert [step["who"] for step in steps if step["track"]] == ["Lea"]
    assert call("PATCH", f"/services/{service['id']}", {"tier": 5}, bearer=admin).status_code == 422


def test_a_time_of_day_with_a_zone_is_refused_for_it_means_the_clock_of_whoever_it_is_for(admin):
    hours = call("PATCH", "/organisation", {"day_starts": "03:44:53Z"}, bearer=admin)
    assert hours.status_code == 422 and "without a zone" in hours.json()["errors"]["day_starts"]
    person = made(call("POST", "/users", {"name": "Ben", "email": "ben.zone@example.com"}, bearer=admin))["id"]
    quiet = call("PUT", f"/users/{person}/quiet-hours", {"starts": "22:00:00Z", "ends": "07:00:00"}, bearer=admin)
    assert quiet.status_code == 422 and "without a zone" in quiet.json()["errors"]["starts"]
