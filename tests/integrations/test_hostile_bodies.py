"""Whatever becomes of a recorded message on its way: it is read, or refused with a sentence, and does no harm to what stores it."""

import copy
import json
import random
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tocsin.domain.ports import Received, UnreadableError
from tocsin.intake import any_source
from tocsin.integrations import reading
from tocsin.integrations.reading_spoilt import mended
from tocsin.integrations.registry import SOURCES

FOLDER = Path(__file__).parent / "payloads"
RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*.json"))
TURNS = 25  # mutations of each message
DEEP = json.loads("[" * 20 + "]" * 20)
ODD = [
    None, True, False, 0, -1, 1.5, 10**30, -(10**19), 1e300, "", " ", "\0", "a\0b", "\ud800", "x" * 70_000, "9" * 400, "²", "١", [], {}, [None],
    [[]], [{}], {"": ""}, {"a": None}, {"0": []}, DEEP, "{", "[]", "http://[", "https://x/" + "y" * 3000, "0001-01-01T00:00:00Z",
    "2026-13-45T99:99:99Z", "$TITLE", "{{ x }}", "*UNKNOWN*", "<script>alert(1)</script>", ["a:b", 1, None, {"key": []}], "NaN", "Infinity",
]  # fmt: skip


def places(value, path=()):
    """Every place in a message."""
    if isinstance(value, dict):
        for name in value:
            yield (*path, name)
            yield from places(value[name], (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value[:5]):
            yield (*path, number)
            yield from places(item, (*path, number))


def mutated(body, chance):
    body = copy.deepcopy(body)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        found = list(places(body))
        if not found:
            break
        *way, last = chance.choice(found)
        inside = body
        for step in way:
            inside = inside[step]
        turn = chance.random()
        if turn < 0.3:
            del inside[last]
        elif turn < 0.9:
            inside[last] = copy.deepcopy(chance.choice(ODD))
        elif isinstance(inside, dict):
            inside[chance.choice(("\0", "", "x" * 300, "status", "id"))] = inside[last]
    return body


def judged(kind, received):
    """What a source makes of it; every event must be fit to be stored."""
    try:
        events = SOURCES[kind].parse(received)
    except UnreadableError as error:
        assert str(error)
        return []
    for event in events:
        assert event.title and len(event.title) <= reading.LONGEST_TITLE and event.dedup_key and len(event.dedup_key) <= reading.LONGEST_KEY
        assert event.status in ("firing", "acknowledged", "resolved", "change", "ticket", "none", "handshake", "unknown")
        assert event.severity in (None, "critical", "error", "warning", "info")
        assert event.status != "unknown" or event.error
        assert not event.link or event.link.startswith(("http://", "https://"))
        assert all(moment is None or moment.tzinfo for moment in (event.started_at, event.occurred_at, event.ends_at))
        assert all(isinstance(name, str) and isinstance(value, str) and value for name, value in event.labels.items())
        written = msgspec.json.encode([event.title, event.dedup_key, event.service, event.labels, event.details, event.error])
        assert b"\\u0000" not in written and len(event.service) <= 200 and len(event.severity_word) <= 100
    return events


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_message_is_read_or_refused_and_never_breaks_its_reader(file):
    kind, body, chance = file.partition("/")[0], json.loads((FOLDER / file).read_text()), random.Random(file)
    for _ in range(TURNS):
        written = json.dumps(mutated(body, chance)).encode()
        judged(
            kind,
            Received(
                written, "application/json", RECEIVED, dedup_key="made", headers={"x-github-event": chance.choice(("push", "release", ""))}
            ),
        )


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_every_kind_has_a_sample_that_it_reads_and_words_on_how_to_set_it_up(kind):
    source = SOURCES[kind]
    events = judged(kind, Received(json.dumps(source.sample).encode(), "application/json", RECEIVED, dedup_key="made"))
    assert events and not any(event.error for event in events)
    assert source.kind == kind and source.label and source.category
    said = source.about.format(address="<address>", key="<key>", url="<url>", host="<host>", scheme="<scheme>")
    assert "<address>" in said or "<url>" in said or "<host>" in said
    assert not source.docs or source.docs.startswith("https://")


@pytest.mark.parametrize("kind", sorted(SOURCES))
@pytest.mark.parametrize(
    "body",
    [
        b"title=x&status=down",
        b"payload=%7B%22a%22%3A",
        b"payload={}",
        b"data=%5B%5D",
        b"&".join(b"a%d=1" % n for n in range(600)),
        b"a=\xff\xfe",
        b'{"a": 1e999}',
    ],
)
def test_a_form_is_read_or_refused(kind, body):
    judged(kind, Received(body, "application/x-www-form-urlencoded", RECEIVED))


@pytest.mark.parametrize("kind", ["papertrail", "uptime_kuma", "slack", "opsgenie_webhook"])
def test_a_form_may_carry_the_message_in_a_field(kind):
    file = next(file for file in FILES if file.startswith(kind + "/"))
    body = (FOLDER / file).read_bytes()
    plain = SOURCES[kind].parse(Received(body, "application/json", RECEIVED))
    boundary = b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n' + body + b"\r\n--x--\r\n"
    assert SOURCES[kind].parse(Received(boundary, "multipart/form-data; boundary=x", RECEIVED)) == plain


def test_json_that_a_template_spoilt_is_mended_as_far_as_it_goes():
    spoilt = b'{"title": "[Triggered] Disk "full" on db1", "transition": "Triggered", "aggregate": "a1",\n "body": "two\nlines"}'
    [event] = SOURCES["datadog"].parse(Received(spoilt, "application/json", RECEIVED))
    assert (event.status, event.dedup_key, event.title) == ("firing", "a1", 'Disk "full" on db1')
    [event] = SOURCES["generic"].parse(Received(b'{"title": "Disk full", "key": "a",}', "application/json", RECEIVED))
    assert event.dedup_key == "a"


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ('{"title": "Störung"}'.encode("cp1252"), "Störung"),
        ('{"title": "Störung"}\r\n'.encode("utf-16"), "Störung"),
        (b"\xfe\xff" + '{"title": "Störung"}\n'.encode("utf-16-be"), "Störung"),
        (b'\xef\xbb\xbf{"title": "Disk full"}', "Disk full"),
        (b'{"title": "Disk full", "used": NaN}', "Disk full"),
        (b'{"title": "Disk \\udcff full"}', "Disk \ufffd full"),
        ("Störung auf db1".encode("cp1252"), "Störung auf db1"),
    ],
)
def test_a_body_in_another_character_set_or_from_another_json_is_read_all_the_same(body, title):
    assert any_source.check(body, "text/plain").accepted.status == 202
    assert [event.title for event in SOURCES["generic"].parse(Received(body, "text/plain", RECEIVED))] == [title]


def test_how_deep_a_body_is_does_not_depend_on_its_character_set():
    deep = '["\\"",' + "[" * 900 + "]" * 900 + "]"
    for body in (deep.encode(), deep.encode("utf-16")):
        assert mended(body) is None
        with pytest.raises(UnreadableError):
            SOURCES["generic"].parse(Received(body, "application/json", RECEIVED))


def test_an_object_a_line_is_a_list_and_a_bad_element_stands_alone():
    for body in (b'{"title": "one"}\n{"title": "two"}\n', b'[5, {"title": "one"}, {"title": "two"}]'):
        events = SOURCES["generic"].parse(Received(body, "application/json", RECEIVED))
        assert [event.title for event in events if event.status != "unknown"] == ["one", "two"]


def test_mending_takes_little_time_on_the_worst_bodies():
    for body in (b"{" + b'"a":"' * 10_000 + b"}", b'{"' + b'a":1,"' * 680 + b"}", b"{" + b"  ," * 20_000 + b"x}", b"{}\n" * 20_000 + b"{x"):
        began = time.thread_time()
        assert mended(body) is None
        assert time.thread_time() - began < 0.5  # 20 ms as a rule


def test_a_trigger_that_names_no_alert_opens_one_whatever_its_address():
    event = {"event_action": "trigger", "dedup_key": "", "payload": {"summary": "Disk full", "source": "db1", "severity": "critical"}}
    first, again = (SOURCES["pagerduty_events_v2"].parse(Received(json.dumps(event).encode(), "", RECEIVED))[0] for _ in range(2))
    assert first.dedup_key == again.dedup_key != ""
    [other] = SOURCES["pagerduty_events_v2"].parse(Received(json.dumps({**event, "client": "x"}).encode(), "", RECEIVED))
    assert other.dedup_key != first.dedup_key


def test_what_turns_the_text_around_it_or_steers_a_terminal_is_left_out():
    said = {"title": "\x1b[31mred \u202eder\u202c \x9b2J\u2067x\u2069", "key": "a", "labels": {"k": "שלום 👩\u200d👧\u202e"}}
    [event] = SOURCES["generic"].parse(Received(json.dumps(said).encode(), "application/json", RECEIVED))
    assert (event.title, event.labels) == ("[31mred der 2Jx", {"k": "שלום 👩\u200d👧"})


def test_a_long_stack_trace_is_read_and_its_depths_are_left_out():
    frames = [{"lineno": n, "vars": {f"v{m}": "x" for m in range(20)}} for n in range(200)]
    body = {
        "action": "triggered",
        "data": {"event": {"title": "E", "issue_id": "7", "level": "fatal", "exception": {"values": [{"frames": frames}]}}},
    }
    [event] = SOURCES["sentry"].parse(Received(json.dumps(body).encode(), "application/json", RECEIVED))
    assert (event.title, event.dedup_key, event.severity) == ("E", "7", "critical")
    assert reading.fields(event.details) <= reading.MOST_FIELDS and event.details["data"]


def test_the_reference_lists_every_kind_and_no_other():
    page = (Path(__file__).parents[2] / "docs/reference/sources.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (?:\[([^\]]+)\]\(|)", page, re.MULTILINE))
    assert set(rows) == set(SOURCES)
    assert all(SOURCES[kind].label in page for kind in SOURCES)
