"""An organisation moves here: what the other product holds becomes a file, the file becomes people, schedules and policies, twice as once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml
from typer.testing import CliRunner

from tests.stand_ins import Told
from tests.stand_ins.opsgenie import KEY, Opsgenie
from tocsin import clock
from tocsin.accounts.models import Role, User
from tocsin.alerts.models import Service
from tocsin.cli import commands, configuration, move
from tocsin.integrations.moving import calendar, opsgenie, reader
from tocsin.integrations.moving.reader import MovingError
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Override, Schedule
from tocsin.paging.models import ContactMethod, EscalationPolicy, Notification


@pytest.fixture
def there():
    stand_in = Opsgenie()
    yield stand_in
    stand_in.close()


@pytest.fixture
def moved(there):
    document, notes = opsgenie.convert(there.url, KEY)
    return yaml.safe_load(yaml.safe_dump(document)), notes


def test_every_page_of_every_list_is_read_at_the_servers_own_address(there):
    raw = opsgenie.read(there.url + "/", KEY)
    assert [len(raw[name]) for name in ("users", "teams", "schedules", "escalations", "services", "integrations")] == [5, 2, 3, 2, 2, 2]
    assert {asked.method for asked in there.asked} == {"GET"}
    assert [len(one["contacts"]) for one in raw["users"]] == [6, 0, 0, 0, 0]


def test_people_come_with_their_roles_teams_zones_and_proved_ways(moved):
    users = {one["email"]: one for one in moved[0]["users"]}
    assert set(users) == {"ana@example.com", "ben@example.com", "cy@example.com", "dee@example.com"}
    ana = users["ana@example.com"]
    assert (ana["role"], ana["teams"], ana["time_zone"]) == ("administrator", ["Payments"], "Europe/Berlin")
    assert [(way["kind"], way["address"]) for way in ana["contact_methods"]] == [
        ("email", "ana@example.com"), ("sms", "+4915112345601"), ("voice", "+4915112345601"), ("sms", "+19005551234"),
    ]  # fmt: skip
    assert (users["cy@example.com"]["role"], users["dee@example.com"]["role"]) == ("observer", "responder")


def test_rotations_that_take_turns_stay_one_schedule_and_those_side_by_side_become_several(moved):
    schedules = {one["name"]: one for one in moved[0]["schedules"]}
    assert set(schedules) == {"Payments", "Search: First", "Search: Second", "Search: Weekend"}
    day, night = schedules["Payments"]["rotations"]
    assert (day["starts_at"], day["shift"], day["participants"]) == (
        "2026-01-05T09:00:00",
        {"days": 7},
        ["ana@example.com", "ben@example.com"],
    )
    assert day["restrictions"] == [{"weekdays": [0, 1, 2, 3, 4, 5, 6], "from": "08:00", "until": "20:00"}]
    assert {(one["from"], one["until"]) for one in night["restrictions"]} == {("20:00", "00:00"), ("00:00", "08:00")}
    first, second, weekend = (schedules[f"Search: {name}"] for name in ("First", "Second", "Weekend"))
    assert (first["rotations"][0]["starts_at"], first["rotations"][0]["shift"]) == ("2026-01-05T03:00:00", {"days": 2})
    assert second["rotations"][0]["shift"] == {"hours": 12} and second["rotations"][0]["ends_at"] == "2027-01-01T00:00:00Z"
    assert weekend["gaps_meant"] and sorted((one["weekdays"], one["from"], one["until"]) for one in weekend["rotations"][0]["restrictions"]) == [
        ([0], "00:00", "08:30"), ([4], "18:00", "00:00"), ([5, 6], "00:00", "00:00"),
    ]  # fmt: skip
    assert (len(first["overrides"]), len(second["overrides"]), len(schedules["Payments"]["overrides"])) == (0, 1, 2)


def test_what_is_notified_at_the_same_time_is_one_step(moved):
    (policy,) = moved[0]["escalation_policies"]
    assert (policy["name"], policy["team"], policy["repeats"]) == ("Payments escalation", "Payments", 2)
    assert [(step["wait_seconds"], [target["name"] for target in step["targets"]]) for step in policy["steps"]] == [
        (300, ["Payments"]), (600, ["ben@example.com", "Search: First", "Search: Second", "Search: Weekend"]), (600, ["Payments"]),
    ]  # fmt: skip
    assert [step["targets"][0]["kind"] for step in policy["steps"]] == ["schedule", "user", "team"]
    services = {one["name"]: one["escalation_policy"] for one in moved[0]["services"]}
    assert services == {"checkout": "Payments escalation", "search": None}


@pytest.mark.parametrize(
    "words",
    [
        "eve@example.com is blocked", "the Opsgenie app cannot be carried over", "voice to 1-2025550143 is switched off", "custom role night shift",
        "the turn of nobody (none) is left out", "Schedule Empty has no rotation", "Schedule Search is switched off", "it becomes 3 schedules",
        "counts for the whole schedule, not for Day alone", "“next” of a schedule is not known", "until the alert is closed", "Escalation Nobody reaches nobody",
        "Integration Prometheus (Prometheus): make one here", "Service search: its team's default routing rule names no escalation",
        "Team Payments has routing rules beside the default one",
    ],
)  # fmt: skip
def test_what_cannot_be_carried_over_is_said(moved, words):
    assert any(words in note for note in moved[1]), moved[1]
    assert not any("Old" in note for note in moved[1])


@pytest.mark.django_db
def test_the_file_becomes_people_schedules_and_policies_and_once_more_changes_nothing(moved):
    now = clock.now()
    done = configuration.Applying(now).apply(moved[0])
    assert any("leave out sms +19005551234 of ana@example.com" in line for line in done)  # a number that costs extra
    ana = User.objects.get(email="ana@example.com")
    assert ana.role == Role.ADMINISTRATOR and [team.name for team in ana.teams.all()] == ["Payments"]
    ways = ContactMethod.objects.filter(user=ana, removed_at=None)
    assert sorted((way.kind, way.verified_at is not None) for way in ways) == [("email", True), ("sms", True), ("voice", True)]
    assert not Notification.objects.exists()  # nobody is sent a code: they were proved there
    policy = EscalationPolicy.objects.get()
    assert len(policy.steps) == 3 and Service.objects.get(name="checkout").escalation_policy == policy
    payments = Schedule.objects.get(name="Payments")
    holders = {hour: oncall.who(payments, datetime(2026, 3, 3, hour, 30, tzinfo=UTC)).user for hour in (2, 11)}
    assert User.objects.get(pk=holders[2]).email == "ben@example.com" and Override.objects.count() == 2  # the one of 2020 is over
    assert Schedule.objects.get(name="Search: Weekend").gaps_meant
    again = configuration.Applying(now).apply(moved[0])
    assert [line for line in again if not line.startswith("leave out")] == []


def test_a_wrong_key_a_server_in_trouble_and_another_form_are_said_in_a_sentence(there, monkeypatch):
    with pytest.raises(MovingError, match="answered 401: Could not authenticate"):
        opsgenie.convert(there.url, "another")
    slept: list[float] = []
    monkeypatch.setattr(reader.time, "sleep", slept.append)
    there.instead = [Told(429, {"message": "You are making too many requests!"}, {"Retry-After": "7"}), Told(503)]
    assert opsgenie.convert(there.url, KEY)[0]["teams"] == [{"name": "Payments"}, {"name": "Search"}]
    assert slept == [7.0, 1.0]
    there.instead = [Told(503)] * 6
    with pytest.raises(MovingError, match="went on refusing"):
        opsgenie.convert(there.url, KEY)
    there.lists["/v2/schedules"][0]["rotations"][0]["startDate"] = "soon"
    with pytest.raises(MovingError, match="another form than documented"):
        opsgenie.convert(there.url, KEY)
    with pytest.raises(MovingError, match="cannot be asked"):
        opsgenie.convert("http://10.0.0.1", KEY)


def test_the_command_writes_the_file_and_says_what_is_left_out(there, monkeypatch, tmp_path):
    from contextlib import nullcontext

    monkeypatch.setattr(move, "django", lambda data: nullcontext())
    key = tmp_path / "key"
    key.write_text(f"{KEY}\n")
    told = CliRunner().invoke(commands.app, ["convert", "opsgenie", "--key-file", str(key), "--url", there.url])
    assert told.exit_code == 0 and told.stdout.startswith("# Read: 2 teams, 4 users, 4 schedules, 1 escalation policies, 2 services.")
    assert yaml.safe_load(told.stdout)["version"] == 1 and "eve@example.com is blocked" in told.stderr and KEY not in told.output
    assert "knows opsgenie" in str(CliRunner().invoke(commands.app, ["convert", "x", "--key-file", str(key)]).exception)
    assert "give an API key" in str(CliRunner().invoke(commands.app, ["convert", "opsgenie"]).exception)


@pytest.mark.parametrize(
    ("start", "length", "pieces"),
    [
        (0, 60, [([0], "00:00", "01:00")]),
        (6 * 1440 + 1380, 120, [([6], "23:00", "00:00"), ([0], "00:00", "01:00")]),
        (0, 2 * 1440, [([0], "00:00", "00:00"), ([1], "00:00", "00:00")]),
    ],
)
def test_a_stretch_of_the_week_is_cut_at_midnights(start, length, pieces):
    rows = calendar.hours(start, length)
    assert [(one["weekdays"], one["from"], one["until"]) for one in rows] == pieces
    assert len(calendar.covered(rows)) * 5 == length
