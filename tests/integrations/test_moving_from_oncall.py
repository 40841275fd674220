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
from tocsin.integrations.moving import oncall, oncall_rules
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
    assert [len(raw[name]) for name in ("users", "on_call_shifts", "escalation_policies", "personal_notification_rules")] == [4, 7, 11, 7]
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
    (schedule,) = moved[0]["schedules"]
    nights, always = schedule["rotations"]
    assert (nights["name"], nights["starts_at"], nights["shift"], nights["participants"]) == (
        "Nights", "2026-01-05T20:00:00", {"days": 7}, ["ana@example.com", "ben@example.com"],
    )  # fmt: skip
    assert nights["restrictions"] == [
        {"weekdays": [0, 1, 2, 3, 4], "from": "20:00", "until": "00:00"}, {"weekdays": [1, 2, 3, 4, 5], "from": "00:00", "until": "08:00"},
    ]  # fmt: skip
    assert (always["shift"], always["restrictions"], always["participants"]) == ({"days": 1}, [], ["ana@example.com", "ben@example.com"])
    assert [(one["person"], one["starts_at"]) for one in schedule["overrides"]] == [("ana@example.com", "2099-03-01T08:00:00+01:00")]


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


def test_the_file_becomes_the_organisation_and_once_more_changes_nothing(moved):
    now = clock.now()
    configuration.Applying(now).apply(moved[0])
    schedule = Schedule.objects.get(name="Payments")

    def holder(*at: int) -> str:
        return User.objects.get(pk=queries.who(schedule, datetime(*at, tzinfo=UTC)).user).email

    assert holder(2026, 3, 2, 22) == "ana@example.com"  # Monday night of a week of hers
    assert holder(2026, 3, 10, 3) == "ben@example.com"  # Tuesday before dawn, the week after
    assert {holder(2026, 3, 2, 12), holder(2026, 3, 3, 12)} == {"ana@example.com", "ben@example.com"}  # by day they take turns day by day
    assert Override.objects.count() == 1 and not Notification.objects.exists()
    assert Service.objects.get(name="Alertmanager :fire:").escalation_policy == EscalationPolicy.objects.get(name="Payments")
    assert len(Integration.objects.get(name="Hooks").key) == 32
    assert configuration.Applying(now).apply(moved[0]) == []


@pytest.mark.parametrize(
    "more",
    [{"frequency": "yearly"}, {"frequency": "hourly", "duration": 1800}, {"interval": 2}, {"by_day": ["MO"]}, {"frequency": "weekly", "interval": 2, "duration": 7200}],
)  # fmt: skip
def test_a_recurrence_that_cannot_be_said_is_never_half_said(more):
    daily = {
        "type": "rolling_users",
        "start": "2026-01-05T09:00:00",
        "duration": 86_400,
        "frequency": "daily",
        "interval": 1,
        "rolling_users": [["U1"]],
    }
    assert oncall_rules.recurrence(daily)["restrictions"] == []
    with pytest.raises(oncall_rules.Unsaid):
        oncall_rules.recurrence({**daily, **more})


def test_a_missing_address_a_wrong_key_and_another_form_are_said_in_a_sentence(there):
    with pytest.raises(MovingError, match="--url"):
        oncall.convert(oncall.SERVER, KEY)
    with pytest.raises(MovingError, match="answered 403"):
        oncall.convert(f"{there.url}/oncall", "another")
    there.lists["on_call_shifts"][0]["start"] = "soon"
    with pytest.raises(MovingError, match="another form than documented"):
        oncall.convert(f"{there.url}/oncall", KEY)
