"""The form of a schedule says everything that a rotation can say, shows what a change would change, and what was said before can be said again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.web.larkfield import person
from tocsin import clock
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.oncall import operations as oncall
from tocsin.oncall import queries, versions
from tocsin.oncall.models import Schedule, ScheduleVersion
from tocsin.web import rotation_form

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return person("Ana Alder", "administrator")


@pytest.fixture
def ben():
    return person("Ben Birch")


@pytest.fixture
def page(client, ana):
    client.force_login(ana)
    return client


def text(answer) -> str:
    return " ".join(answer.content.decode().split())


def everything(ana, ben) -> dict:
    """Two rotations that between them use every word of a rotation."""
    return {
        "name": "Follow the sun", "time_zone": "Europe/Berlin", "description": "Two sites", "time_off": "on", "holidays": "on",
        "name-0": "Tokyo", "length-0": "2", "unit-0": "months", "by-0": "day", "starts-0": "2026-01-31T09:00", "ends-0": "2027-01-31T09:00",
        "zone-0": "Asia/Tokyo", "person-0": [ana.pk, ben.pk], "on-0-0": ["0", "1", "2", "3", "4"], "from-0-0": "09:00", "until-0-0": "18:00",
        "on-0-1": ["5"], "from-0-1": "10:00", "until-0-1": "12:00",
        "name-1": "Berlin", "length-1": "12", "unit-1": "hours", "starts-1": "2026-01-05T09:00", "person-1": [ben.pk, ana.pk, ben.pk],
    }  # fmt: skip


def test_everything_that_a_rotation_can_say_goes_through_the_form_and_back(page, ana, ben):
    sent = everything(ana, ben)
    assert page.post("/schedules/new/", {**sent, "action": "save"}).status_code == 303
    schedule = Schedule.objects.get()
    said = versions.document(schedule)
    tokyo, berlin = said["rotations"]
    assert said["hand_over_time_off"] and said["hand_over_holidays"] and said["description"] == "Two sites"
    assert (tokyo["shift"], tokyo["month_day"], tokyo["time_zone"]) == ({"months": 2}, True, "Asia/Tokyo")
    assert (tokyo["starts_at"], tokyo["ends_at"]) == ("2026-01-31T09:00:00", "2027-01-31T00:00:00+00:00"), (
        "the end is wall-clock time of Tokyo"
    )
    assert tokyo["participants"] == [ana.pk, ben.pk]
    assert tokyo["restrictions"] == [
        {"weekdays": [0, 1, 2, 3, 4], "from": "09:00", "until": "18:00"},
        {"weekdays": [5], "from": "10:00", "until": "12:00"},
    ]
    assert berlin["shift"] == {"hours": 12} and berlin["participants"] == [ben.pk, ana.pk, ben.pk]
    form = page.get(f"/schedules/{schedule.pk}/rotations/").context["form"]
    again = {key: value for key, value in sent.items() if not key.endswith(("-0", "-1")) or key.startswith("person")}
    assert form["rotations"][0]["ends_at"] == "2027-01-31T09:00" and form["rotations"][0]["windows"][1]["days"] == ["5"]
    page.post(f"/schedules/{schedule.pk}/rotations/", {**sent, **again, "action": "save"})
    assert ScheduleVersion.objects.count() == 1, "saving what it says already is no change"


def test_a_new_rotation_begins_with_its_first_person_and_without_a_gap_whatever_the_hour():
    for now in ("2026-11-23T08:30:00-05:00", "2026-11-23T09:00:00-05:00", "2026-11-25T23:30:00-05:00"):
        at = datetime.fromisoformat(now)
        begun = datetime.fromisoformat(rotation_form.first(at, "America/New_York")["starts_at"])
        assert begun.weekday() == 0 and timedelta() <= at.replace(tzinfo=None) - begun < timedelta(days=7)


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(page, ana, ben):
    wrong = everything(ana, ben) | {
        "length-0": "thirteen",
        "zone-1": "Mars/Olympus",
        "on-0-0": [],
        "ends-0": "soon",
        "starts-1": "",
        "action": "save",
    }
    for field, said in (
        ("length-0", "Give one length"),
        ("ends-0", "Give a time with its zone"),
        ("on-0-0", "A restriction is"),
        ("starts-1", "Give the handoff"),
        ("zone-1", "IANA name"),
    ):
        right = everything(ana, ben)
        answer = page.post("/schedules/new/", {**right, field: wrong[field], "action": "save"})
        assert answer.status_code == 422 and said in text(answer) and "Asia/Tokyo" in text(answer), field
    assert not Schedule.objects.exists()


def test_times_and_rotations_are_added_removed_and_moved_by_plain_buttons(page, ana, ben):
    sent = everything(ana, ben)
    more = page.post("/schedules/new/", {**sent, "action": "window-add:1"}).context["form"]["rotations"]
    assert more[1]["windows"] == [{"days": ["0", "1", "2", "3", "4"], "from": "09:00", "until": "17:00"}]
    assert len(page.post("/schedules/new/", {**sent, "action": "window-drop:0:1"}).context["form"]["rotations"][0]["windows"]) == 1
    moved = page.post("/schedules/new/", {**sent, "action": "up:1"}).context["form"]["rotations"]
    assert [turn["name"] for turn in moved] == ["Berlin", "Tokyo"]
    assert page.post("/schedules/new/", {**sent, "action": "drop:7"}).status_code == 200


def rota(*people) -> Schedule:
    today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    plain = {"name": "primary", "participants": [one.pk for one in people], "starts_at": today.isoformat(), "shift": {"days": 7}}
    return oncall.create_schedule(name="Payments", time_zone="UTC", rotations=[plain], by=SYSTEM, now=clock.now())


def change(schedule, *people, **more) -> dict:
    start = schedule.rotations.get().starts_local[:16]
    return {
        "name": "Payments",
        "time_zone": "UTC",
        "name-0": "primary",
        "length-0": "1",
        "unit-0": "weeks",
        "starts-0": start,
        "person-0": [one.pk for one in people],
        **more,
    }


def test_a_preview_shows_who_changes_when_before_anything_is_saved(page, ana, ben):
    schedule = rota(ana, ben)
    hours = {"on-0-0": [str(day) for day in range(7)], "from-0-0": "00:00", "until-0-0": "12:00"}
    shown = page.post(f"/schedules/{schedule.pk}/rotations/", {**change(schedule, ben, ana), **hours, "action": "preview"})
    lines = shown.context["previewed"]["lines"]
    assert ("Ana Alder", "Ben Birch") in {(line["before"], line["after"]) for line in lines}
    assert "Nobody would be on call for 12 h" in text(shown)
    assert queries.who(schedule, clock.now()).user == ana.pk and ScheduleVersion.objects.count() == 1
    same = page.post(f"/schedules/{schedule.pk}/rotations/", {**change(schedule, ana, ben), "action": "preview"})
    assert "Nothing changes: the same people at the same times." in text(same)
    made = page.post("/schedules/new/", {**change(schedule, ben), "action": "preview"})
    assert "Who would be on call in the next four weeks" in text(made) and Schedule.objects.count() == 1


def test_the_history_says_what_each_change_changed_and_takes_it_back(page, ana, ben, client):
    schedule = rota(ana, ben)
    page.post(f"/schedules/{schedule.pk}/rotations/", {**change(schedule, ben, time_zone="Europe/Berlin"), "action": "save"})
    assert queries.who(schedule, clock.now()).user == ben.pk
    shown = text(page.get(f"/schedules/{schedule.pk}/history/"))
    assert "primary: Ana Alder, Ben Birch became Ben Birch" in shown and "time zone UTC became Europe/Berlin" in shown
    looked = page.get(f"/schedules/{schedule.pk}/history/?version=1")
    assert "Restore version 1" in text(looked) and looked.context["previewed"]["lines"][0]["after"] == "Ana Alder"
    client.force_login(ben)
    assert client.post(f"/schedules/{schedule.pk}/history/", {"version": 1}).status_code == 403
    client.force_login(ana)
    assert client.post(f"/schedules/{schedule.pk}/history/", {"version": 1}).status_code == 303
    schedule.refresh_from_db()
    assert queries.who(schedule, clock.now()).user == ana.pk
    assert page.get(f"/schedules/{schedule.pk}/history/?version=99").status_code == 404


def test_a_version_with_somebody_who_left_says_why_it_cannot_come_back(page, ana, ben):
    schedule = rota(ana, ben)
    page.post(f"/schedules/{schedule.pk}/rotations/", {**change(schedule, ana), "action": "save"})
    ben.is_active = False
    ben.save()
    assert "It cannot be restored: Ben Birch is no longer active." in text(page.get(f"/schedules/{schedule.pk}/history/?version=1"))


def test_a_second_tab_does_not_write_over_what_somebody_saved_meanwhile(page, ana, ben):
    schedule = rota(ana)
    here = f"/schedules/{schedule.pk}/rotations/"
    opened = page.get(here).context["seen"]
    oncall.change_schedule(
        schedule,
        rotations=[{**versions.document(schedule)["rotations"][0], "participants": [ben.pk]}],
        by=Actor.of(ben, "web"),
        now=clock.now(),
    )
    late = page.post(here, {**change(schedule, ana, description="Mine"), "version": opened, "action": "save"})
    assert late.status_code == 409 and "Ben Birch saved version 2 while you had this open (primary: Ana Alder became Ben Birch)" in text(
        late
    )
    assert 'value="Mine"' in text(late) and queries.who(schedule, clock.now()).user == ben.pk
    assert "2 while" not in text(page.post(here, {**change(schedule, ana), "version": opened, "action": "person-add:0", "add-0": ben.pk}))
    again = page.post(here, {**change(schedule, ana, description="Mine"), "version": late.context["seen"], "action": "save"})
    assert again.status_code == 303 and queries.who(schedule, clock.now()).user == ana.pk, "who has read it may still mean theirs"


def test_a_second_tab_does_not_write_over_a_schedule_of_which_no_version_was_kept(page, ana, ben):
    schedule = rota(ana)
    schedule.versions.all().delete()  # made before versions were kept
    here = f"/schedules/{schedule.pk}/rotations/"
    opened = re.search(r'name="version" value="(\d*)"', text(page.get(here))).group(1)
    assert page.post(here, {**change(schedule, ana, description="Theirs"), "version": opened, "action": "save"}).status_code == 303
    late = page.post(here, {**change(schedule, ana, description="Mine"), "version": opened, "action": "save"})
    assert late.status_code == 409 and "saved version 1 while you had this open" in text(late)
    schedule.refresh_from_db()
    assert schedule.description == "Theirs"


def test_what_somebody_changed_and_took_back_meanwhile_stops_nobody(page, ana, ben):
    schedule = rota(ana)
    here = f"/schedules/{schedule.pk}/rotations/"
    opened = page.get(here).context["seen"]
    for said in ("Other", ""):
        oncall.change_schedule(schedule, description=said, by=Actor.of(ben, "web"), now=clock.now())
    assert page.post(here, {**change(schedule, ana, description="Mine"), "version": opened, "action": "save"}).status_code == 303
    schedule.refresh_from_db()
    assert schedule.description == "Mine" and schedule.versions.count() == 4


def test_whoever_is_chosen_is_meant_although_nobody_pressed_add(page, ana, ben):
    assert page.post("/schedules/new/", {**everything(ana, ben), "add-0": ben.pk, "action": "save"}).status_code == 303
    assert versions.document(Schedule.objects.get())["rotations"][0]["participants"] == [ana.pk, ben.pk, ben.pk]
