"""amtool, unchanged: it queries and adds alerts, and makes, lists and ends silences."""

import json
import shutil
import subprocess
import urllib.parse

import pytest

from tests.live import TOKEN, until

AMTOOL = shutil.which("amtool")
pytestmark = pytest.mark.skipif(AMTOOL is None, reason="amtool is not installed")


@pytest.fixture(scope="module")
def tocsin(live_server_process):
    return live_server_process


@pytest.fixture(scope="module")
def source(tocsin):
    return tocsin.api("POST", "/integrations", {"name": "amtool", "kind": "alertmanager_api_v2"})


@pytest.fixture
def amtool(tocsin, tmp_path):
    def run(password, *arguments, good=True):
        url = tocsin.url.replace("http://", f"http://amtool:{urllib.parse.quote(password)}@")
        done = subprocess.run(
            [AMTOOL, f"--alertmanager.url={url}", *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            env={"HOME": str(tmp_path), "USER": "ann"},
        )
        assert (done.returncode == 0) is good, done
        return done.stdout if good else done.stderr

    return run


def test_amtool_adds_and_queries_alerts_and_silences_them_until_it_ends_the_silence(amtool, tocsin, source):
    key = source["key"]
    amtool(key, "alert", "add", "alertname=DiskFull", "instance=db1", "severity=critical", "--annotation=summary=No space on db1")
    amtool(key, "alert", "add", "alertname=Slow", "instance=web1")

    def names(*arguments, password=TOKEN):
        return sorted(one["labels"]["alertname"] for one in json.loads(amtool(password, "-o", "json", "alert", "query", *arguments)))

    until(lambda: names(password=key), lambda found: found == ["DiskFull", "Slow"])
    assert names("DiskFull") == names("instance=~db.*") == ["DiskFull"] and names("instance!=db1", password=key) == ["Slow"]
    made = amtool(TOKEN, "silence", "add", "alertname=DiskFull", "--duration=1h", "--comment=new disk comes", "--author=ann").strip()
    [silence] = json.loads(amtool(TOKEN, "-o", "json", "silence", "query"))
    assert (silence["id"], silence["createdBy"], silence["comment"]) == (made, "ann", "new disk comes")
    assert silence["status"]["state"] == "active" and silence["matchers"] == [
        {"isEqual": True, "isRegex": False, "name": "alertname", "value": "DiskFull"}
    ]
    assert names("DiskFull") == [] and names("--silenced", "DiskFull") == ["DiskFull"]  # also what fired before
    amtool(key, "alert", "add", "alertname=DiskFull", "instance=db2")
    until(lambda: tocsin.ask("GET", "/api/v2/alerts?filter=instance%3D%22db2%22")[1], bool)
    [held] = tocsin.ask("GET", "/api/v2/alerts?filter=instance%3D%22db2%22")[1]
    assert held["status"] == {"inhibitedBy": [], "mutedBy": [], "silencedBy": [made], "state": "suppressed"}
    assert names("instance=db2") == [] and names("--silenced", "instance=db2") == ["DiskFull"]
    longer = amtool(TOKEN, "silence", "update", "--duration=2h", made, "-o", "json")
    assert made in longer
    amtool(TOKEN, "silence", "expire", made)
    assert made not in amtool(TOKEN, "silence", "query", "-o", "json")
    assert tocsin.ask("GET", f"/api/v2/silence/{made}")[1]["status"]["state"] == "expired"
    until(lambda: names("instance=db2"), lambda found: found == ["DiskFull"])


def test_amtool_shows_the_configuration_groups_and_receivers_are_answered(amtool, tocsin, source):
    assert "receiver: tocsin" in amtool(source["key"], "config", "show")
    assert amtool(source["key"], "config", "routes", "test", "alertname=Grouped").split() == ["tocsin"]
    assert {"name": "no service"} in tocsin.ask("GET", "/api/v2/receivers")[1]
    amtool(source["key"], "alert", "add", "alertname=Grouped", "instance=g1")
    grouped = until(lambda: tocsin.ask("GET", "/api/v2/alerts/groups?filter=alertname%3DGrouped")[1], bool)
    assert grouped[0]["labels"]["alertname"] == "Grouped" and grouped[0]["receiver"] == {"name": "no service"}


def test_who_may_not_is_told_in_a_sentence(amtool, tocsin, source):
    assert tocsin.ask("GET", "/api/v2/alerts", token="")[0] == 401
    assert tocsin.ask("GET", "/api/v2/silences", token="nope")[0] == 401
    status, said = tocsin.ask("GET", "/api/v2/silences", token=source["key"])
    assert status == 403 and "token" in said
    soon = {"startsAt": "2030-01-01T00:00:00Z", "endsAt": "2030-01-01T01:00:00Z", "createdBy": "a", "comment": "b"}
    everything = {**soon, "matchers": [{"name": "a", "value": ".*", "isRegex": True}]}
    assert tocsin.ask("POST", "/api/v2/silences", everything)[0] == 400
    assert tocsin.ask("POST", "/api/v2/silences", {**everything, "id": "nope"})[0] == 404
    assert tocsin.ask("GET", "/api/v2/alerts?filter=x")[0] == tocsin.ask("GET", "/api/v2/alerts?active=perhaps")[0] == 400
    other = tocsin.api("POST", "/integrations", {"name": "other", "kind": "alertmanager_api_v2"})
    assert tocsin.ask("GET", "/api/v2/alerts", token=other["key"]) == (200, [])


def test_amtool_prints_the_sentence_of_every_refusal(amtool, tocsin, source):
    key, reader = source["key"], tocsin.api("POST", "/tokens", {"name": "reader", "scopes": ["read"]})["token"]
    here = "00000000-0000-4000-8000-00000000ffff"
    token_wanted = "for silences send a token"
    assert token_wanted in amtool(key, "silence", "query", good=False)
    assert token_wanted in amtool(key, "silence", "add", "alertname=DiskFull", "--comment=x", good=False)
    assert token_wanted in amtool(key, "silence", "expire", here, good=False)
    assert token_wanted in amtool(key, "silence", "update", "--duration=2h", here, good=False)
    assert "needs the scope 'respond'" in amtool(reader, "silence", "add", "alertname=DiskFull", "--comment=x", good=False)
    assert "There is no such silence." in amtool(TOKEN, "silence", "update", "--duration=2h", here, good=False)
    assert "Send a token" in amtool("wrong", "alert", "query", good=False)
    assert "No integration has this key" in amtool("wrong", "alert", "add", "alertname=DiskFull", good=False)
    assert "Send a token" in amtool(reader.replace("tcs_", "tcs_x"), "silence", "query", good=False)


def test_an_event_may_come_as_the_query_of_a_get_but_never_by_head(tocsin):
    robot = tocsin.api("POST", "/integrations", {"name": "robot", "kind": "uptimerobot"})
    fields = "monitorID=779&monitorFriendlyName=shop&alertType=1&alertDetails=Timeout"

    def found():
        return tocsin.api("GET", f"/alerts?integration={robot['id']}")["items"]

    assert tocsin.ask("HEAD", f"/in/{robot['key']}?{fields}", token="")[0] == tocsin.ask("GET", f"/in/{robot['key']}", token="")[0] == 405
    assert tocsin.ask("GET", f"/in/{robot['key']}?{fields}", token="")[0] == 202
    [alert] = until(found, bool)
    assert "shop" in alert["title"] and alert["event_count"] == 1
