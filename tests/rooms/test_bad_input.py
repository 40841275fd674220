"""Whatever a stranger sends: never a 5xx because of content, never an accepted event without an outcome, and its neighbours are unharmed."""

import gzip
import json
import socket
import time
import zlib

import pytest

from tests.rooms.test_intake import KEY, Web, base, web  # noqa: F401
from tests.rooms.test_receiving_events import House
from tocsin.alerts.models import Alert, RawEvent
from tocsin.intake import any_source, compression
from tocsin.intake.request import InvalidError

GOOD = {"title": "Disk full", "labels": {"host": "db1"}}
BOMB = gzip.compress(b" " * 200_000_000, 9, mtime=0)

# -- over HTTP ----------------------------------------------------------------------------------------------------------


def test_a_gzipped_body_is_unpacked_and_stored_as_it_is_meant(web):  # noqa: F811
    body = json.dumps({"alerts": [], "note": "gz"}).encode()
    for encoding, packed in (("gzip", gzip.compress(body, mtime=0)), ("deflate", zlib.compress(body)), ("identity", body)):
        assert web.call("POST", f"/in/{KEY}", packed, content_encoding=encoding)[0] == 202
        assert bytes(web.one("true")[1]) == body


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (BOMB, "gzip", 413),
        (zlib.compress(b"0" * 50_000_000), "deflate", 413),
        (gzip.compress(b'{"a": 1}', mtime=0)[:-4], "gzip", 400),
        (b'{"a": 1}', "gzip", 400),
        (b"", "gzip", 400),
        (b"x", "br", 415),
        (gzip.compress(b"{}", mtime=0), "gzip, gzip", 415),
    ],
)
def test_a_bomb_or_a_broken_packing_is_refused_at_once(web, body, encoding, status):  # noqa: F811
    began = web.work()
    for path, bearer in ((f"/in/{KEY}", ""), ("/v2/enqueue", ""), ("/api/v2/alerts", f"Bearer {KEY}")):
        seen, text, _ = web.call("POST", path, body, content_encoding=encoding, authorization=bearer)
        assert (seen, text[:1] in (b"{", b'"')) == (status, True)
    assert web.work() - began < 2


def test_unpacking_a_bomb_takes_little_time():
    began = time.thread_time()
    with pytest.raises(compression.UnpackedTooLargeError):
        compression.unpacked(BOMB, "gzip", 1_000_000)
    assert time.thread_time() - began < 0.2


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"Disk full on db1", "text/plain", 202),
        (b"[RESOLVED] Disk full", "text/plain", 202),
        (b"Disk full on db1", "application/x-www-form-urlencoded", 202),
        (b"title=Disk+full&state=ok", "application/x-www-form-urlencoded", 202),
        (b"payload=%7B%7D" + b"&a=1" * 100, "application/x-www-form-urlencoded", 400),
        (b"Disk full on db1", "application/json", 400),
        (b'{"a": ', "text/plain", 400),
        (b"\xff\xfe\xfa", "text/plain", 400),
        (b"a\0b", "text/plain", 400),
        (b"{" * 100_000, "text/plain", 400),
        (b'{"a":' * 100_000, "application/json", 400),
        (b"1" * 900_000, "application/json", 400),
        (b'{"n": ' + b"9" * 400_000 + b"}", "application/json", None),
        (b'{"n": 1e999999}', "application/json", None),
        (b'{"a": 1, "a": 2, "a": {"b": 1}}', "application/json", 202),
        (b'{"title": "\\ud800", "labels": {"\\udfff": "x"}}', "application/json", None),
        (b'{"title": "\\u0000"}', "application/json", 202),
        (b'{"title": "St\xf6rung"}', "application/json", 202),
        ('{"title": "Störung"}'.encode("utf-16"), "application/json", 202),
        (b"St\xf6rung auf db1", "text/plain", 202),
        (b'{"title": "Disk full", "used": NaN}', "application/json", 202),
        (b'{"title": "one"}\n{"title": "two"}\n', "application/json", 202),
    ],
)
def test_odd_bodies_are_taken_or_refused_with_a_sentence(web, body, kind, status):  # noqa: F811
    seen, text, _ = web.call("POST", f"/in/{KEY}", body, content_type=kind)
    assert seen == status if status else seen in (202, 400)
    assert json.loads(text)["status"] in ("accepted", "refused")


def test_a_query_with_more_fields_than_are_taken_is_refused(web):  # noqa: F811
    for path in (f"/in/{KEY}?" + "a=1&" * 200, f"/api/v2/alerts?token={KEY}&" + "filter=a&" * 200):
        seen, text, _ = web.call("GET", path, None)
        assert seen == 400 and "fields" in text.decode()


@pytest.mark.parametrize(
    "head", [b"Content-Length: -1", b"Content-Length: 99999999999", b"Content-Length: x", b"Content-Length: 4\r\nContent-Length: 5"]
)
def test_a_wrong_length_is_refused_and_the_next_request_is_served(web, head):  # noqa: F811
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as raw:
        raw.sendall(b"POST /in/" + KEY.encode() + b" HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n{}{}")
        raw.shutdown(socket.SHUT_WR)
        answer = raw.recv(1000)
    assert not answer.startswith(b"HTTP/1.1 5") and not answer.startswith(b"HTTP/1.1 2")
    assert web.call("POST", f"/in/{KEY}", {"alerts": []})[0] == 202


def test_ten_megabytes_are_refused_and_the_sender_sees_it(web):  # noqa: F811
    assert web.call("POST", f"/in/{KEY}", b"[" + b"1," * 5_000_000 + b"1]")[0] == 413


def test_the_check_itself_is_fast_on_the_worst_bodies():
    for body in (b"[" * 999_999, b'{"a":' * 200_000, b'"' + b"\\" * 999_000, b"9" * 999_999, b"{" + b'"a":1,' * 150_000 + b'"b":1}'):
        began = time.thread_time()
        try:
            any_source.check(body)
        except InvalidError as refused:
            assert json.loads(refused.answer.body)["error"]
        assert time.thread_time() - began < 0.5  # 50 ms as a rule


# -- what was accepted --------------------------------------------------------------------------------------------------

ODD = {
    "nul": {"title": "a\0b", "labels": {"a\0": "b\0"}, "details": {"x\0": ["\0"]}},
    "lone surrogate": b'{"title": "\\ud800 hot", "labels": {"k": "\\udc00"}}',
    "giant number": b'{"title": "x", "value": ' + b"9" * 4000 + b', "time": 1e300, "priority": 1e999}',
    "thousand keys": {"title": "x", "labels": {f"l{n}": "v" for n in range(990)}},
    "too many keys": {"title": "x", "deep": {f"l{n}": "v" for n in range(1500)}},
    "64 KB texts": {"title": "x" * 70_000, "labels": {"k": "y" * 70_000}, "key": "z" * 70_000, "url": "https://x/" + "q" * 70_000},
    "template code": {"title": "{{ 7*7 }} {% include 'x' %} ${7*7} <%= 1 %>", "service": "{{ self }}", "key": "{{ config }}"},
    "sql": {"title": "'; DROP TABLE alerts_alert; --", "labels": {"a') OR 1=1 --": "' OR ''='"}, "key": "k'; SELECT pg_sleep(5); --"},
    "csv formula": {"title": "=cmd|' /C calc'!A0", "service": "@SUM(1)", "labels": {"+x": "-1+1"}},
    "regex bomb": {"title": "a" * 5000 + "!", "status": "a " * 3000, "severity": "(a+)+$" * 500},
    "terminal": {"title": "\x1b[31mred\x1b[0m \x07 \u202e reversed", "labels": {"e": "\x1b]0;x\x07"}},
    "odd types": {"title": {"a": [1]}, "status": [1, {}], "labels": [None, 1, {}, [[]]], "url": {"x": 1}, "time": {}, "severity": [[]]},
    "duplicate keys": b'{"title": "one", "title": "two", "labels": {"a": "1", "a": "2"}}',
    "not finite": b'{"title": "x", "value": 1e400}',
    "plain text": b"Disk full",
    "bytes": b"\xff\xfe",
    "deep": b'{"title": "x", "d": ' + b"[" * 31 + b"]" * 31 + b"}",
    "deeper": b"[" * 5000,
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["generic", "alertmanager", "pagerduty_events_v2"])
def test_every_odd_body_that_was_accepted_gets_an_outcome_and_its_neighbours_become_alerts(kind):
    house = House(kind=kind)
    if kind == "generic":
        from tocsin.accounts.actor import SYSTEM
        from tocsin.alerts import operations
        from tocsin.clock import now

        rules = {"title": "item.title", "when": 'has(item.title) && !item.title.matches("(a+)+$b")', "labels": '{"t": item.title}'}
        operations.change_integration(house.integration, mapping=rules, by=SYSTEM, now=now())
    good = {
        "generic": GOOD, "alertmanager": {"alerts": [{"status": "firing", "labels": {"alertname": "A"}}]},
        "pagerduty_events_v2": {"event_action": "trigger", "dedup_key": "a", "payload": {"summary": "x"}},
    }[kind]  # fmt: skip
    rows = []
    for body in ODD.values():
        wrapped = {"alerts": [body, good["alerts"][0]]} if kind == "alertmanager" and isinstance(body, dict) else body
        rows.append(house.send(wrapped))
        rows.append(house.send(good))
    house.fold()
    for name, raw in zip([one for odd in ODD for one in (odd, "good")], rows, strict=True):
        raw.refresh_from_db()
        assert raw.state in ("done", "refused"), name
        assert raw.outcomes or raw.error, name
        if name == "good":
            assert raw.state == "done" and raw.outcomes[0]["change"] in ("opened", "folded"), raw.outcomes
    assert not RawEvent.objects.filter(state="new").exists()
    for alert in Alert.objects.all():
        assert 0 < len(alert.title) <= 1024 and "\0" not in alert.title and "\x1b" not in alert.title


@pytest.mark.django_db
def test_template_code_and_markup_in_titles_are_shown_as_they_are(client):
    from tocsin.accounts.models import User

    house = House(kind="generic")
    house.send({"title": "{{ 7*7 }} {% load x %} <script>alert(1)</script>", "labels": {"<b>": "{{ 6*7 }}"}, "url": "javascript:alert(1)"})
    house.fold()
    client.force_login(User.objects.get(email="ana@example.com"))
    alert = Alert.objects.get()
    for address in ("/alerts/", f"/alerts/{alert.pk}/"):
        page = client.get(address).content.decode()
        assert "{{ 7*7 }}" in page and "<script>alert(1)" not in page and 'href="javascript' not in page
