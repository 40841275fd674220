"""Clients of other products, unchanged but for the host: opsgenie-sdk, the real Alertmanager's receivers, PagerDuty's v1, VictorOps, OnCall."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.live import free_port, until

opsgenie = pytest.importorskip("opsgenie_sdk")


@pytest.fixture(scope="module")
def tocsin(live_server_process):
    return live_server_process


@pytest.fixture(scope="module")
def service(tocsin):
    """Whose alerts are paged: there is a policy."""
    ana = tocsin.api("POST", "/users", {"email": "ana@dropin.example", "name": "Ana Dropin", "role": "responder"})
    steps = [{"wait_seconds": 300, "targets": [{"kind": "user", "id": ana["id"]}]}]
    policy = tocsin.api("POST", "/escalation-policies", {"name": "Dropin", "steps": steps})
    return tocsin.api("POST", "/services", {"name": "dropin", "escalation_policy": policy["id"]})


def integration(tocsin, name, kind, **more):
    return tocsin.api("POST", "/integrations", {"name": name, "kind": kind, **more})


def alerts(tocsin, one):
    return tocsin.api("GET", f"/alerts?integration={one['id']}")["items"]


@pytest.fixture(scope="module")
def source(tocsin, service):
    return integration(tocsin, "Opsgenie", "opsgenie_alert_api", service=service["id"])


@pytest.fixture(scope="module")
def client(tocsin, source):
    configuration = opsgenie.Configuration()
    configuration.host = tocsin.url
    configuration.api_key["Authorization"] = source["key"]
    return opsgenie.AlertApi(opsgenie.ApiClient(configuration))


def settled(response):
    """What became of a request: the client's own polling."""
    return until(lambda: response.retrieve_result().data, lambda data: data.processed_at is not None)


def test_the_opsgenie_client_leads_an_alert_from_creation_to_its_end(client, tocsin, source):
    made = client.create_alert(
        opsgenie.CreateAlertPayload(
            message="Disk full",
            alias="db1/disk é",
            description="0 B free",
            priority="P1",
            tags=["db"],
            details={"host": "db1"},
            entity="db1",
        )
    )
    data = settled(made)
    assert data.is_success and data.alias == "db1/disk é"
    alias = {"identifier": "db1/disk é", "identifier_type": "alias"}

    def alert():
        return client.get_alert(identifier=data.alert_id).data

    assert (alert().message, alert().priority, alert().status, alert().tags) == ("Disk full", "P1", "open", ["db"])
    assert alert().details["host"] == "db1" and alert().description == "0 B free" and alert().entity == "db1"
    assert client.get_alert(identifier=alert().tiny_id, identifier_type="tiny").data.id == data.alert_id
    assert client.get_alert(**alias).data.id == data.alert_id
    for response in (
        client.add_note(**alias, add_note_to_alert_payload=opsgenie.AddNoteToAlertPayload(note="looking", user="ann")),
        client.add_tags(**alias, add_tags_to_alert_payload=opsgenie.AddTagsToAlertPayload(tags=["night", "eu"])),
        client.add_details(**alias, add_details_to_alert_payload=opsgenie.AddDetailsToAlertPayload(details={"rack": "7"})),
        client.update_alert_message(**alias, update_alert_message_payload=opsgenie.UpdateAlertMessagePayload(message="Disk very full")),
        client.remove_tags(**alias, tags=["night"]),
        client.execute_custom_alert_action(**alias, action_name="restart", execute_custom_alert_action_payload={}),
    ):
        assert settled(response).is_success
    assert alert().message == "Disk very full" and alert().tags == ["db", "eu"] and alert().details["rack"] == "7" and alert().count == 1
    assert [(note.note, note.owner) for note in client.list_notes(**alias).data] == [("looking", "ann (Opsgenie)")]
    assert settled(client.acknowledge_alert(**alias, acknowledge_alert_payload=opsgenie.AcknowledgeAlertPayload(user="ann"))).is_success
    assert alert().acknowledged is True
    assert settled(client.un_acknowledge_alert(**alias)).is_success
    until(alert, lambda one: one.acknowledged is False)
    soon = datetime.now(UTC) + timedelta(hours=1)
    assert settled(client.snooze_alert(**alias, snooze_alert_payload=opsgenie.SnoozeAlertPayload(end_time=soon))).is_success
    assert alert().snoozed is True and abs(alert().snoozed_until - soon) < timedelta(seconds=1)
    assert settled(client.close_alert(identifier=data.alert_id, close_alert_payload=opsgenie.CloseAlertPayload(note="done"))).is_success
    assert alert().status == "closed"
    assert settled(client.create_alert(opsgenie.CreateAlertPayload(message="Disk full", alias="db1/disk é"))).alert_id != data.alert_id


def test_the_opsgenie_client_lists_counts_and_searches(client):
    for number in range(3):
        settled(client.create_alert(opsgenie.CreateAlertPayload(message=f"Listed {number}", alias=f"listed-{number}", tags=["listed"])))
    found = client.list_alerts(query="tag: listed AND status: open", limit=2, sort="createdAt", order="asc")
    assert [one.alias for one in found.data] == ["listed-0", "listed-1"] and "offset=2" in found.paging.next
    assert client.count_alerts(query='(message: "Listed" OR alias: x) NOT alias: listed-1 status: open').data.count == 2


def test_what_opsgenie_refuses_is_refused_in_its_words(tocsin, source):
    def ask(method, path, body=None, key=None):
        return tocsin.ask(method, path, body, token="", headers={"Authorization": f"GenieKey {key or source['key']}"})

    status, said = ask("POST", "/v2/alerts", {"message": "x"}, key="nope")
    assert status == 401 and said["message"] == "Could not authenticate" and said["requestId"]
    status, said = ask("POST", "/v2/alerts", {"message": ""})
    assert status == 422 and said["errors"] == {"message": "Message can not be empty."}
    assert ask("GET", "/v2/alerts/nope?identifierType=alias")[0] == 404
    assert ask("GET", "/v2/alerts/requests/nope")[0] == 404
    assert ask("GET", "/v2/alerts?query=(status")[0] == 422
    assert ask("POST", "/v2/alerts/x/fly")[0] == 404
    assert ask("POST", "/v1/json/alert", {"apiKey": source["key"], "message": "x"})[0] == 410
    assert ask("POST", "/v2/alerts/nobody/close?identifierType=alias")[0] == 202  # as Opsgenie does


def test_one_key_reads_its_own_alerts_alone(tocsin, client, source):
    data = settled(client.create_alert(opsgenie.CreateAlertPayload(message="Mine", alias="mine")))
    other = integration(tocsin, "Another Opsgenie", "opsgenie_alert_api")
    headers = {"Authorization": f"GenieKey {other['key']}"}
    assert tocsin.ask("GET", f"/v2/alerts/{data.alert_id}", token="", headers=headers)[0] == 404
    assert tocsin.ask("GET", "/v2/alerts/count", token="", headers=headers)[1]["data"]["count"] == 0


def test_the_real_alertmanager_speaks_opsgenie_pagerduty_and_victorops(tocsin, tmp_path):
    if not (binary := shutil.which("prometheus-alertmanager")):
        pytest.skip("prometheus-alertmanager not installed")
    by_opsgenie = integration(tocsin, "AM Opsgenie", "opsgenie_alert_api")
    by_pagerduty = integration(tocsin, "AM PagerDuty", "pagerduty_events_v2")
    by_victorops = integration(tocsin, "AM VictorOps", "victorops")
    receivers = {
        "name": "all",
        "opsgenie_configs": [{"api_key": by_opsgenie["key"], "api_url": f"{tocsin.url}/", "update_alerts": True, "priority": "P2"}],
        "pagerduty_configs": [{"routing_key": by_pagerduty["key"], "url": f"{tocsin.url}/v2/enqueue", "severity": "critical"}],
        "victorops_configs": [{"api_key": by_victorops["key"], "api_url": f"{tocsin.url}/alert/", "routing_key": "db"}],
    }
    route = {"receiver": "all", "group_wait": "0s", "group_interval": "1s", "group_by": ["alertname"]}
    (tmp_path / "am.yml").write_text(json.dumps({"route": route, "receivers": [receivers]}))
    port = free_port()
    command = [binary, "--config.file=am.yml", "--storage.path=am", "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    try:
        send = [shutil.which("amtool"), f"--alertmanager.url=http://127.0.0.1:{port}", "alert", "add", "alertname=DiskFull", "host=db1"]
        until(lambda: subprocess.run(send, capture_output=True).returncode, lambda code: code == 0)
        for one in (by_opsgenie, by_pagerduty, by_victorops):
            [alert] = until(lambda i=one: alerts(tocsin, i), bool)
            assert alert["status"] == "firing" and "DiskFull" in alert["title"]
        ended = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        subprocess.run([*send, f"--end={ended}", f"--start={(datetime.now(UTC) - timedelta(minutes=1)).isoformat()}"], check=True)
        for one in (by_opsgenie, by_pagerduty, by_victorops):
            until(lambda i=one: alerts(tocsin, i), lambda found: found[0]["status"] == "resolved")
    finally:
        process.terminate()
        process.wait(60)


def test_pagerdutys_first_version_answers_as_it_did(tocsin):
    """By plain HTTP: Alertmanager has the host of the first version in its code."""
    one = integration(tocsin, "V1", "pagerduty_events_v2")
    path = "/generic/2010-04-15/create_event.json"
    status, said = tocsin.ask("POST", path, {"service_key": one["key"], "event_type": "trigger", "description": "Old client"}, token="")
    assert status == 200 and said["status"] == "success" and len(said["incident_key"]) == 32
    until(lambda: alerts(tocsin, one), lambda found: found and found[0]["dedup_key"] == said["incident_key"])
    status, wrong = tocsin.ask("POST", path, {"service_key": "nope", "event_type": "trigger", "description": "x"}, token="")
    assert status == 400 and wrong["errors"] == ["Service key is not the key of an integration"]
    event = {"routing_key": one["key"], "event_action": "resolve", "dedup_key": said["incident_key"]}
    assert tocsin.ask("POST", "/v2/enqueue", event, token="")[0] == 202  # one name space
    until(lambda: alerts(tocsin, one), lambda found: found[0]["status"] == "resolved")


def test_victorops_and_oncall_users_change_the_host_alone(tocsin):
    victor, oncall = integration(tocsin, "VO", "victorops"), integration(tocsin, "OC", "grafana_oncall")
    for path in (f"/integrations/generic/20131114/alert/{victor['key']}/db", f"/alert/{victor['key']}/db"):
        status, said = tocsin.ask("POST", path, {"message_type": "CRITICAL", "entity_id": "db1/disk", "state_message": "full"}, token="")
        assert (status, said) == (200, {"result": "success", "entity_id": "db1/disk"})
    until(lambda: alerts(tocsin, victor), lambda found: found and found[0]["event_count"] == 2)
    body = {"alert_uid": "08d6891a", "title": "Queue is long", "state": "alerting", "message": "9,000 wait"}
    path = f"/integrations/v1/formatted_webhook/{oncall['key']}/"
    assert tocsin.ask("POST", path, body, token="")[0] in (200, 202)
    until(lambda: alerts(tocsin, oncall), lambda found: found and found[0]["title"] == "Queue is long")
    assert tocsin.ask("POST", path, {**body, "state": "ok"}, token="")[0] in (200, 202)
    until(lambda: alerts(tocsin, oncall), lambda found: found[0]["status"] == "resolved")
