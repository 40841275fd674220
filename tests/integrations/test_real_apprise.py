"""apprise's services `pagerduty` and `opsgenie`, unchanged but for the host, lead an alert from its beginning to its end."""

import pytest
import requests

from tests.live import until

apprise = pytest.importorskip("apprise")


@pytest.fixture
def tocsin(live_server_process, monkeypatch):
    """The installation, which the two services of apprise take for their own."""
    from apprise.plugins import opsgenie, pagerduty

    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{live_server_process.url}/v2/enqueue")
    monkeypatch.setitem(opsgenie.OPSGENIE_API_LOOKUP, "us", f"{live_server_process.url}/v2/alerts")
    for module in (pagerduty, opsgenie):  # as a client of ours it is apprise unchanged, also where Tocsin has used it in this process
        monkeypatch.setattr(module, "requests", requests)
    return live_server_process


def alert_of(tocsin, integration):
    """The one alert of an integration, {} before it is there."""
    found = tocsin.api("GET", f"/alerts?integration={integration['id']}")["items"]
    assert len(found) < 2
    return found[0] if found else {}


def service(url):
    """One service of apprise. It remembers the requests that it made."""
    notifier = apprise.Apprise()
    assert notifier.add(url)
    return notifier


def test_a_failure_that_apprise_tells_pagerduty_of_opens_an_alert_and_the_success_ends_it(tocsin):
    integration = tocsin.api("POST", "/integrations", {"name": "apprise", "kind": "pagerduty_events_v2"})
    # apprise sends a key of the REST API beside the routing key; only the routing key is ours.
    pager = service(f"pagerduty://{integration['key']}@not-a-key-of-ours/backup/nightly?action=map&group=store&class=backup")
    assert pager.notify(notify_type="failure", title="Backup of db1", body="No space left")
    alert = until(lambda: alert_of(tocsin, integration), bool)
    assert alert["title"].startswith("Backup of db1") and alert["source_severity"] == "critical" and alert["status"] == "firing"
    assert pager.notify(notify_type="success", title="Backup of db1", body="No space left")
    until(lambda: alert_of(tocsin, integration), lambda one: one["status"] == "resolved")


def test_an_alert_that_apprise_opens_at_opsgenie_is_closed_by_the_id_of_its_request(tocsin):
    integration = tocsin.api("POST", "/integrations", {"name": "apprise", "kind": "opsgenie_alert_api"})
    opsgenie = service(f"opsgenie://{integration['key']}/?action=map&alias=backup-db1&priority=p1&entity=db1&tags=backup,nightly")
    assert opsgenie.notify(notify_type="failure", title="Backup of db1", body="No space left")
    alert = until(lambda: alert_of(tocsin, integration), bool)
    assert (alert["title"], alert["dedup_key"], alert["source_severity"]) == ("Backup of db1", "backup-db1", "critical")
    assert opsgenie.notify(notify_type="success", title="Backup of db1", body="Space again")
    until(lambda: alert_of(tocsin, integration), lambda one: one["status"] == "resolved")
