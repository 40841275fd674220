"""Is unknown JSON read as a person would read it, and does it say where each answer was taken from?"""

import json
from datetime import UTC, datetime

import pytest

from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations.generic import words
from tocsin.integrations.generic.source import SOURCE

RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def explained(body, content_type="application/json"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SOURCE.explain(Received(body, content_type, RECEIVED))


def one(body, content_type="application/json"):
    [found] = explained(body, content_type)
    return found.event


def test_fields_are_found_in_whatever_spelling_and_one_or_two_levels_down():
    [found] = explained(
        {
            "eventType": "notification",
            "Data": {
                "Alert": {"alertName": "Disk full", "Alert-Status": "TRIGGERED", "dedupKey": "disk-1", "PRIORITY": 1},
                "startedAt": "2026-11-23T10:00:00Z",
            },
            "service": {"id": 7, "name": "db"},
            "htmlUrl": "https://x.example/1",
            "tags": ["env:prod", "red"],
            "annotations": {"runbook_url": "https://x.example/runbook"},
        }
    )
    event = found.event
    assert (event.title, event.status, event.dedup_key, event.severity) == ("Disk full", "firing", "disk-1", "critical")
    assert (event.service, event.link, event.runbook) == ("db", "https://x.example/1", "https://x.example/runbook")
    assert event.labels == {"env": "prod", "red": "true"} and event.started_at == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert found.paths == {
        "title": "Data.Alert.alertName", "status": "Data.Alert.Alert-Status", "key": "Data.Alert.dedupKey", "severity": "Data.Alert.PRIORITY",
        "started_at": "Data.startedAt", "service": "service", "link": "htmlUrl", "labels": "tags", "runbook": "annotations.runbook_url",
    }  # fmt: skip


def test_a_list_within_the_body_is_one_event_per_element_and_asks_the_body_for_the_rest():
    found = explained({"status": "resolved", "alerts": [{"title": "a", "id": 1}, {"title": "b", "status": "firing"}, 3, {"name": "c"}]})
    assert [(one.event.title, one.event.status) for one in found] == [
        ("a", "resolved"), ("b", "firing"), ("Unreadable event", "unknown"), ("c", "resolved"),
    ]  # fmt: skip
    assert found[0].paths["status"] == "status" and found[1].paths["status"] == "alerts[1].status"


def test_an_object_that_merely_holds_a_list_is_one_event():
    assert one({"title": "Deploy is slow", "items": [{"name": "step 1"}, {"name": "step 2"}]}).title == "Deploy is slow"
    assert one({"title": "CPU", "values": [{"x": 1}], "state": "ok"}).status == "resolved"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("OK", "resolved"), ("recovered", "resolved"), ("incident.resolved", "resolved"), ("CLOSED", "resolved"), ("Behoben", "resolved"),
        ("Gelöst", "resolved"), ("résolu", "resolved"), ("resuelto", "resolved"), ("解决", "resolved"), ("решено", "resolved"),
        ("not ok", "firing"), ("unresolved", "firing"), ("ALARM", "firing"), ("down", "firing"), ("alert_triggered", "firing"),
        ("kritisch", "firing"), ("障害", "firing"), ("Acknowledged", "acknowledged"), ("bestätigt", "acknowledged"), ("RE-OPENED", "firing"),
    ],
)  # fmt: skip
def test_states_are_understood_in_the_words_of_many_tools_and_languages(word, status):
    assert one({"title": "x", "status": word}).status == status


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"resolved": True}, "resolved"), ({"isResolved": False}, "firing"), ({"firing": False}, "resolved"), ({"ok": False}, "firing"),
        ({"exit_code": 0}, "resolved"), ({"exit_code": 2}, "firing"), ({"http_status": 503}, "firing"), ({"statusCode": 200}, "resolved"),
        ({"status": 0}, "firing"), ({"status": 1}, "firing"), ({"count": 0}, "firing"), ({"value": "0"}, "firing"), ({}, "firing"),
        ({"event": "monitor.recovered"}, "resolved"), ({"action": "paint it blue"}, "firing"), ({"acknowledged": True}, "acknowledged"),
    ],
)  # fmt: skip
def test_flags_and_numbers_are_states_only_under_names_that_mean_one(said, status):
    assert one({"title": "x", **said}).status == status


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ({"severity": "SEV-1"}, "error"), ({"severity": "P1 - Critical"}, "critical"), ({"priority": 2}, "error"), ({"priority": "5"}, "info"),
        ({"level": "Warnung"}, "warning"), ({"logLevel": "FATAL"}, "critical"), ({"urgency": "low"}, "info"), ({"severity": 4}, None),
        ({"severity": {"name": "major"}}, "error"), ({"severity": "purple"}, None), ({"exit_code": 2}, "critical"), ({"count": 1}, None),
    ],
)  # fmt: skip
def test_severities_are_understood_and_a_bare_number_is_none(said, level):
    assert one({"title": "x", **said}).severity == level


def test_both_ends_of_a_condition_share_a_key_though_the_title_says_how_it_stands():
    begin, end = one(b"PROBLEM: Disk full on db1\nmore"), one(b"[RESOLVED] Disk full on db1")
    assert (begin.status, end.status) == ("firing", "resolved") and begin.dedup_key == end.dedup_key
    assert begin.title == "PROBLEM: Disk full on db1" and begin.details["text"].endswith("more")
    assert one({"title": "[FIRING:3] Disk full on db1"}).dedup_key == begin.dedup_key
    assert one({"title": "Note: read this"}).status == "firing"


def test_a_form_is_read_as_its_fields():
    event = one(b"title=Disk+full&state=OK&host=db1", "application/x-www-form-urlencoded")
    assert (event.title, event.status, event.service) == ("Disk full", "resolved", "db1")


@pytest.mark.parametrize("body", [b"", b"   ", b"\xff\xfe", b"3", b"null", b'"x"', b"[]", b"[1]", b'{"a"', b"\0\0"])
def test_what_says_nothing_is_refused_with_a_sentence(body):
    with pytest.raises(UnreadableError, match=r"body|object|JSON|text"):
        explained(body)


def test_names_are_folded_to_one_form():
    assert {words.folded(name) for name in ("alertName", "AlertName", "alert-name", "ALERT_NAME", "alert name", "Alert.Name")} == {
        "alert_name"
    }
    assert words.folded("generatorURL") == "generator_url" and words.folded("URL") == "url"
