"""Heartbeats over a running Tocsin: the PyPI client `opsgenie-sdk` unchanged, and pings as healthchecks.io's and Better Stack's users send them."""

import urllib.error
import urllib.request
import uuid

import pytest

from tests.live import until

opsgenie_sdk = pytest.importorskip("opsgenie_sdk")


def ping(tocsin, path, body=None, method=None):
    request = urllib.request.Request(tocsin.url + path, data=body, method=method, headers={"User-Agent": "curl/8.11"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def made(tocsin, **fields):
    integration = tocsin.api("POST", "/integrations", {"name": "Jobs", "kind": "heartbeat"})
    row = tocsin.api("POST", "/heartbeats", {"integration": integration["id"], "name": "Backup of db1", **fields})
    return integration, row


def test_the_opsgenie_client_sets_up_pings_and_removes_a_heartbeat(live_server_process):
    tocsin = live_server_process
    integration = tocsin.api("POST", "/integrations", {"name": "Opsgenie", "kind": "opsgenie_alert_api"})
    conf = opsgenie_sdk.Configuration()
    conf.host, conf.api_key = tocsin.url, {"Authorization": integration["key"]}
    conf.api_key_prefix = {"Authorization": "GenieKey"}
    client = opsgenie_sdk.HeartbeatApi(opsgenie_sdk.ApiClient(configuration=conf))
    payload = opsgenie_sdk.CreateHeartbeatPayload(
        name="Nightly Import", description="db1", interval=10, interval_unit="minutes", enabled=True, alert_message="Import is silent",
        alert_tags=["db"], alert_priority="P1",
    )  # fmt: skip
    assert client.create_heartbeat(payload).data.name == "Nightly Import"
    assert client.get_heartbeat("nightly import").data.last_ping_time is None
    assert client.ping("Nightly Import").result == "PONG - Heartbeat received"
    until(lambda: client.get_heartbeat("Nightly Import").data.last_ping_time, bool)
    got = client.get_heartbeat("Nightly Import").data
    assert (got.interval, got.interval_unit, got.enabled, got.expired) == (10, "minutes", True, False)
    client.update_heartbeat(
        name="Nightly Import", update_heartbeat_payload=opsgenie_sdk.UpdateHeartbeatPayload(interval=2, interval_unit="hours")
    )
    assert client.list_heart_beats().data.heartbeats[0].interval_unit == "hours"
    client.disable_heartbeat("Nightly Import")
    assert client.get_heartbeat("Nightly Import").data.enabled is False
    client.enable_heartbeat("Nightly Import")
    [row] = tocsin.api("GET", f"/heartbeats?integration={integration['id']}")["items"]
    assert (row["period"], row["severity"], row["message"], row["tags"]) == (7200, "critical", "Import is silent", ["db"])
    assert client.ping("Nobody knows it").result == "PONG - Heartbeat received"
    client.delete_heartbeat("Nightly Import")
    with pytest.raises(Exception, match=r"\(404\)"):
        client.get_heartbeat("Nightly Import")
    with pytest.raises(Exception, match=r"\(422\)"):
        client.create_heartbeat(opsgenie_sdk.CreateHeartbeatPayload(name="", interval=1, interval_unit="minutes", enabled=True))
    conf.api_key = {"Authorization": "wrong"}
    with pytest.raises(Exception, match=r"\(401\)"):
        client.list_heart_beats()


def test_an_unknown_name_becomes_a_heartbeat_of_opsgenies_client_where_that_is_wanted(live_server_process):
    tocsin = live_server_process
    integration = tocsin.api("POST", "/integrations", {"name": "Adopting", "kind": "opsgenie_alert_api"})
    tocsin.api("PUT", "/heartbeats/unknown-names", {"integration": integration["id"], "create": True})
    assert ping(tocsin, f"/v2/heartbeats/new%20one/ping?key={integration['key']}", method="PUT")[0] == 202
    rows = until(lambda: tocsin.api("GET", f"/heartbeats?integration={integration['id']}")["items"], bool)
    assert [(row["name"], row["state"]) for row in rows] == [("new one", "ok")]


def test_pings_by_address_tell_success_start_failure_and_notes(live_server_process):
    tocsin = live_server_process
    integration, row = made(tocsin)
    path = row["address"].removeprefix(tocsin.url)
    run = uuid.uuid4()
    assert ping(tocsin, f"{path}/start?rid={run}") == (200, b"OK")
    assert ping(tocsin, f"{path}?rid={run}", b"all fine") == (200, b"OK")
    assert ping(tocsin, path, method="HEAD")[0] == 200
    assert ping(tocsin, f"{path}/log", b"a note")[0] == 200
    assert ping(tocsin, f"/betterstack/api/v1/heartbeat/{path.rsplit('/', 1)[1]}")[0] == 200

    def shown():
        return tocsin.api("GET", f"/heartbeats/{row['id']}")

    until(shown, lambda one: one["state"] == "ok")
    pings = until(lambda: tocsin.api("GET", f"/heartbeats/{row['id']}/pings")["items"], lambda items: len(items) == 5)
    assert [one["kind"] for one in reversed(pings)] == ["start", "ping", "ping", "log", "ping"]
    assert pings[-2]["body"] == "all fine" and pings[-2]["took_seconds"] is not None
    assert ping(tocsin, f"{path}/3", b"x" * 300_000)[0] == 200
    until(shown, lambda one: one["state"] == "failed")
    alert = until(lambda: tocsin.api("GET", f"/alerts?integration={integration['id']}")["items"], bool)[0]
    assert (alert["title"], alert["dedup_key"]) == ("Heartbeat [Backup of db1] reports a failure (exit code 3)", "heartbeat_backup of db1")
    assert tocsin.api("GET", f"/heartbeats/{row['id']}/pings")["items"][0]["body_bytes"] == 100_000
    assert ping(tocsin, f"/in/{integration['key']}/heartbeat/backup%20of%20DB1/0")[0] == 200
    until(lambda: tocsin.api("GET", f"/alerts/{alert['id']}"), lambda one: one["status"] == "resolved")


def test_the_first_ping_without_a_name_makes_the_integrations_own_heartbeat(live_server_process):
    tocsin = live_server_process
    integration = tocsin.api("POST", "/integrations", {"name": "Own", "kind": "generic"})
    path = f"/in/{integration['key']}/heartbeat"
    assert ping(tocsin, path + "?period=10m&grace=30")[0] == 200
    [row] = until(lambda: tocsin.api("GET", f"/heartbeats?integration={integration['id']}")["items"], bool)
    assert (row["period"], row["grace"]) == (600, 30)
    assert ping(tocsin, path, b"{}")[0] == 200
    assert ping(tocsin, f"/ping/{integration['key']}/second?create=1")[0] == 200
    until(lambda: tocsin.api("GET", f"/heartbeats?integration={integration['id']}")["items"], lambda items: len(items) == 2)
    assert ping(tocsin, path)[0] == 200  # the one called "default"
    assert ping(tocsin, f"/integrations/v1/alertmanager/{integration['key']}/heartbeat/", b"")[0] == 200  # as Grafana OnCall has it


def test_an_address_that_leads_nowhere_is_said_so(live_server_process):
    tocsin = live_server_process
    integration, row = made(tocsin, name="One")
    assert ping(tocsin, f"/ping/{uuid.uuid4()}")[0] == 404
    assert ping(tocsin, "/ping/nothing")[0] == 404
    assert ping(tocsin, row["address"].removeprefix(tocsin.url) + "/256")[0] == 404
    assert ping(tocsin, f"/in/{integration['key']}/heartbeat/unknown")[0] == 404
    assert ping(tocsin, "/in/wrong/heartbeat")[0] == 404
    assert ping(tocsin, "/v2/heartbeats/x/ping")[0] == 401
