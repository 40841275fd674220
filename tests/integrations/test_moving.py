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
from tocsin.alerts import queries_routing
from tocsin.alerts.models import Integration, Service
from tocsin.cli import commands, configuration, move
from tocsin.integrations.moving import calendar, opsgenie, opsgenie_rules, reader
from tocsin.integrations.moving.reader import MovingError
from tocsin.integrations.registry import SOURCES
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Override, Schedule
from tocsin.paging.models import ContactMethod, EscalationPolicy, Notification, NotificationRule


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
    assert [len(raw[name]) for name in ("users", "teams", "schedules", "escalations", "services", "integrations")] == [5, 2, 3, 2, 2, 4]
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
    policy, *of_schedules = moved[0]["escalation_policies"]
    assert [one["name"] for one in of_schedules] == ["On call: Search", "On call: Payments"]
    assert [target["name"] for target in of_schedules[0]["steps"][0]["targets"]] == ["Search: First", "Search: Second", "Search: Weekend"]
    assert (policy["name"], policy["team"], policy["repeats"]) == ("Payments escalation", "Payments", 2)
    assert [(step["wait_seconds"], [target["name"] for target in step["targets"]]) for step in policy["steps"]] == [
        (300, ["Payments"]), (600, ["ben@example.com", "Search: First", "Search: Second", "Search: Weekend"]), (600, ["Payments"]),
    ]  # fmt: skip
    assert [step["targets"][0]["kind"] for step in policy["steps"]] == ["schedule", "user", "team"]
    services = {one["name"]: one["escalation_policy"] for one in moved[0]["services"]}
    assert services == {"checkout": "Payments escalation", "search": "On call: Search"}


def test_a_persons_own_rule_for_every_new_alert_becomes_their_order_and_delays(moved):
    ana = next(one for one in moved[0]["users"] if one["email"] == "ana@example.com")
    order = {
        (way["kind"], way["address"]): [(rule["urgency"], rule["after_seconds"]) for rule in way.get("rules", [])]
        for way in ana["contact_methods"]
    }
    assert order == {
        ("email", "ana@example.com"): [], ("sms", "+4915112345601"): [("high", 0), ("low", 0)], ("voice", "+4915112345601"): [("high", 300), ("low", 300)],
        ("sms", "+19005551234"): [],
    }  # fmt: skip


def test_integrations_whose_messages_are_read_here_come_with_their_teams_only_service(moved):
    assert moved[0]["integrations"] == [
        {"name": "Prometheus", "kind": "opsgenie_alert_api", "service": "checkout"}, {"name": "Grafana", "kind": "grafana_unified", "service": None},
    ]  # fmt: skip


def test_routing_rules_of_a_team_hold_for_its_integrations_in_our_words(moved):
    nights, cards = moved[0]["routing_rules"]
    assert nights == {
        "name": "Payments: Nights", "match": "all", "integrations": ["Prometheus"], "then": {"suppress": True},
        "conditions": [
            {"field": "severity", "operator": "one_of", "value": ["info", "warning"]},
            {"field": "title", "operator": "not_regex", "value": r"(?i).*\(test\)"},
        ],
        "hours": {"inside": False, "zone": "Europe/Berlin", "days": [0, 1, 2, 3, 4, 5, 6], "from": "08:00", "to": "20:00", "holidays": ""},
    }  # fmt: skip
    assert (cards["match"], cards["then"], cards["hours"]) == ("any", {"policy": "On call: Payments"}, None)
    assert cards["conditions"] == [
        {"field": "labels.tags", "operator": "contains", "value": "cards"}, {"field": "labels.psp", "operator": "starts_with", "value": "ada"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"field": "priority", "operation": "equals", "expectedValue": "P1"}, {"field": "severity", "operator": "one_of", "value": ["critical"]}),
        ({"field": "priority", "operation": "equals", "expectedValue": "P1", "not": True}, {"field": "severity", "operator": "one_of", "value": ["info", "warning", "error"]}),
        ({"field": "priority", "operation": "greater-than", "expectedValue": "P3"}, {"field": "severity", "operator": "one_of", "value": ["error", "critical"]}),
        ({"field": "alias", "operation": "matches", "expectedValue": "db-.*"}, {"field": "dedup_key", "operator": "regex", "value": "db-.*"}),
        ({"field": "entity", "operation": "is-empty"}, {"field": "labels.entity", "operator": "absent"}),
        ({"field": "extra-properties", "key": "env", "operation": "contains-key"}, {"field": "labels.env", "operator": "exists"}),
        ({"field": "extra-properties", "key": "env", "operation": "contains-key", "not": True}, {"field": "labels.env", "operator": "absent"}),
        ({"field": "message", "operation": "equals", "expectedValue": "x", "not": True}, {"field": "title", "operator": "not", "value": "x"}),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_our_words(condition, said):
    assert opsgenie_rules.routed({"criteria": {"type": "match-all-conditions", "conditions": [condition]}}).conditions == [said]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"criteria": {"type": "match-all-conditions", "conditions": [{"field": "priority", "operation": "equals", "expectedValue": "P5"}]}}, "one severity"),
        ({"criteria": {"type": "match-all-conditions", "conditions": [{"field": "responders", "operation": "contains"}]}}, "the field responders"),
        ({"timeRestriction": {"type": "weekday-and-time-of-day", "restrictions": [{"startDay": "monday", "startHour": 9, "endDay": "friday", "endHour": 17}]}}, "its hours"),
    ],
)  # fmt: skip
def test_what_has_no_words_here_is_refused_instead_of_bent(rule, words):
    with pytest.raises(calendar.Unsaid, match=words):
        opsgenie_rules.routed(rule)


def test_every_kind_that_an_integration_becomes_is_one_of_ours():
    assert set(opsgenie_rules.KINDS.values()) <= set(SOURCES)


@pytest.mark.parametrize(
    "words",
    [
        "eve@example.com is blocked", "the Opsgenie app cannot be carried over", "voice to 1-2025550143 is switched off", "custom role night shift",
        "the turn of nobody (none) is left out", "Schedule Empty has no rotation", "Schedule Search is switched off", "it becomes 3 schedules",
        "counts for the whole schedule, not for Day alone", "“next” of a schedule is not known", "until the alert is closed", "Escalation Nobody reaches nobody",
        "Integration To Slack (Slack) is left out", "Integration Grafana: choose its service here", "Each integration gets a new address and key",
        "Team Payments, routing rule By action is left out: the field actions", "take the place of all that are here",
        "the notification rule Only P1 holds for some alerts", "the notification rule New alerts repeats itself",
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
    policy = EscalationPolicy.objects.get(name="Payments escalation")
    assert len(policy.steps) == 3 and Service.objects.get(name="checkout").escalation_policy == policy
    payments = Schedule.objects.get(name="Payments")
    holders = {hour: oncall.who(payments, datetime(2026, 3, 3, hour, 30, tzinfo=UTC)).user for hour in (2, 11)}
    assert User.objects.get(pk=holders[2]).email == "ben@example.com" and Override.objects.count() == 2  # the one of 2020 is over
    assert Schedule.objects.get(name="Search: Weekend").gaps_meant
    order = NotificationRule.objects.filter(user=ana).order_by("urgency", "after_seconds")
    assert [(rule.contact_method.kind, rule.urgency, rule.after_seconds) for rule in order] == [
        ("sms", "high", 0), ("voice", "high", 300), ("sms", "low", 0), ("voice", "low", 300),
    ]  # fmt: skip
    prometheus = Integration.objects.get(name="Prometheus")
    assert (prometheus.kind, prometheus.service.name, len(prometheus.key)) == ("opsgenie_alert_api", "checkout", 32)
    nights, cards = queries_routing.current().rules
    assert nights["then"]["suppress"] and nights["integrations"] == [prometheus.pk] and cards["then"]["policy"]
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
    assert told.exit_code == 0 and told.stdout.startswith(
        "# Read: 2 teams, 4 users, 4 schedules, 3 escalation policies, 2 services, 2 integrations, 2 routing rules."
    )
    assert yaml.safe_load(told.stdout)["version"] == 1 and "eve@example.com is blocked" in told.stderr and KEY not in told.output
    assert "knows opsgenie, pagerduty, oncall" in str(CliRunner().invoke(commands.app, ["convert", "x", "--key-file", str(key)]).exception)
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
