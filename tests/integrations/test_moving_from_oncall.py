"""An organisation moves here from Grafana OnCall: what it holds becomes a file, the file becomes people, schedules, policies and services."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml

from tests.stand_ins.oncall import KEY, OnCall
from tocsin import clock
from tocsin.accounts.models import User
from tocsin.alerts.models import Integration, Service
from tocsin.cli import configuration
from tocsin.integrations.moving import calendar, oncall, oncall_rules
from tocsin.integrations.moving.reader import MovingError
from tocsin.integrations.registry import SOURCES
from tocsin.oncall import queries
from tocsin.oncall.models import Override, Schedule
from tocsin.paging.models import EscalationPolicy, Notification

pytestmark = pytest.mark.django_db


@pytest.fixture
def there():
    stand_in = OnCall()
    yield stand_in
    stand_in.close()


@pytest.fixture
def moved(there):
    document, notes = oncall.convert(f"{there.url}/oncall/", KEY)
    return yaml.safe_load(yaml.safe_dump(document)), notes


def test_every_page_is_read_though_its_links_name_another_host_and_nothing_is_changed_there(there):
    raw = oncall.read(f"{there.url}/oncall/api/v1", KEY)
    assert [len(raw[name]) for name in ("users", "on_call_shifts", "escalation_policies", "personal_notification_rules")] == [4, 9, 11, 7]
    assert {asked.method for asked in there.asked} == {"GET"}


def test_people_come_with_their_role_team_zone_and_the_mails_of_their_own_order(moved):
    ana, ben, cy = moved[0]["users"]
    assert (ana["role"], ben["role"], cy["role"], ana["teams"], "time_zone" in cy) == (
        "administrator", "responder", "observer", ["Payments"], False,
    )  # fmt: skip
    (way,) = ana["contact_methods"]
    assert way["rules"] == [{"urgency": "high", "after_seconds": 0}, {"urgency": "low", "after_seconds": 300}]
    assert [(one["urgency"], one["after_seconds"]) for one in ben["contact_methods"][0]["rules"]] == [
        ("high", 0), ("high", 900), ("low", 0), ("low", 900),
    ]  # fmt: skip


def test_shifts_become_rotations_the_higher_level_first(moved):
    schedule = moved[0]["schedules"][0]
    nights, always = schedule["rotations"]
    assert (nights["name"], nights["starts_at"], nights["shift"], nights["participants"]) == (
        "Nights", "2026-01-05T20:00:00", {"days": 7}, ["ana@example.com", "ben@example.com"],
    )  # fmt: skip
    assert nights["restrictions"] == [
        {"weekdays": [0, 1, 2, 3, 4], "from": "20:00", "until": "00:00"}, {"weekdays": [1, 2, 3, 4, 5], "from": "00:00", "until": "08:00"},
    ]  # fmt: skip
    assert (always["shift"], always["restrictions"], always["participants"]) == ({"days": 1}, [], ["ana@example.com", "ben@example.com"])
    assert [(one["person"], one["starts_at"]) for one in schedule["overrides"]] == [("ana@example.com", "2099-03-01T08:00:00+00:00")]


def test_a_chain_becomes_steps_with_the_waits_between_its_lines(moved):
    (policy,) = moved[0]["escalation_policies"]
    assert [(step["wait_seconds"], [(one["kind"], one["name"]) for one in step["targets"]]) for step in policy["steps"]] == [
        (300, [("schedule", "Payments")]), (960, [("user", "ben@example.com"), ("team", "Payments")]),
        (300, [("user", "ana@example.com"), ("user", "ben@example.com")]),
    ]  # fmt: skip
    assert policy["repeats"] == 5


def test_integrations_get_a_service_each_with_the_chain_of_their_last_route(moved):
    assert [(one["name"], one["escalation_policy"]) for one in moved[0]["services"]] == [
        ("Alertmanager :fire:", "Payments"),
        ("Hooks", None),
    ]
    assert [(one["kind"], one["service"]) for one in moved[0]["integrations"]] == [
        ("alertmanager", "Alertmanager :fire:"), ("grafana_oncall", "Hooks"),
    ]  # fmt: skip
    assert set(oncall_rules.KINDS.values()) <= set(SOURCES)


@pytest.mark.parametrize("words", [
    "User robot has no e-mail address", "Always: several people at a time", "Every other Monday is left out: every 2 weeks", "Firsts is left out: days of a month",
    "Schedule Payments has shifts at the same time", "Elsewhere reads the calendar https://calendar.example/a.ics", "Schedule Elsewhere has no shifts",
    "people who take turns alert by alert", "its line trigger_webhook cannot be said", "Nobody begins with a wait", "Escalation chain Nobody is left out",
    "Integration Odd is left out: messages of fabric", "Integration Hooks: the chain of its last route", "its route “us-(east|west)” to Payments", "no telephone numbers",
    "Each integration gets a new key",
])  # fmt: skip
def test_what_cannot_be_carried_over_is_said(moved, words):
    assert any(words in note for note in moved[1]), moved[1]
    assert "secret" not in str(moved) and not any("Past" in note or "Over" in note for note in moved[1])


def holder(schedule: str, *at: int) -> str:
    """Who is on call then (UTC); nobody is ""."""
    found = queries.who(Schedule.objects.get(name=schedule), datetime(*at, tzinfo=UTC))
    return User.objects.get(pk=found.user).name if found else ""


def test_the_file_becomes_the_organisation_and_once_more_changes_nothing(moved):
    now = clock.now()
    configuration.Applying(now).apply(moved[0])
    assert holder("Payments", 2026, 3, 2, 22) == "ana"  # Monday night of a week of hers
    assert holder("Payments", 2026, 3, 10, 3) == "ben"  # Tuesday before dawn, the week after
    assert {holder("Payments", 2026, 3, 2, 12), holder("Payments", 2026, 3, 3, 12)} == {"ana", "ben"}  # by day they take turns day by day
    assert Override.objects.count() == 1 and not Notification.objects.exists()
    assert Service.objects.get(name="Alertmanager :fire:").escalation_policy == EscalationPolicy.objects.get(name="Payments")
    assert len(Integration.objects.get(name="Hooks").key) == 32
    assert configuration.Applying(now).apply(moved[0]) == []


def test_shifts_of_a_schedule_made_by_hand_are_in_utc_and_those_of_a_calendar_in_its_zone_until_an_instant_of_utc(moved):
    terraform, hand = (one["rotations"][0] for one in moved[0]["schedules"][1:])
    assert (terraform.get("time_zone"), hand["time_zone"]) == (None, "UTC")
    assert {rotation["time_zone"] for rotation in moved[0]["schedules"][0]["rotations"]} == {"UTC"}
    assert terraform["ends_at"] == hand["ends_at"] == "2099-06-01T00:00:00Z"


def test_a_shift_that_would_start_after_its_end_is_left_out(there):
    (weeks,) = (one for one in there.lists["on_call_shifts"] if one["id"] == "H8")
    weeks["rotation_start"] = weeks["until"]
    document, notes = oncall.convert(f"{there.url}/oncall", KEY)
    assert "By Terraform" not in str(document) and "Schedule By Terraform has no shifts that are carried over and is left out." in notes


def test_who_is_on_call_is_whom_the_turns_from_the_first_start_on_name(moved):
    """Ana has the week from Monday 5 January on, Ben the next, and so on: that of 2 March is the ninth. The rotation starts on Wednesday 4 March."""
    configuration.Applying(clock.now()).apply(moved[0])
    # By hand: the turn that runs at that time counts; handed off at 9:00 UTC.
    assert [holder("By hand", 2026, 3, 4, 14), holder("By hand", 2026, 3, 9, 8, 59), holder("By hand", 2026, 3, 9, 9)] == [
        "ana",
        "ana",
        "ben",
    ]
    # By Terraform: the first turn that begins after it counts; handed off at 9:00 in Berlin, which is 7:00 UTC from 29 March on.
    assert [holder("By Terraform", 2026, 3, 9, 7, 59), holder("By Terraform", 2026, 3, 9, 8), holder("By Terraform", 2026, 3, 16, 8)] == [
        "",
        "ben",
        "ana",
    ]
    assert [holder("By Terraform", 2026, 3, 30, 6, 59), holder("By Terraform", 2026, 3, 30, 7)] == ["ben", "ana"]


WEEKDAYS = ["MO", "TU", "WE", "TH", "FR"]
WEEKLY = {
    "type": "rolling_users", "start": "2026-01-05T09:00:00", "duration": 7 * 86_400, "frequency": "weekly", "interval": 1, "week_start": "MO",
    "rolling_users": [["U1"], ["U2"]],
}  # fmt: skip


@pytest.mark.parametrize(("more", "web", "starts", "first"), [
    ({"by_day": WEEKDAYS, "rotation_start": "2026-01-12T09:00:00"}, False, "2026-01-12T09:00:00", "U2"),  # U1 has had the week of the 5th
    ({"by_day": WEEKDAYS, "rotation_start": "2026-01-07T12:00:00"}, True, "2026-01-05T09:00:00", "U1"),  # Thursday is left of their week
    ({"by_day": WEEKDAYS, "rotation_start": "2026-01-31T12:00:00"}, True, "2026-02-02T09:00:00", "U1"),  # four weeks have passed
    ({"by_day": ["MO", "FR"], "start": "2026-01-07T09:00:00"}, True, "2026-01-12T09:00:00", "U1"),  # no Wednesdays: from the next Monday on
    ({"week_start": "SU", "rotation_start": "2026-03-04T13:17:42"}, False, "2026-03-08T09:00:00", "U2"),  # then weeks begin on their first day
    ({"frequency": "daily", "duration": 86_400, "rotation_start": "2026-01-08T13:00:00"}, True, "2026-01-08T09:00:00", "U2"),
    ({"frequency": "daily", "duration": 86_400, "rotation_start": "2026-01-08T13:00:00"}, False, "2026-01-09T09:00:00", "U1"),
    ({"frequency": "hourly", "interval": 12, "duration": 43_200, "rotation_start": "2026-01-07T10:00:00"}, False, "2026-01-07T21:00:00", "U2"),
    ({"frequency": "monthly", "duration": 31 * 86_400, "rotation_start": "2026-02-04T00:00:00"}, False, "2026-02-05T09:00:00", "U2"),
    ({"frequency": "monthly", "duration": 31 * 86_400, "rotation_start": "2026-03-04T00:00:00"}, False, "2026-04-01T09:00:00", "U2"),
    ({"type": "recurrent_event", "users": ["U3"], "rotation_start": "2026-03-04T13:17:42"}, False, "2026-01-05T09:00:00", "U3"),
])  # fmt: skip
def test_turns_that_end_before_the_rotation_starts_are_passed(more, web, starts, first):
    made = oncall_rules.turns({**WEEKLY, **({"duration": 12 * 3600} if more.get("by_day") else {}), **more}, web)
    assert (made["starts_at"], made["groups"][0]) == (starts, [first])


@pytest.mark.parametrize("more", [
    {"frequency": "yearly"}, {"frequency": "hourly", "duration": 1800}, {"interval": 2}, {"by_day": ["MO"]}, {"duration": 30}, {"interval": -1}, {"interval": 0},
    {"frequency": "weekly", "interval": 2, "duration": 7200}, {"frequency": "weekly", "interval": 2, "by_day": ["MO"]},
    {"frequency": "monthly", "start": "2026-01-31T09:00:00", "duration": 31 * 86_400},
])  # fmt: skip
def test_a_recurrence_that_cannot_be_said_is_never_half_said(more):
    daily = {**WEEKLY, "duration": 86_400, "frequency": "daily"}
    assert oncall_rules.turns(daily, web=True)["restrictions"] == []
    with pytest.raises(calendar.Unsaid):
        oncall_rules.turns({**daily, **more}, web=True)


def test_months_hand_off_on_the_day_of_the_month():
    made = oncall_rules.turns({**WEEKLY, "frequency": "monthly", "duration": 31 * 86_400}, web=True)
    assert (made["shift"], made["month_day"]) == ({"months": 1}, True)


def test_a_missing_address_a_wrong_key_and_another_form_are_said_in_a_sentence(there):
    with pytest.raises(MovingError, match="--url"):
        oncall.convert(oncall.SERVER, KEY)
    with pytest.raises(MovingError, match="answered 403"):
        oncall.convert(f"{there.url}/oncall", "another")
    there.lists["on_call_shifts"][4]["duration"] = 10**20
    with pytest.raises(MovingError, match="another form than documented"):
        oncall.convert(f"{there.url}/oncall", KEY)
    there.lists["on_call_shifts"][0]["start"] = "soon"
    with pytest.raises(MovingError, match="another form than documented"):
        oncall.convert(f"{there.url}/oncall", KEY)
