"""The page of who is away: said by oneself, by days; what becomes of the shifts in it is said at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.web.test_schedule_pages import ana, ben, page, rota, text  # noqa: F401 - fixtures
from tocsin import clock
from tocsin.accounts.models import Organisation, User
from tocsin.oncall.models import Schedule, TimeOff

pytestmark = pytest.mark.django_db


def days(first: int, last: int) -> dict[str, str]:
    today = clock.now().date()
    return {"action": "add", "starts_at": f"{today + timedelta(days=first)}", "ends_at": f"{today + timedelta(days=last)}"}


def test_the_last_day_counts_whole_and_a_shift_in_it_stays_unless_the_schedule_hands_over(page, ana, ben):  # noqa: F811
    schedule = rota(ben, ana)
    assert page.post("/schedules/time-off/", {**days(1, 2), "reason": "wedding"}).status_code == 303
    row = TimeOff.objects.get()
    assert row.user == ben and row.ends_at - row.starts_at == timedelta(days=2)
    shown = text(page.get("/schedules/time-off/"))
    assert "wedding" in shown and "still theirs" in shown
    Schedule.objects.filter(pk=schedule.pk).update(hand_over_time_off=True)
    shown = text(page.get("/schedules/time-off/"))
    assert "handed to Ana Alder" in shown and "still theirs" not in shown
    page.post("/schedules/time-off/", {"action": "remove", "row": row.pk})
    assert "Nobody is away" in text(page.get("/schedules/time-off/"))


def test_others_are_said_to_be_away_by_administrators_only(page, ana, ben):  # noqa: F811
    assert page.post("/schedules/time-off/", {**days(1, 2), "user": ana.pk}).status_code == 403
    page.force_login(ana)
    assert page.post("/schedules/time-off/", {**days(1, 2), "user": ben.pk}).status_code == 303
    page.force_login(ben)
    assert page.post("/schedules/time-off/", {"action": "remove", "row": TimeOff.objects.get().pk}).status_code == 303


def test_days_that_cannot_be_are_refused_beside_the_field(page):  # noqa: F811
    for form, said in (
        (days(2, 1), "The end must lie after the start."),
        ({**days(1, 2), "starts_at": "soon"}, "Give a day, or a day with a time."),
    ):
        answer = page.post("/schedules/time-off/", form)
        assert answer.status_code == 422 and said in text(answer)
    assert not TimeOff.objects.exists()


def test_public_holidays_follow_from_where_a_person_lives(page, ana, ben):  # noqa: F811
    rota(ben, ana)
    assert "No public holiday" in text(page.get("/schedules/time-off/"))
    Organisation.objects.filter(pk=1).update(country="GB")
    page.post(f"/people/{ben.pk}/", {"deed": "save", "name": "Ben Birch", "country": "de", "subdivision": "BY"})
    assert User.objects.get(pk=ben.pk).country == "DE"
    clock.shift(_until_october() - clock.now())
    shown = page.get("/schedules/time-off/")
    months = [one["absence"].starts_at.month for one in shown.context["holidays"] if one["person"] == "Ben Birch"]
    assert months[:1] == [10], "the day of unity"
    page.post(f"/people/{ben.pk}/", {"deed": "save", "country": "Germany"})
    assert User.objects.get(pk=ben.pk).country == "DE", "two letters or nothing"


def test_a_country_or_region_that_there_is_not_is_refused_for_its_holidays_would_be_missing(page, ben):  # noqa: F811
    wrong = page.post(f"/people/{ben.pk}/", {"deed": "save", "name": "Ben Birch", "country": "UK"})
    assert wrong.status_code == 422 and "There is no country UK; it is two letters of ISO 3166, as in DE or GB." in text(wrong)
    wrong = page.post(f"/people/{ben.pk}/", {"deed": "save", "name": "Ben Birch", "country": "DE", "subdivision": "BAY"})
    assert wrong.status_code == 422 and "DE has no region BAY; it has BB, BE, BW, BY," in text(wrong)
    assert User.objects.get(pk=ben.pk).country == ""


def _until_october():
    now = clock.now()
    return now.replace(year=now.year + 1, month=9, day=20, hour=12)
