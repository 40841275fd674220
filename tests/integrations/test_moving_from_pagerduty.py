"""An organisation moves here from PagerDuty: its account becomes a file, the file becomes people, schedules, policies and services, twice as once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import yaml

from tests.stand_ins import Told
from tests.stand_ins.pagerduty import KEY, PagerDuty
from tocsin import clock
from tocsin.accounts.models import User
from tocsin.alerts.models import Integration, Service
from tocsin.cli import configuration
from tocsin.integrations.moving import calendar, pagerduty, pagerduty_rules, reader
from tocsin.integrations.moving.reader import MovingError
from tocsin.integrations.registry import SOURCES
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Override, Schedule
from tocsin.paging.models import EscalationPolicy, Notification, NotificationRule

pytestmark = pytest.mark.django_db


@pytest.fixture
def there():
    stand_in = PagerDuty()
    yield stand_in
    stand_in.close()


@pytest.fixture
def moved(there):
    document, notes = pagerduty.convert(there.url, KEY)
    return yaml.safe_load(yaml.safe_dump(document)), notes


def test_every_page_is_read_with_what_it_includes_and_nothing_is_changed_there(there):
    raw = pagerduty.read(there.url + "/", KEY)
    assert [len(raw[name]) for name in ("users", "teams", "schedules", "escalation_policies", "services")] == [3, 1, 3, 2, 2]
    assert {asked.method for asked in there.asked} == {"GET"} and len(raw["schedules"][0]["schedule_layers"]) == 4
    assert [asked.query["offset"] for asked in there.asked if asked.path == "/users"] == ["0", "2"]


def test_people_come_with_their_ways_and_their_own_order_for_each_urgency(moved):
    ana, ben, cy = moved[0]["users"]
    assert (ana["email"], ana["role"], ana["teams"], ana["time_zone"]) == (
        "ana@example.com",
        "administrator",
        ["Payments"],
        "Europe/Berlin",
    )
    assert [(way["kind"], way["address"], way["label"], way.get("rules")) for way in ana["contact_methods"]] == [
        ("email", "ana@example.com", "Work", [{"urgency": "low", "after_seconds": 0}]),
        ("sms", "+4915112345601", "Work", [{"urgency": "high", "after_seconds": 0}]),
        ("voice", "+4915112345601", "Work", [{"urgency": "high", "after_seconds": 300}]),
    ]
    assert (ben["role"], cy["role"], "time_zone" in cy) == ("responder", "observer", False)


def test_layers_become_rotations_in_their_order_with_their_turns_and_hours(moved):
    payments, nights = moved[0]["schedules"]
    day, always = payments["rotations"]
    assert (day["starts_at"], day["shift"], day["participants"]) == (
        "2026-01-05T09:00:00",
        {"days": 7},
        ["ana@example.com", "ben@example.com"],
    )
    assert day["restrictions"] == [{"weekdays": [0, 1, 2, 3, 4], "from": "08:00", "until": "20:00"}]
    assert (always["shift"], always["restrictions"]) == ({"hours": 12}, [])
    assert [one["person"] for one in payments["overrides"]] == ["ben@example.com"]
    (night,) = nights["rotations"]
    assert night["starts_at"] == "2026-01-05T03:00:00" and {(one["from"], one["until"]) for one in night["restrictions"]} == {
        ("20:00", "00:00"),
        ("00:00", "08:00"),
    }


def test_the_routers_of_event_orchestrations_become_routing_rules_and_the_rest_is_named(moved):
    document, notes = moved
    assert {"name": "Everything: Default", "kind": "pagerduty_events_v2", "service": "search"} in document["integrations"]
    first, second = document["routing_rules"]
    assert (first["name"], first["match"], first["then"], first["integrations"]) == (
        "Everything: 1. Payments", "all", {"service": "checkout"}, ["Everything: Default"],
    )  # fmt: skip
    assert first["conditions"] == [
        {"field": "title", "operator": "contains", "value": "checkout"},
        {"field": "severity", "operator": "equals", "value": "critical"},
    ]
    assert (second["match"], second["conditions"]) == (
        "any",
        [
            {"field": "labels.source", "operator": "regex", "value": ".*(?:web[0-9]+).*"},
            {"field": "details.custom_details.region", "operator": "exists"},
        ],
    )
    said = [note for note in notes if note.startswith("Event orchestration")]
    assert [(note.split(", ")[-1].split(" is left")[0]) for note in said[:3]] == ["Mixed", "Gone", "Clever"]
    assert "“and” beside “or”" in said[0] and "1 global rules" in said[3]


def test_without_event_orchestrations_everything_else_is_carried_over(there):
    there.orchestrations.clear()
    document, notes = pagerduty.convert(there.url, KEY)
    assert "routing_rules" not in document and not [note for note in notes if "orchestration" in note]


@pytest.mark.parametrize(
    "expression", ["", "event.summary matches", "event.summary matches 'a' and", "trigger_count over 1 minute > 3", "event.nothing exists"]
)
def test_a_condition_that_cannot_be_said_is_never_half_said(expression):
    with pytest.raises(calendar.Unsaid):
        pagerduty_rules.conditions_of([expression])


def test_policies_keep_their_rules_waits_and_loops_and_services_theirs(moved):
    (policy,) = moved[0]["escalation_policies"]
    assert (policy["name"], policy["team"], policy["repeats"]) == ("Payments", "Payments", 2)
    assert [(step["wait_seconds"], [(one["kind"], one["name"]) for one in step["targets"]]) for step in policy["steps"]] == [
        (300, [("schedule", "Payments")]), (600, [("user", "ben@example.com"), ("schedule", "Nights")]),
    ]  # fmt: skip
    assert [(one["name"], one["team"], one["escalation_policy"]) for one in moved[0]["services"]] == [
        ("checkout", "Payments", "Payments"),
        ("search", None, None),
    ]
    assert moved[0]["integrations"] == [
        {"name": "checkout: Prometheus", "kind": "pagerduty_events_v2", "service": "checkout"}, {"name": "checkout: Mail", "kind": "email", "service": "checkout"},
        {"name": "Everything: Default", "kind": "pagerduty_events_v2", "service": "search"},
    ]  # fmt: skip
    assert set(pagerduty.KINDS.values()) <= set(SOURCES)


@pytest.mark.parametrize("words", [
    "the PagerDuty app cannot be carried over", "sms to 2025550143 is blocked", "the time zone Berlin has another name", "turns of 5400 seconds cannot be said",
    "Schedule Payments has layers that overlap", "Schedule Empty has no layer with people", "rule 3 reaches nobody", "user Somebody cannot be notified",
    "Escalation policy Nobody is left out", "Service search is switched off", "Service search: its urgency is not carried over",
    "Service search: its escalation policy is not carried over", "Acknowledgement and auto-resolve timeouts", "Integration checkout: Datadog (datadog_inbound_integration) is left out",
    "Each integration gets a new address and key",
])  # fmt: skip
def test_what_cannot_be_carried_over_is_said(moved, words):
    assert any(words in note for note in moved[1]), moved[1]
    assert "secret" not in str(moved)


def test_the_file_becomes_the_organisation_and_once_more_changes_nothing(moved):
    now = clock.now()
    configuration.Applying(now).apply(moved[0])
    ana = User.objects.get(email="ana@example.com")
    order = NotificationRule.objects.filter(user=ana).order_by("urgency", "after_seconds")
    assert [(rule.contact_method.kind, rule.urgency, rule.after_seconds) for rule in order] == [
        ("sms", "high", 0),
        ("voice", "high", 300),
        ("email", "low", 0),
    ]
    assert not Notification.objects.exists()  # nobody is sent a code: they were proved there
    assert Service.objects.get(name="checkout").escalation_policy == EscalationPolicy.objects.get(name="Payments")
    schedule = Schedule.objects.get(name="Payments")
    holders = {hour: User.objects.get(pk=oncall.who(schedule, datetime(2026, 3, 3, hour, 30, tzinfo=UTC)).user).email for hour in (2, 11)}
    assert holders[2] == "ben@example.com" and Override.objects.count() == 1  # at night only the layer that is always there
    assert len(Integration.objects.get(name="checkout: Prometheus").key) == 32
    assert configuration.Applying(now).apply(moved[0]) == []


def test_a_wrong_key_too_many_requests_and_another_form_are_said_in_a_sentence(there, monkeypatch):
    with pytest.raises(MovingError, match="answered 401: Unauthorized"):
        pagerduty.convert(there.url, "another")
    slept: list[float] = []
    monkeypatch.setattr(reader.time, "sleep", slept.append)
    there.instead = [Told(429, {"error": {"message": "Rate Limit Exceeded", "code": 2020}}, {"Retry-After": "3"})]
    assert pagerduty.convert(there.url, KEY)[0]["teams"] == [{"name": "Payments"}] and slept == [3.0]
    there.lists["schedules"][0]["schedule_layers"][0]["rotation_virtual_start"] = "soon"
    with pytest.raises(MovingError, match="another form than documented"):
        pagerduty.convert(there.url, KEY)
    with pytest.raises(MovingError, match="cannot be asked"):
        pagerduty.convert("http://10.0.0.1", KEY)
