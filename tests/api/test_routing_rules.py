"""Routing rules over HTTP: kept in versions, simulated, tried on the last days, and told for each alert."""

from __future__ import annotations

import json

import pytest

from tests.api.test_alerts import ask, bootstrap, integration, sent, service
from tests.api.test_frame import call
from tocsin import clock
from tocsin.alerts import trying
from tocsin.alerts.models import Alert, RoutingTrial
from tocsin.procedures import operations as procedures

pytestmark = pytest.mark.django_db
__all__ = ["bootstrap", "integration", "service"]
DISK = {"field": "labels.alertname", "operator": "equals", "value": "Disk full"}


def put(*rules, **fields):
    return ask("PUT", "/routing-rules", {"rules": list(rules), **fields})


def test_a_list_is_kept_as_a_version_and_can_be_taken_back():
    assert ask("GET", "/routing-rules")["version"] == 0
    first = put({"name": "Disks", "conditions": [DISK], "then": {"severity": "SEV1"}}, note="Disks wake us")
    assert (first["version"], first["rules"][0]["id"], first["note"]) == (1, 1, "Disks wake us")
    again = call("GET", "/routing-rules", bearer="bootstrap-secret")
    assert again.headers["ETag"] == '"1"'
    put(*first["rules"], {"name": "Rest"}, version=1)
    refused = ask("PUT", "/routing-rules", {"rules": [], "version": 1}, expect=(409,))
    assert "Version 2" in refused["detail"]
    assert ask("POST", "/routing-rules/versions/1/restore")["rules"] == first["rules"]
    assert [one["version"] for one in ask("GET", "/routing-rules/versions")["items"]] == [3, 2, 1]
    assert [rule["name"] for rule in ask("GET", "/routing-rules?version=2")["rules"]] == ["Disks", "Rest"]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"name": "x", "expression": "labels."}, "0.expression"), ({"name": "x", "then": {"service": 999}}, "0.then.service"),
        ({"name": "x", "conditions": [{"field": "title", "operator": "regex", "value": "("}]}, "0.conditions.0.value"),
        ({"name": "x", "then": {"severity": "P1"}}, "0.then.severity"), ({"name": "x" * 121}, "0.name"), ({"nmae": "x"}, "0.nmae"),
    ],
)  # fmt: skip
def test_a_mistake_gets_a_sentence_at_its_field_and_nothing_is_kept(rule, place):
    refused = ask("PUT", "/routing-rules", {"rules": [rule]}, expect=(422,))
    assert refused["errors"][place].endswith(".")
    assert ask("GET", "/routing-rules")["version"] == 0


def test_rules_that_are_never_reached_are_found(integration):
    kept = put({"name": "All"}, {"name": "Disks", "conditions": [DISK]})
    assert kept["findings"] == [
        {"place": 1, "rule": "Disks", "sentence": "It is never reached: “All” before it takes everything that it would match."}
    ]


def test_a_simulation_explains_every_rule_and_who_would_be_paged(integration, service):
    put(
        {"name": "Database to DBAs", "conditions": [{"field": "labels.team", "value": "db"}]},
        {"name": "Disks", "conditions": [DISK], "then": {"severity": "SEV1"}},
    )
    body = json.dumps({"alerts": [{"status": "firing", "labels": {"alertname": "Disk full", "team": "web"}}]})
    found = ask("POST", "/routing-rules/simulate", {"integration": integration["id"], "body": body})["items"][0]
    assert [rule["sentence"] for rule in found["rules"]] == [
        "label team is “web”, wanted “db”: does not match",
        "matches: decides severity SEV1",
    ]
    assert (found["service"], found["severity"], found["rule"]) == ("checkout", "SEV1", 2)
    assert found["paged"][0]["track"] == "on_call" and found["paged"][0]["steps"]
    raw = sent(integration)
    by_event = ask("POST", "/routing-rules/simulate", {"event": raw.pk})["items"][0]
    by_alert = ask("POST", "/routing-rules/simulate", {"alert": Alert.objects.get().pk, "rules": []})["items"][0]
    assert by_event["severity"] == "SEV1" and by_alert["severity"] == "SEV2" and by_alert["rules"] == []
    assert Alert.objects.count() == 1, "a simulation writes nothing"


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({}, 422),
        ({"event": 999}, 404),
        ({"alert": 999}, 404),
        ({"integration": 999, "body": "{}"}, 422),
        ({"body": "{}"}, 422),
        ({"event": 1, "rules": [{}]}, 422),
    ],
)
def test_a_simulation_of_nothing_says_what_is_missing(question, status):
    assert ask("POST", "/routing-rules/simulate", question, expect=(status,))["detail"]


def test_what_cannot_be_read_is_said_and_not_guessed(integration):
    refused = ask("POST", "/routing-rules/simulate", {"integration": integration["id"], "body": "not json"}, expect=(422,))
    assert "cannot be read" in refused["detail"]


def test_an_alert_tells_which_rules_it_met_by_the_version_of_then(integration):
    put(
        {"name": "Database to DBAs", "conditions": [{"field": "labels.team", "value": "db"}]},
        {"name": "Disks", "conditions": [DISK], "then": {"severity": "SEV1"}},
    )
    sent(integration)
    put({"name": "Something else"})
    alert = Alert.objects.get()
    told = ask("GET", f"/alerts/{alert.pk}/trace")
    assert (told["version"], told["rule"]) == (1, 2)
    assert [(rule["name"], rule["result"]) for rule in told["rules"]] == [("Database to DBAs", "not matched"), ("Disks", "matched")]
    assert told["rules"][0]["sentence"] == "label team is not there, wanted “db”: does not match"
    assert ask("GET", "/routing-rules/hits")["items"][0]["alerts"] == 1


def test_a_change_is_tried_on_the_last_days_before_it_is_saved(integration, service):
    other = ask("POST", "/services", {"name": "search"})
    for name in ("Disk full", "CPU", "Memory"):
        sent(integration, name)
    trial = ask(
        "POST",
        "/routing-rules/try",
        {"rules": [{"name": "Disks", "conditions": [DISK], "then": {"service": other["id"], "suppress": True}}]},
        expect=(202,),
    )
    assert trial["state"] == "waiting" and ask("GET", "/routing-rules")["version"] == 0
    trying.run(trial["id"], procedures.document(procedures.current()), clock.now())
    done = ask("GET", f"/routing-rules/try/{trial['id']}")
    assert (done["state"], done["total"], done["looked_at"], done["result"]["changed"]) == ("done", 3, 3, 1)
    assert {"what": "service", "before": "checkout", "after": "search", "alerts": 1} in done["result"]["rows"]
    assert "It would have paged the fallback people 1 times less (2 instead of 3)." in done["sentences"]
    assert done["result"]["samples"][0]["title"] == "Disk full"


def test_many_alerts_are_sampled_and_that_is_said(integration, monkeypatch):
    for name in ("A", "B", "C", "D", "E", "F"):
        sent(integration, name)
    monkeypatch.setattr(trying, "MOST_TRIED", 3)
    trial = ask("POST", "/routing-rules/try", {"rules": [{"name": "All", "then": {"severity": "SEV1"}}]}, expect=(202,))
    trying.run(trial["id"], procedures.document(procedures.current()), clock.now())
    done = ask("GET", f"/routing-rules/try/{trial['id']}")
    assert (done["every"], done["looked_at"], done["total"]) == (2, 3, 6) and "one in 2 of 6" in done["sentences"][0]


def test_only_a_few_trials_run_at_once():
    for _ in range(3):
        ask("POST", "/routing-rules/try", {"rules": []}, expect=(202,))
    ask("POST", "/routing-rules/try", {"rules": []}, expect=(409,))
    RoutingTrial.objects.update(state="done")
    ask("POST", "/routing-rules/try", {"rules": []}, expect=(202,))
