"""The report of being on call: page, CSV and API say the same; and the page of roles that schedules fill."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from tests.api.test_paging_api import admin, call, made  # noqa: F401 - a fixture
from tests.web.test_schedule_pages import ana, ben, page, rota, text  # noqa: F401 - fixtures
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.oncall import operations as oncall
from tocsin.oncall.models import RoleSchedule
from tocsin.paging.models import Notification

pytestmark = pytest.mark.django_db


@pytest.fixture
def past(ana, ben):  # noqa: F811
    """Ana held the pager for the first of the last two weeks, Ben for the second, and was paged twice at once by one page."""
    begin = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=14)
    plain = {"name": "primary", "participants": [ana.pk, ben.pk], "starts_at": begin.replace(tzinfo=None).isoformat(), "shift": {"days": 7}}
    schedule = oncall.create_schedule(name="Payments primary", time_zone="UTC", rotations=[plain], by=SYSTEM, now=clock.now())
    schedule.created_at = begin
    schedule.save()
    for method in (1, 2):
        Notification.objects.create(
            identity=f"esc:1:e1:s0:r0:u{ben.pk}:m{method}", kind="page", user=ben, method_kind="screen", title="x", text="x", state="delivered",
            created_at=begin, sent_at=begin + timedelta(days=9, hours=3),
        )  # fmt: skip
    return schedule, begin


def test_page_csv_and_api_say_the_same(page, past, admin):  # noqa: F811
    schedule, begin = past
    span = f"since={begin:%Y-%m-%d}&until={begin + timedelta(days=13):%Y-%m-%d}&schedule={schedule.pk}"
    shown = page.get(f"/schedules/report/?{span}")
    assert "Ana Alder" in text(shown) and "100 of 100" in text(shown)
    csv = page.get(f"/schedules/report/?{span}&form=csv").content.decode().splitlines()
    assert csv[0].startswith("person,hours,night_hours") and {line.split(",")[0] for line in csv[1:]} == {"Ana Alder", "Ben Birch"}
    end = begin + timedelta(days=14)
    asked = f"since={begin:%Y-%m-%dT%H:%M:%SZ}&until={end:%Y-%m-%dT%H:%M:%SZ}&schedule={schedule.pk}"
    items = {item["person"]: item for item in made(call("GET", f"/reports/on-call?{asked}", bearer=admin))["items"]}
    assert (items["Ana Alder"]["hours"], items["Ana Alder"]["weekend_hours"], items["Ana Alder"]["pages"]) == (168, 48, 0)
    assert (items["Ben Birch"]["pages"], items["Ben Birch"]["night_pages"], items["Ben Birch"]["interrupted_nights"]) == (1, 1, 1)
    answer = call("GET", f"/reports/on-call.csv?{asked}", bearer=admin)
    assert b"".join(answer.streaming_content).decode().splitlines()[0] == csv[0]


def test_a_span_that_cannot_be_is_refused_with_a_sentence(page, past, admin):  # noqa: F811
    answer = page.get("/schedules/report/?since=2020-01-01&until=2026-01-01")
    assert answer.status_code == 422 and "at most 400 days later" in text(answer)
    assert call("GET", "/reports/on-call?since=2026-01-01T00:00:00", bearer=admin).status_code == 422


def test_nobody_has_held_a_pager_before_its_schedule_was_made(page, past, admin):  # noqa: F811
    schedule, begin = past
    schedule.created_at = begin + timedelta(days=5)
    schedule.save()
    asked = f"since={begin:%Y-%m-%dT%H:%M:%SZ}&until={begin + timedelta(days=14):%Y-%m-%dT%H:%M:%SZ}&schedule={schedule.pk}"
    items = {item["person"]: item["hours"] for item in made(call("GET", f"/reports/on-call?{asked}", bearer=admin))["items"]}
    assert items == {"Ana Alder": 48, "Ben Birch": 168}
    asked = f"since={begin:%Y-%m-%dT%H:%M:%SZ}&until={begin + timedelta(days=4):%Y-%m-%dT%H:%M:%SZ}&schedule={schedule.pk}"
    assert made(call("GET", f"/reports/on-call?{asked}", bearer=admin))["items"] == []


def test_hours_without_anybody_are_counted_since_the_schedule_was_made(page, past):  # noqa: F811
    schedule, begin = past
    span = f"since={begin - timedelta(days=30):%Y-%m-%d}&until={begin + timedelta(days=13):%Y-%m-%d}&schedule={schedule.pk}"
    assert 'Nobody on call</dt><dd class="num">0 h' in text(page.get(f"/schedules/report/?{span}"))
    schedule.created_at = begin - timedelta(days=60)
    schedule.save(update_fields=["created_at"])
    assert 'Nobody on call</dt><dd class="num">720 h' in text(page.get(f"/schedules/report/?{span}"))


def test_nobody_on_call_is_said(page):  # noqa: F811
    assert "Nobody was on call" in text(page.get("/schedules/report/"))


def test_roles_are_given_to_schedules_by_administrators_on_the_page_and_by_the_api(page, ana, ben, admin):  # noqa: F811
    schedule = rota(ana)
    assert "Incident Commander" in text(page.get("/schedules/roles/"))
    assert page.post("/schedules/roles/", {"role-incident_commander": schedule.pk}).status_code == 403
    page.force_login(ana)
    assert page.post("/schedules/roles/", {"role-incident_commander": schedule.pk}).status_code == 303
    assert RoleSchedule.objects.get().role == "incident_commander"
    found = made(call("PUT", "/role-schedules", {"roles": {"incident_commander": None, "communications_lead": schedule.pk}}, bearer=admin))
    assert [item["role"] for item in found["items"]] == ["communications_lead"]
    assert call("PUT", "/role-schedules", {"roles": {"cook": schedule.pk}}, bearer=admin).status_code == 422
    assert call("PUT", "/role-schedules", {"roles": {"technical_lead": 999_999}}, bearer=admin).status_code == 422
    assert page.get("/schedules/roles/?team=999").status_code == 404
