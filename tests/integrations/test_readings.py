"""Messages that real products sent are read as a person reads them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.registry import SOURCES

FOLDER = Path(__file__).parent / "payloads"
READINGS = json.loads((FOLDER / "readings.json").read_text())
RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def read(kind, body, made=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SOURCES[kind].parse(Received(body, "application/json", RECEIVED, dedup_key=made))


@pytest.mark.parametrize("row", READINGS, ids=[row["file"] for row in READINGS])
def test_a_recorded_message_is_read_right(row):
    events = read(row["source"], (FOLDER / row["file"]).read_bytes(), made="made-by-the-server")
    assert len(events) == len(row["expect"])
    for event, wanted in zip(events, row["expect"], strict=True):
        assert event.title and not event.error
        assert event.status == wanted["status"]
        if wanted["title_any"]:
            assert any(title in event.title for title in wanted["title_any"])
        if wanted["severity"]:
            assert event.severity == wanted["severity"]
        if wanted["dedup_key"]:
            assert event.dedup_key == wanted["dedup_key"]
        elif row["source"] == "pagerduty_events_v2":
            assert event.dedup_key == "made-by-the-server"
        else:
            assert event.dedup_key
        if wanted["service"]:
            assert event.service == wanted["service"]
        if wanted["started_at"]:
            assert abs(event.started_at - datetime.fromisoformat(wanted["started_at"])) < timedelta(seconds=1)
        assert event.link == (wanted["link"] or event.link if wanted["status"] != "firing" else wanted["link"] or "")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23T10:00:00Z", "10:00:00"),
        ("2026-11-23T10:00:00.123456789Z", "10:00:00.123456"),
        ("2026-11-23T10:00:00+01:00", "09:00:00"),
        ("2026-11-23T10:00:00+0100", "09:00:00"),
        ("2026-11-23T10:00:00.5", "10:00:00.5"),
        ("2026-11-23T10:00:00.123456+00:00Z", "10:00:00.123456"),
        ("2026-11-23 10:00:00", "10:00:00"),
        ("2026-11-23 10:00:00 +0000 UTC", "10:00:00"),
        (1795428000, "10:00:00"),
        ("1795428000", "10:00:00"),
        (1795428000000, "10:00:00"),
        (1795428000000000, "10:00:00"),
        (1795428000000000000, "10:00:00"),
        (1795428000.5, "10:00:00.5"),
    ],
)
def test_a_time_is_understood_in_every_form_that_monitors_write(written, meant):
    assert reading.time(written, RECEIVED) == datetime.fromisoformat(f"2026-11-23T{meant}+00:00")


@pytest.mark.parametrize(
    "written",
    ["0001-01-01T00:00:00Z", "1999-12-31T00:00:00Z", "2026-11-25T00:00:00Z", "soon", "", None, True, 0, {}, "9" * 70, float("inf"), 10**30],
)
def test_a_time_that_cannot_be_meant_is_not_set(written):
    assert reading.time(written, RECEIVED) is None


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"7", b'"x"', b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 5000])
@pytest.mark.parametrize("kind", list(SOURCES))
def test_a_body_that_says_nothing_is_refused_with_a_sentence_or_item_by_item(kind, body):
    try:
        events = read(kind, body)
    except UnreadableError as error:
        assert str(error)
    else:
        assert all(event.error for event in events)


def test_one_bad_item_leaves_its_neighbours_unharmed():
    good = {"labels": {"alertname": "A"}, "status": "firing"}
    events = read(
        "alertmanager",
        {"alerts": [good, "nonsense", {"labels": {f"l{n}": "x" for n in range(1001)}}, {**good, "labels": {"alertname": "B"}}]},
    )
    assert [bool(event.error) for event in events] == [False, True, True, False]
    assert "1,000" in events[2].error


def test_a_nul_and_a_giant_text_do_no_harm():
    [event] = read(
        "pagerduty_events_v2",
        {"event_action": "trigger", "payload": {"summary": "a\0b" + "x" * 5000, "custom_details": {"k": "y" * 100_000}}},
        "k",
    )
    assert event.title.startswith("ab") and len(event.title) == 1024
    assert len(event.details["custom_details"]["k"]) == 65_536


@pytest.mark.parametrize("address", ["javascript:alert(1)", "/graph", "ftp://x/y", "http://", "data:text/html,x", "http://a b"])
def test_only_absolute_web_addresses_become_links(address):
    [event] = read("generic", {"title": "x", "url": address})
    assert event.link == ""


@pytest.mark.parametrize(
    ("state", "status"), [("ok", "resolved"), ("alerting", "firing"), ("DOWN", "firing"), ("acked", "acknowledged"), (None, "firing")]
)
def test_generic_json_is_guessed_by_its_state(state, status):
    [event] = read("generic", {"name": "Disk full", "host": "db1", "state": state, "priority": "P1"})
    assert (event.status, event.severity, event.service) == (status, "critical", "db1")


def test_generic_json_with_an_unknown_state_is_kept_for_people_and_never_dropped():
    [event] = read("generic", {"title": "x", "status": "wobbling"})
    assert event.status == "unknown" and "wobbling" in event.error


def test_prometheus_alerts_expire_when_they_are_not_renewed():
    [firing, ended] = read("alertmanager_api_v2", [{"labels": {"a": "1"}}, {"labels": {"a": "1"}, "endsAt": "2026-11-23T11:59:59Z"}])
    assert firing.ends_at == RECEIVED + timedelta(minutes=5)
    assert ended.status == "resolved" and ended.dedup_key == firing.dedup_key
