"""The page of a schedule and of its shifts: what is wrong ahead, taking, giving, swapping, covering; all by plain forms."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, timedelta

import pytest

from tests.web.larkfield import person
from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.oncall import operations as oncall
from tocsin.oncall import operations_people, queries
from tocsin.oncall.models import Override, Schedule, ShiftRequest
from tocsin.paging.models import ContactMethod, EscalationPolicy
from tocsin.web.schedule_grid import monday_of, period

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return person("Ana Alder", "administrator")


@pytest.fixture
def ben():
    return person("Ben Birch")


@pytest.fixture
def page(client, ben):
    """Ben reads: a responder, no administrator."""
    client.force_login(ben)
    return client


def rota(*people, name="Payments primary", **rotation) -> Schedule:
    """Ana's week began at midnight; the next one follows after seven days."""
    today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    plain = {"name": "primary", "participants": [one.pk for one in people], "starts_at": today.isoformat(), "shift": {"days": 7}}
    return oncall.create_schedule(name=name, time_zone="UTC", rotations=[plain | rotation], by=SYSTEM, now=clock.now())


def text(answer) -> str:
    return " ".join(answer.content.decode().split())


def at(moment) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}"


def test_a_schedule_is_drawn_as_week_fortnight_and_month(page, ana, ben):
    schedule = rota(ana, ben)
    week, fortnight, month = (text(page.get(f"/schedules/{schedule.pk}/?view={view}")) for view in ("week", "fortnight", "month"))
    assert "--days: 7" in week and "Final schedule" in week and "Ana Alder" in week
    assert "--days: 14" in fortnight and "Ben Birch" in fortnight
    assert "Final schedule, day by day" in month and "gantt-row" not in month and f"{clock.now():%B %Y}" in month


def test_a_schedule_that_is_new_shows_no_gap_before_it_was_made(page, ana, ben):
    schedule = rota(ana, ben)
    assert "shift-gap" not in text(page.get(f"/schedules/{schedule.pk}/?view=fortnight"))
    assert "slot-gap" not in text(page.get(f"/schedules/{schedule.pk}/?view=month"))
    later = rota(ana, name="Later", starts_at=(clock.now() + timedelta(days=3)).replace(tzinfo=None).isoformat()[:19])
    assert "shift-gap" in text(page.get(f"/schedules/{later.pk}/?view=fortnight")), "nobody is on call until then"


def test_a_gap_is_not_hidden_by_many_who_are_new_and_what_is_left_out_is_counted(page):
    crew = [person(f"New{number} Nilsson") for number in range(11)]
    ContactMethod.objects.filter(user=crew[0]).update(verified_at=None)
    schedule = rota(*crew, shift={"days": 1}, restrictions=[{"weekdays": list(range(7)), "from": "00:00", "until": "23:00"}])
    shown = page.get(f"/schedules/{schedule.pk}/")
    kinds = [str(one["kind"]) for one in shown.context["troubles"]]
    assert len(kinds) == 8 and sorted(kinds[:2]) == ["gap", "unreachable"] and set(kinds[2:]) == {"not_ready"}
    assert "And 4 more, told when these are mended." in text(shown), "who is not reachable is told so once"


def test_whoever_never_hands_over_reads_no_end_of_their_shift(page, ben):
    schedule = rota(ben)
    mine = text(page.get("/schedules/")).split("Your shifts")[1].split("</section>")[0]
    assert "Now, with no handoff within five weeks" in mine
    assert "with no handoff within five weeks" in text(page.get(f"/schedules/{schedule.pk}/shift/"))


def test_the_grid_takes_any_first_day_and_nonsense_as_today(page, ana):
    schedule = rota(ana)
    assert "29 Feb" not in text(page.get(f"/schedules/{schedule.pk}/?from=2028-02-28"))  # the week is named by its first and last day
    assert "28 Feb to 5 Mar 2028" in text(page.get(f"/schedules/{schedule.pk}/?from=2028-03-01"))
    assert page.get(f"/schedules/{schedule.pk}/?from=nonsense&view=day&zone=mars").status_code == 200


@pytest.mark.parametrize("view", ["week", "fortnight"])
def test_it_begins_with_today_and_every_day_before_and_after_is_one_step_away(page, ana, view):
    schedule, today = rota(ana), clock.now().astimezone(UTC).date()
    said = text(page.get(f"/schedules/{schedule.pk}/?view={view}"))
    assert f'<div class="gantt-days"><span class="today">{today:%a} {today.day}</span>' in said
    days, monday = {"week": 7, "fortnight": 14}[view], monday_of(today)
    shown = period(view, today, today)
    assert shown.first == today and shown.previous == (monday if today > monday else monday - timedelta(days=days))
    assert today < shown.following <= today + timedelta(days=days)
    assert period(view, today + timedelta(days=7), today).first == monday + timedelta(days=7)


@pytest.mark.parametrize("view", ["week", "fortnight"])
def test_in_another_zone_it_begins_with_the_day_that_it_is_there(page, ana, ben, view):
    ben.time_zone = "Europe/Berlin"
    ben.save()
    schedule, now = rota(ana), clock.now()
    thursday = now.astimezone(UTC).replace(hour=23, minute=30) + timedelta(days=(3 - now.astimezone(UTC).weekday()) % 7)
    clock.shift(thursday - now)  # it is Friday in Berlin

    def mine(asked: str) -> str:
        """Where a page of the schedule leads when the reader asks for their own zone."""
        shown = page.get(f"/schedules/{schedule.pk}/{asked}").content.decode()
        [link] = re.findall(rf'href="([^"]*view={view}&amp;[^"]*zone=mine)"[^>]*>Mine<', shown)
        return html.unescape(link)

    there = page.get(f"/schedules/{schedule.pk}/{mine(f'?view={view}&zone=utc')}").context
    assert there["shown"].first == there["today"] == thursday.date() + timedelta(days=1)
    monday = monday_of(thursday.date()) + timedelta(days=28)
    assert mine(f"?view={view}&from={monday}&zone=utc") == f"?view={view}&from={monday}&zone=mine", "other days stay in another zone"


@pytest.mark.parametrize("weekday", range(7))
def test_from_any_day_of_the_week_back_and_forth_leave_no_day_out(weekday):
    today = date(2026, 11, 23) + timedelta(days=weekday)
    shown = period("week", today, today)
    before, after = period("week", shown.previous, today), period("week", shown.following, today)
    assert before.first + timedelta(days=7) >= shown.first and after.first <= shown.first + timedelta(days=7)
    assert before.first < shown.first < after.first


def test_somebody_without_a_verified_way_is_shown_before_it_hurts_and_replaced_in_one_click(page, ana, ben):
    ContactMethod.objects.filter(user=ana).update(verified_at=None)
    schedule = rota(ana, ben)
    shown = page.get(f"/schedules/{schedule.pk}/")
    assert "No page reaches Ana Alder, who has no verified contact method:" in text(shown)
    trouble = shown.context["troubles"][0]
    form = {
        "action": "override-exact",
        "user": ben.pk,
        "starts_at": trouble["starts_at"],
        "ends_at": trouble["ends_at"],
        "reason": trouble["said"],
    }
    assert page.post(f"/schedules/{schedule.pk}/", form).status_code == 303
    left = [one["starts_at"] for one in page.get(f"/schedules/{schedule.pk}/").context["troubles"] if one["kind"] == "unreachable"]
    assert all(begin >= trouble["ends_at"] for begin in left)


def test_who_holds_two_pagers_of_one_policy_at_once_is_shown_on_both(page, ana, ben):
    first, second = rota(ana), rota(ana, ben, name="Payments secondary")
    shown = "Ana Alder is on call for Payments secondary as well"
    assert shown not in text(page.get(f"/schedules/{first.pk}/")), "two schedules that nothing joins may be held by one person"
    steps = [{"wait_seconds": 300, "targets": [{"kind": "schedule", "id": one.pk}]} for one in (first, second)]
    EscalationPolicy.objects.create(name="Payments", steps=steps)
    assert shown in text(page.get(f"/schedules/{first.pk}/"))
    assert "Ana Alder is on call for Payments primary as well" in text(page.get(f"/schedules/{second.pk}/"))


def test_who_is_away_is_shown_and_drawn(page, ana, ben):
    schedule = rota(ana, ben)
    now = clock.now()
    operations_people.add_time_off(ana, starts_at=now, ends_at=now + timedelta(hours=30), reason="wedding", by=SYSTEM, now=now)
    shown = text(page.get(f"/schedules/{schedule.pk}/"))
    assert "Ana Alder is away (wedding):" in shown and "Ana away" in shown


def test_a_gap_is_offered_to_the_team_and_filled_by_the_first_yes(page, ana, ben, client):
    schedule = rota(ana, ben, restrictions=[{"weekdays": list(range(7)), "from": "00:00", "until": "12:00"}])
    gap = next(one for one in page.get(f"/schedules/{schedule.pk}/").context["troubles"] if one["kind"] == "gap")
    asked = {"action": "cover", "user": "", "starts_at": gap["starts_at"], "ends_at": gap["ends_at"], "reason": "Fills a gap"}
    assert page.post(f"/schedules/{schedule.pk}/", asked).status_code == 303
    request = ShiftRequest.objects.get()
    assert request.asked_by == ben and "Ben Birch asks the team" in text(page.get("/schedules/"))
    client.force_login(ana)
    assert "Take it" in text(client.get(f"/schedules/{schedule.pk}/"))
    assert client.post(f"/schedules/{schedule.pk}/requests/{request.pk}/", {"action": "accept"}).status_code == 303
    assert Override.objects.get().user == ana
    assert client.post(f"/schedules/{schedule.pk}/requests/{request.pk}/", {"action": "accept"}, follow=True).status_code == 200
    assert Override.objects.count() == 1, "the second yes is refused with a sentence"


def test_take_this_shift_now_is_one_click_and_counts_at_once(page, ana, ben):
    schedule = rota(ana, ben)
    assert "Take this shift now" in text(page.get(f"/schedules/{schedule.pk}/"))
    assert page.post(f"/schedules/{schedule.pk}/", {"action": "take-now"}).status_code == 303
    assert queries.who(schedule, clock.now()).user == ben.pk
    assert "Take this shift now" not in text(page.get(f"/schedules/{schedule.pk}/"))


def test_a_swap_is_asked_from_the_page_of_the_shift_and_declined(page, ana, ben, client):
    schedule = rota(ana, ben)
    client.force_login(ana)
    now = clock.now()
    shown = client.get(f"/schedules/{schedule.pk}/shift/")
    assert shown.context["mine"] and "Ask for this swap" in text(shown)
    back = shown.context["offers"][0][0]
    assert back.startswith(f"{ben.pk}|")
    form = {
        "action": "swap",
        "starts_at": at(now + timedelta(hours=3)),
        "ends_at": at(now + timedelta(hours=5)),
        "reason": "dentist",
        "asker": ana.pk,
    }
    refused = client.post(f"/schedules/{schedule.pk}/shift/", {**form, "back": "nonsense"})
    assert refused.status_code == 422 and "Choose the shift that you take in return." in text(refused) and "dentist" in text(refused)
    assert client.post(f"/schedules/{schedule.pk}/shift/", {**form, "back": back}).status_code == 303
    asked = ShiftRequest.objects.get()
    assert (asked.asked_by, asked.asked_of, asked.reason) == (ana, ben, "dentist")
    client.force_login(ben)
    assert client.post(f"/schedules/{schedule.pk}/requests/{asked.pk}/", {"action": "decline"}).status_code == 303
    asked.refresh_from_db()
    assert asked.state == "declined" and not Override.objects.exists()


def test_the_page_of_a_shift_says_what_is_over_and_what_is_nobodys(page, ana):
    schedule = rota(ana)
    past = clock.now() - timedelta(days=3)
    assert "Nobody is on call" in text(page.get(f"/schedules/{schedule.pk}/shift/", {"at": past.isoformat()}))
    assert "This shift is over" in text(page.get(f"/schedules/{schedule.pk}/shift/", {"at": past.isoformat()}))
    assert page.get(f"/schedules/{schedule.pk}/shift/?at=nonsense").status_code == 200


def test_an_observer_reads_a_shift_and_changes_nothing(client, ana):
    schedule = rota(ana)
    client.force_login(person("Cy Cole", "observer"))
    assert "Responders change who is on call" in text(client.get(f"/schedules/{schedule.pk}/shift/"))
    assert client.post(f"/schedules/{schedule.pk}/shift/", {"action": "take-now"}).status_code == 403
    assert not Override.objects.exists()
