"""The pages of what is quiet: silences and maintenance windows are made, changed and ended in forms, and say first what they will do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.rooms.test_quiet import fire, window
from tests.scenarios.world import world  # noqa: F401 - a fixture
from tocsin.accounts.models import Role
from tocsin.alerts.models import MaintenanceWindow, Service, Silence
from tocsin.lib.refusal import Refused
from tocsin.paging.models import Escalation
from tocsin.response import silence

pytestmark = pytest.mark.django_db
SILENCE = {"for": "1h", "matchers": 'alertname="DiskFull"', "service": "", "reason": "Known", "ends": "", "starts": ""}


@pytest.fixture
def pages(world, client):  # noqa: F811
    client.force_login(world.ana)
    return client


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_silence_is_made_after_saying_what_it_matches(world, pages):  # noqa: F811
    fire(world)
    fire(world, "CpuHot")
    world.phone.unread.clear()
    said = text(pages.post("/alerts/silences/new/?fragment=preview", SILENCE))
    assert "Matches 1 open alert<" in said and "administrators and the teams concerned are told" in said and not Silence.objects.exists()
    answer = pages.post("/alerts/silences/new/", SILENCE)
    made = Silence.objects.get()
    assert answer.status_code == 303 and answer["Location"] == f"/alerts/silences/{made.pk}/"
    assert "Known" in text(pages.get("/alerts/silences/")) and "Known" not in text(pages.get("/alerts/silences/?state=expired"))


def test_before_it_is_made_it_says_which_pages_stop_and_stops_them_unless_that_is_unchosen(world, pages):  # noqa: F811
    world.policy([world.ana])
    alert = fire(world)
    world.settle()
    world.phone.expect(world.ana)
    form = text(pages.get(f"/alerts/silences/new/?alert={alert.pk}"))
    assert 'name="stop_paging" value="on" checked' in form and "Paging runs for 1 of them now." in form and "Paging</span>" in form
    chosen = text(pages.post("/alerts/silences/new/?fragment=preview", {**SILENCE, "stop_paging": "on"}))
    assert "For 1 it stops; what nobody has and still fires when the silence ends is paged again." in chosen
    assert "It goes on until somebody acknowledges it." in text(pages.post("/alerts/silences/new/?fragment=preview", SILENCE))
    pages.post("/alerts/silences/new/", SILENCE)
    assert Escalation.objects.get().status == "running"
    row = Silence.objects.get()
    assert 'value="on" checked' not in text(pages.get(f"/alerts/silences/{row.pk}/"))
    answer = pages.post(f"/alerts/silences/{row.pk}/", {**SILENCE, "stop_paging": "on"}, follow=True)
    assert "Paging for 1 of them stopped." in text(answer) and "stopped paging for 1 alert<" in text(answer)
    assert Escalation.objects.get().status == "stopped"
    world.settle()
    world.phone.unread.clear()


WRONG = [
    ({"reason": ""}, "Say why"), ({"for": "at"}, "a silence always ends"), ({"matchers": "env"}, "one matcher a line"), ({"matchers": ""}, "silence everything"),
    ({"for": "7d"}, "at most 24 hours"), ({"matchers": 'a=~"("'}, "a: "), ({"for": "at", "ends": "2020-01-01T00:00"}, "in the future"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_what_cannot_be_is_said_and_what_was_typed_stays(world, pages, wrong, said):  # noqa: F811
    answer = pages.post("/alerts/silences/new/", {**SILENCE, "reason": "Typed by me", **wrong})
    assert answer.status_code == 422 and said in text(answer) and not Silence.objects.exists()
    assert "reason" in wrong or "Typed by me" in text(answer)


def test_a_pattern_that_is_none_is_named_once(world, pages):  # noqa: F811
    wrong = {**SILENCE, "matchers": 'alertname=~"Disk("'}
    said = text(pages.post("/alerts/silences/new/", wrong))
    assert said.count("alertname: this is no regular expression: missing ).") == 1
    assert "alertname: this is no regular expression: missing )." in text(pages.post("/alerts/silences/new/?fragment=preview", wrong))
    with pytest.raises(Refused) as refused:
        silence.silence(
            matchers=[{"name": "alertname", "value": "Disk(", "is_regex": True}], ends_at=world.now + timedelta(hours=1), reason="Known", by=world.by,
            now=world.now,
        )  # fmt: skip
    assert refused.value.detail == "matchers: alertname: this is no regular expression: missing )."


def test_a_silence_from_an_alert_has_its_matchers_and_service(world, pages):  # noqa: F811
    alert = fire(world)
    world.phone.unread.clear()
    said = text(pages.get(f"/alerts/silences/new/?alert={alert.pk}"))
    assert "alertname=&quot;DiskFull&quot;" in said and f'value="{world.service.pk}" selected' in said and "severity=&quot;" not in said


def test_a_silence_is_extended_and_ended_by_buttons(world, pages):  # noqa: F811
    pages.post("/alerts/silences/new/", {**SILENCE, "service": world.service.pk})
    made = Silence.objects.get()
    for deed, hours in (("hour", 1), ("four-hours", 4)):
        before = made.ends_at
        pages.post(f"/alerts/silences/{made.pk}/do/{deed}/")
        made.refresh_from_db()
        assert made.ends_at == before + timedelta(hours=hours)
    pages.post(f"/alerts/silences/{made.pk}/do/tomorrow/")
    pages.post(f"/alerts/silences/{made.pk}/do/end/")
    made.refresh_from_db()
    assert (
        made.ended_at
        and "Known" in text(pages.get("/alerts/silences/?state=expired"))
        and "Change it" not in text(pages.get(f"/alerts/silences/{made.pk}/"))
    )
    assert pages.post(f"/alerts/silences/{made.pk}/do/explode/").status_code == 404


PLAN = {
    "title": "New disks", "reason": "Full", "starts": "2027-03-27T02:30", "minutes": "60", "time_zone": "Europe/Berlin", "repeat": "FREQ=DAILY",
    "count": "3", "rule": "", "team": "", "matchers": "",
}  # fmt: skip


def test_maintenance_is_planned_after_showing_its_next_times_by_the_clock_of_its_zone(world, pages):  # noqa: F811
    said = text(pages.post("/maintenance/new/?fragment=preview", {**PLAN, "services": [world.service.pk]}))
    times = re.findall(r">(\w+ \d+ Mar \d\d:\d\d)</time> to <time[^>]*>([^<]+)<", said)
    assert times == [("Sat 27 Mar 02:30", "03:30 CET"), ("Sun 28 Mar 03:30", "04:30 CEST"), ("Mon 29 Mar 02:30", "03:30 CEST")]
    assert "checkout" in said and not MaintenanceWindow.objects.exists()
    assert pages.post("/maintenance/new/", {**PLAN, "services": [world.service.pk]}).status_code == 303
    made = MaintenanceWindow.objects.get()
    assert made.rule == "FREQ=DAILY;COUNT=3" and "Recurring" in text(pages.get("/maintenance/"))
    kept = text(pages.get(f"/maintenance/{made.pk}/"))
    assert 'value="FREQ=DAILY" selected' in kept and 'value="3"' in kept


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"starts": "soon"}, "date and time"), ({"minutes": "x"}, "1 minute to 7 days"), ({"repeat": "own"}, "It is a rule such as"),
     ({"count": ""}, "It is a rule such as"), ({"time_zone": "Mars"}, "name of a zone"), ({"repeat": "hourly"}, "how often"), ({}, "Name services, a team")],
)  # fmt: skip
def test_maintenance_that_cannot_be_says_why(world, pages, wrong, said):  # noqa: F811
    answer = pages.post("/maintenance/new/", {**PLAN, **wrong})
    assert answer.status_code == 422 and said in text(answer) and "New disks" in text(answer)


def test_what_maintenance_holds_back_stands_on_its_page_its_service_and_the_list(world, pages):  # noqa: F811
    planned = window(world)
    alert = fire(world)
    link = f"/maintenance/{planned.pk}/"
    assert alert.title in text(pages.get(link)) and "Running" in text(pages.get("/maintenance/"))
    for address in ("/alerts/", f"/alerts/{alert.pk}/", "/services/"):
        assert f'href="{link}"' in text(pages.get(address)), address
    world.ana.role = Role.ADMINISTRATOR
    world.ana.save()
    assert f'href="{link}"' in text(pages.get(f"/services/{world.service.pk}/"))
    pages.post(f"{link}end/")
    planned.refresh_from_db()
    assert planned.ended_at and "New disks" in text(pages.get("/maintenance/?state=past"))


def test_a_running_window_is_moved_to_another_service(world, pages):  # noqa: F811
    planned = window(world)
    other = Service.objects.create(name="refunds")
    form = {
        "title": planned.title,
        "reason": "r",
        "starts": planned.starts,
        "minutes": "90",
        "time_zone": "UTC",
        "repeat": "",
        "services": [other.pk],
    }
    assert pages.post(f"/maintenance/{planned.pk}/", form).status_code == 303
    planned.refresh_from_db()
    assert planned.services == [other.pk] and planned.minutes == 90


def test_observers_read_and_do_not_change(world, pages):  # noqa: F811
    planned = window(world)
    world.ana.role = Role.OBSERVER
    world.ana.save()
    assert "Change it" not in text(pages.get(f"/maintenance/{planned.pk}/")) and pages.get("/alerts/silences/").status_code == 200
    assert pages.post(f"/maintenance/{planned.pk}/", PLAN).status_code == 403 and pages.get("/alerts/silences/new/").status_code == 403
