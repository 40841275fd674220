"""Alerts, services, integrations, raw events and silences over HTTP, as another program uses them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.api.test_frame import call
from tocsin import clock
from tocsin.alerts import operations
from tocsin.alerts.models import Integration
from tocsin.response import receive_events

pytestmark = pytest.mark.django_db
BEARER = "bootstrap-secret"


@pytest.fixture(autouse=True)
def bootstrap(settings):
    settings.BOOTSTRAP_TOKEN = BEARER


def ask(method, path, body=None, *, expect=(200, 201, 204)):
    answer = call(method, path, body, bearer=BEARER)
    assert answer.status_code in expect, answer.content
    return answer.json() if answer.content else {}


def sent(integration, name="Disk full", status="firing"):
    body = {"alerts": [{"status": status, "labels": {"alertname": name, "severity": "critical"}}]}
    row = Integration.objects.get(pk=integration["id"])
    raw = operations.accept(row, body=json.dumps(body).encode(), protocol="in", now=clock.now())
    while receive_events.take():
        pass
    return raw


@pytest.fixture
def service():
    return ask("POST", "/services", {"name": "checkout"})


@pytest.fixture
def integration(service):
    return ask("POST", "/integrations", {"name": "Prometheus", "kind": "alertmanager", "service": service["id"]})


def test_an_integration_has_a_key_of_32_characters_and_its_address(integration):
    assert len(integration["key"]) == 32 and integration["address"].endswith(f"/in/{integration['key']}")
    kinds = ask("GET", "/integration-kinds")["items"]
    assert {"alertmanager", "generic", "pagerduty_events_v2"} <= {kind["kind"] for kind in kinds} and all(kind["set_up"] for kind in kinds)
    [own] = ask("GET", f"/integration-kinds?integration={integration['id']}")["items"]
    assert (
        own["kind"] == "alertmanager"
        and integration["address"] in own["set_up"]
        and integration["address"] in own["curl"]
        and own["sample"]
    )
    refused = ask("POST", "/integrations", {"name": "x", "kind": "nonsense"}, expect=(422,))
    assert "kind" in refused["errors"]


def test_an_alert_is_listed_filtered_and_shown_with_why(integration, service):
    sent(integration)
    sent(integration, "Queue long")
    assert [a["title"] for a in ask("GET", f"/alerts?service={service['id']}")["items"]] == ["Queue long", "Disk full"]
    assert [a["title"] for a in ask("GET", "/alerts?q=disk&status=firing")["items"]] == ["Disk full"]
    first = ask("GET", "/alerts?limit=1")
    assert first["next"] and ask("GET", f"/alerts?limit=1&cursor={first['next']}")["items"][0]["title"] == "Disk full"
    alert = ask("GET", f"/alerts/{first['items'][0]['id']}")
    assert alert["event_count"] == 1 and alert["severity"] == "SEV2" and alert["trace"] and alert["escalation"]["status"]
    ask("GET", "/alerts/999999", expect=(404,))


@pytest.mark.clause("S35", "S36")
def test_a_body_of_which_nothing_is_demanded_may_be_left_out_and_else_what_lacks_is_named(integration, client):
    sent(integration)
    alert = ask("GET", "/alerts")["items"][0]
    headers = {"Authorization": f"Bearer {BEARER}"}
    taken = client.post(f"/api/v1/alerts/{alert['id']}/acknowledge", headers=headers, content_type="application/json")
    assert taken.status_code == 200 and taken.json()["escalation"]["status"] == "acknowledged"
    lacking = client.post(f"/api/v1/alerts/{alert['id']}/snooze", headers=headers, content_type="application/json")
    assert lacking.status_code == 422 and lacking.json()["detail"] == "minutes: This field is required."
    described = client.get("/api/v1/openapi.json").json()["paths"]
    assert described["/api/v1/alerts/{alert_id}/acknowledge"]["post"]["requestBody"]["required"] is False
    assert described["/api/v1/alerts/{alert_id}/snooze"]["post"]["requestBody"]["required"] is True


def test_an_alert_is_acknowledged_verified_and_resolved_by_a_person(integration):
    ana = ask("POST", "/users", {"name": "Ana", "email": "ana@example.com"})
    sent(integration)
    base, by = f"/alerts/{ask('GET', '/alerts')['items'][0]['id']}", {"by": ana["id"]}
    taken = ask("POST", f"{base}/acknowledge", by)["escalation"]
    assert taken["status"] == "acknowledged" and taken["acknowledged_by"]["name"] == "Ana" and taken["acknowledged_at"]
    assert ask("POST", f"{base}/verify", {"verdict": "unsure", "note": "Looking", **by})["verdict"] == "unsure"
    ask("POST", f"{base}/verify", {"verdict": "perhaps"}, expect=(422,))
    assert ask("POST", f"{base}/resolve", by)["status"] == "resolved"
    ask("POST", f"{base}/resolve", by, expect=(409,))
    assert "alert_opened" in [entry["kind"] for entry in ask("GET", f"{base}/timeline")["items"]]


def test_a_raw_event_is_shown_with_its_body_and_can_be_replayed(integration):
    raw = sent(integration)
    shown = ask("GET", f"/events/{raw.pk}")
    assert shown["state"] == "done" and "Disk full" in shown["body"] and shown["outcomes"][0]["change"] == "opened"
    assert ask("POST", f"/events/{raw.pk}/replay", {})["replay_of"] == raw.pk
    while receive_events.take():
        pass
    assert ask("GET", "/alerts")["items"][0]["event_count"] == 2
    assert len(ask("GET", f"/events?integration={integration['id']}&state=done")["items"]) == 2


def test_a_silence_is_made_listed_and_ended(integration):
    body = {
        "matchers": [{"name": "alertname", "value": "Disk.*", "is_regex": True}],
        "ends_at": (clock.now() + timedelta(hours=1)).isoformat(),
        "reason": "Maintenance",
    }
    made = ask("POST", "/silences", body)
    sent(integration)
    assert "Maintenance" in ask("GET", "/alerts")["items"][0]["suppressed_by"]
    assert ask("DELETE", f"/silences/{made['id']}")["ended_at"]
    assert ask("GET", "/silences?active=true")["items"] == []
    refused = ask(
        "POST",
        "/silences",
        {**body, "matchers": [{"name": "a", "value": "(", "is_regex": True}], "ends_at": "2020-01-01T00:00:00Z"},
        expect=(422,),
    )
    assert set(refused["errors"]) == {"matchers", "ends_at"}


def test_a_service_says_what_it_depends_on_until_that_is_gone(service):
    database = ask("POST", "/services", {"name": "database"})
    assert ask("PATCH", f"/services/{service['id']}", {"depends_on": [database["id"]]})["depends_on"] == [database["id"]]
    assert ask("PATCH", f"/services/{service['id']}", {"critical": True})["depends_on"] == [database["id"]]
    refused = ask("PATCH", f"/services/{service['id']}", {"depends_on": [999999]}, expect=(422,))
    assert set(refused["errors"]) == {"depends_on"}
    ask("DELETE", f"/services/{database['id']}")
    assert ask("GET", f"/services/{service['id']}")["depends_on"] == []


def test_a_service_is_changed_and_removed_only_when_nothing_belongs_to_it(integration, service):
    assert ask("PATCH", f"/services/{service['id']}", {"critical": True, "severity_map": {"critical": "SEV1"}})["critical"]
    refused = ask("PATCH", f"/services/{service['id']}", {"team": 999999, "severity_map": {"loud": "SEV1"}}, expect=(422,))
    assert set(refused["errors"]) == {"team", "severity_map"}
    refused = ask("PATCH", f"/services/{service['id']}", {"severity_map": {"critical": "SEV9"}}, expect=(422,))
    assert set(refused["errors"]) == {"severity_map"}
    refused = ask("PATCH", f"/services/{service['id']}", {"depends_on": [service["id"]]}, expect=(422,))
    assert set(refused["errors"]) == {"depends_on"}
    ask("DELETE", f"/services/{service['id']}", expect=(409,))
    ask("DELETE", f"/integrations/{integration['id']}")
    ask("DELETE", f"/services/{service['id']}")
    ask("GET", f"/services/{service['id']}", expect=(404,))
