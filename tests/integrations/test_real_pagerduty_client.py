"""The PyPI client `pagerduty` triggers, acknowledges, resolves and reports a change; only its address is set (past its demand for https)."""

import json

import pytest

from tests.live import until

pagerduty = pytest.importorskip("pagerduty")


def test_the_pagerduty_client_drives_one_alert(live_server_process):
    tocsin = live_server_process
    integration = tocsin.api("POST", "/integrations", {"name": "Client", "kind": "pagerduty_events_v2"})
    client = pagerduty.EventsApiV2Client(integration["key"])
    client._url = tocsin.url
    key = client.trigger("Disk full", "db1", severity="critical", custom_details={"free": "0 B"})
    assert len(key) == 32

    def alert():
        return next(iter(tocsin.api("GET", f"/alerts?integration={integration['id']}")["items"]), {})

    assert until(alert, lambda a: a.get("title") == "Disk full")["dedup_key"] == key
    assert client.trigger("Disk full", "db1", dedup_key=key, severity="critical") == key
    until(alert, lambda a: a["event_count"] == 2)
    client.acknowledge(key)
    until(lambda: tocsin.api("GET", f"/alerts/{alert()['id']}"), lambda a: a["escalation"]["status"] == "acknowledged")
    client.resolve(key)
    until(alert, lambda a: a["status"] == "resolved")


def test_the_pagerduty_client_reports_a_change(live_server_process):
    tocsin = live_server_process
    integration = tocsin.api("POST", "/integrations", {"name": "Changes", "kind": "pagerduty_change_events"})
    one = pagerduty.EventsApiV2Client(integration["key"])
    one._url = tocsin.url
    one.submit("Deploy checkout 4.2", source="ci", custom_details={"version": "4.2"}, timestamp="2026-11-23T13:00:00.123456+00:00Z")
    said = until(lambda: json.dumps(tocsin.api("GET", "/change-events")["items"]), lambda text: "Deploy checkout 4.2" in text)
    assert said.count("Deploy checkout 4.2") == 1
