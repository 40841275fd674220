"""One line of a script tells a change: `curl -d 'Deploy checkout 4.2' …/in/KEY/change`."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from tests.live import until
from tocsin.domain.ports import Received, UnreadableError
from tocsin.intake import changes
from tocsin.intake.request import InvalidError
from tocsin.integrations.registry import SOURCES

AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"  # what curl calls whatever -d sends


def read(body, content_type=FORM, query=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode() if isinstance(body, (dict, list)) else body.encode()
    return SOURCES["change"].parse(Received(body, content_type, AT, headers={":query": query} if query else {}))


@pytest.mark.parametrize("line", ["Deploy checkout 4.2", "4.2", "[prod] deployed", "Größe = 4", "a=b is now set", "Rollback & restart"])
def test_a_line_is_the_summary_whatever_signs_are_in_it(line):
    [event] = read(line)
    assert (event.status, event.title) == ("change", line)


def test_what_the_line_does_not_say_may_stand_in_the_query():
    [event] = read("Deploy 4.2", query="service=checkout&author=Ana&link=https%3A%2F%2Fci.example%2F71")
    assert (event.service, event.labels["author"], event.link) == ("checkout", "Ana", "https://ci.example/71")
    [event] = read("", query="summary=Deploy+4.2")
    assert event.title == "Deploy 4.2"


@pytest.mark.parametrize("content_type", ["application/json", FORM])
def test_json_may_say_more_and_a_list_is_a_list_of_changes(content_type):
    one = {"summary": "Deploy checkout 4.2", "service": "checkout", "author": {"name": "Ana"}, "revision": "9f2c1e7", "at": "2026-11-26T11:00:00Z",
           "kind": "infrastructure", "link": "https://ci.example/71"}  # fmt: skip
    first, second = read([one, {"title": "Another"}], content_type)
    assert first.labels == {"author": "Ana", "revision": "9f2c1e7"} and first.details["kind"] == "infrastructure"
    assert (first.service, first.link, first.started_at.hour) == ("checkout", "https://ci.example/71", 11)
    assert second.title == "Another"


def test_a_form_of_our_fields_is_read_as_one():
    [event] = read("summary=Deploy+checkout+4.2&service=checkout")
    assert (event.title, event.service) == ("Deploy checkout 4.2", "checkout")


def test_more_lines_are_kept_as_details():
    [event] = read("Deploy checkout 4.2\n- fixes the cart\n")
    assert event.title == "Deploy checkout 4.2" and "fixes the cart" in event.details["text"]


@pytest.mark.parametrize(("body", "content_type"), [
    (b"", FORM), (b"   ", "text/plain"), (b"{}", FORM), (b"[]", FORM), (b'{"service": "checkout"}', "application/json"), (b"\xff\xfe", "text/plain"),
    (b"Deploy", "application/json"), (b'{"summary": ', FORM), (b"\0", "text/plain"), (b'"Deploy"', "application/json"),
])  # fmt: skip
def test_what_says_nothing_is_refused_with_a_sentence(body, content_type):
    with pytest.raises(UnreadableError):
        read(body, content_type)
    with pytest.raises(InvalidError) as refused:
        changes.check(body, content_type)
    assert refused.value.answer.status == 400 and len(json.loads(refused.value.answer.body)["error"]) > 10


def test_curl_tells_a_change_with_the_key_of_any_integration_and_nobody_is_paged(live_server_process):
    tocsin = live_server_process
    service = tocsin.api("POST", "/services", {"name": "Change by curl"})
    integration = tocsin.api("POST", "/integrations", {"name": "Prometheus of curl", "kind": "alertmanager"})
    address = f"{tocsin.url}/in/{integration['key']}/change"
    said = subprocess.run(
        ["curl", "-sS", "-d", "Deploy curled 4.2", f"{address}?service=change+by+curl"], check=True, capture_output=True, text=True
    )
    assert json.loads(said.stdout) == {"status": "accepted"}

    def told():
        return [one for one in tocsin.api("GET", "/change-events")["items"] if one["summary"] == "Deploy curled 4.2"]

    [change] = until(told, bool)
    assert change["service"] == service["id"]
    assert tocsin.api("GET", f"/alerts?integration={integration['id']}")["items"] == []
    empty = subprocess.run(["curl", "-sS", "-d", "", "-w", "%{http_code}", address], check=True, capture_output=True, text=True)
    assert "nothing says" in empty.stdout.lower() and empty.stdout.endswith("400")
