"""The page of a schedule's outside calendars, and the same through the API; and the feeds that others read."""

from __future__ import annotations

import icalendar
import pytest
from django.test import Client

from tests.web.test_schedule_pages import ana, ben, page, rota, text  # noqa: F401 - fixtures
from tocsin import clock
from tocsin.oncall.models import ExternalCalendar

pytestmark = pytest.mark.django_db


def test_a_calendar_is_added_named_and_removed_by_administrators(page, ana, ben):  # noqa: F811
    schedule = rota(ana)
    here = f"/schedules/{schedule.pk}/calendars/"
    assert "No outside calendar" in text(page.get(here))
    assert page.post(here, {"action": "add", "address": "https://calendar.example/x.ics"}).status_code == 403
    page.force_login(ana)
    refused = page.post(here, {"action": "add", "address": "calendar.example"})
    assert refused.status_code == 422 and "starts with https://" in text(refused)
    assert page.post(here, {"action": "add", "address": "webcal://calendar.example/x.ics", "name": "Google"}).status_code == 303
    row = ExternalCalendar.objects.get()
    assert [turn.name for turn in schedule.rotations.all()] == ["primary", "Google"]
    row.events = [[["annie"], clock.now().isoformat(), "2099-01-01T00:00:00+00:00", 0]]
    row.error, row.failing_since = "The calendar's server answered 503: it is in trouble.", clock.now()
    row.save()
    shown = text(page.get(here))
    assert "annie" in shown and "These names in it lead to nobody" in shown and "answered 503" in shown
    assert "could not be read since" in text(page.get(f"/schedules/{schedule.pk}/"))
    assert page.post(here, {"action": "names", "calendar": row.pk, "name-0": "annie", "person-0": ben.pk}).status_code == 303
    row.refresh_from_db()
    assert row.people == {"annie": ben.pk} and "“annie” is Ben Birch" in text(page.get(here))
    assert f'<option value="{row.pk}" selected>' in text(page.get(f"/schedules/{schedule.pk}/rotations/"))
    page.post(here, {"action": "names", "calendar": row.pk, "forget": "annie"})
    page.post(here, {"action": "remove", "calendar": row.pk})
    assert [turn.name for turn in schedule.rotations.all()] == ["primary"] and "No outside calendar" in text(page.get(here))


def test_the_form_keeps_a_rotation_that_follows_a_calendar(page, ana):  # noqa: F811
    schedule = rota(ana)
    page.force_login(ana)
    page.post(f"/schedules/{schedule.pk}/calendars/", {"action": "add", "address": "https://calendar.example/x.ics"})
    row = ExternalCalendar.objects.get()
    form = {
        "name": "Payments primary",
        "time_zone": "UTC",
        "name-0": "Google",
        "length-0": "1",
        "unit-0": "weeks",
        "starts-0": "2026-01-05T09:00",
    }
    assert page.post(f"/schedules/{schedule.pk}/rotations/", {**form, "calendar-0": row.pk, "action": "save"}).status_code == 303
    assert schedule.rotations.get().calendar == row
    other = rota(ana, name="Another")
    refused = page.post(f"/schedules/{other.pk}/rotations/", {**form, "calendar-0": row.pk, "action": "save"})
    assert refused.status_code == 422 and "This schedule has no such calendar." in text(refused)


def test_ones_own_feed_is_made_rotated_and_stopped_on_the_page(page, ana, ben):  # noqa: F811
    rota(ben, ana)
    made = page.post("/schedules/", {"action": "feed"}).context["feed"].removeprefix("http://testserver")
    answer = Client().get(made)
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert answer.status_code == 200 and {str(event["summary"]) for event in events} == {"Ben Birch on call: Payments primary"}
    assert len({event["uid"] for event in events}) == len(events)
    again = Client().get(made)
    assert again.content == answer.content, "the same where nothing changed"
    assert Client().get(made, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    other = page.post("/schedules/", {"action": "feed"}).context["feed"].removeprefix("http://testserver")
    assert Client().get(made).status_code == 404 and Client().get(other).status_code == 200
    assert page.post("/schedules/", {"action": "stop-feed"}).status_code == 303
    assert Client().get(other).status_code == 404
