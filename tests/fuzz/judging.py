"""What must hold for every body and every parser? An answer or a sentence, fit to be stored, in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from tocsin.domain.alerts import EventStatus
from tocsin.domain.ports import Received, UnreadableError
from tocsin.intake import alertmanager, any_source, changes, pagerduty
from tocsin.intake.request import InvalidError
from tocsin.integrations import mapping
from tocsin.integrations.registry import SOURCES

RECEIVED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LONGEST = 2.0  # seconds of work for one body; a thousandth of it is usual
PAYLOADS = Path(__file__).parent.parent / "integrations" / "payloads"
CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "")
CHECKS: dict[str, Callable[[bytes], object]] = {
    "check /in/": any_source.check,
    "check /in/ text": lambda body: any_source.check(body, "text/plain"),
    "check change": changes.check,
    "check PagerDuty": pagerduty.check,
    "check PagerDuty change": pagerduty.check_change,
    "check Alertmanager": alertmanager.check,
}
RULES = mapping.Rules(
    {
        "items": "body.alerts", "when": "item.status != 'note'", "title": 'item.title + "!"', "severity": "item.severity",
        "labels": '{"a": item.labels.a}', "dedup_key": 'item.id.extract("([a-z]+)")', "started_at": "item.time", "link": "body.url",
    },
    {"purple": "critical"}, ("host",),
)  # fmt: skip
TARGETS = (*SOURCES, *CHECKS, "mapping")


def recorded() -> dict[str, list[bytes]]:
    """The recorded messages by kind: seeds."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(PAYLOADS.glob("*/*")):
        if path.is_file():
            found.setdefault(path.parent.name, []).append(path.read_bytes())
    return found


def judge(target: str, body: bytes, content_type: str = "application/json") -> None:
    """Run one parser or check on one body; AssertionError or whatever it raised where it breaks a promise."""
    began = time.thread_time()
    if target in CHECKS:
        try:
            CHECKS[target](body)
        except InvalidError as refused:
            assert 400 <= refused.answer.status < 500 and json.loads(refused.answer.body)
    else:
        received = Received(body, content_type, RECEIVED, "in", "made-by-the-server", {"x-event-key": "x", ":query": "a=b"})
        try:
            events = mapping.read(SOURCES["generic"].parse, received, RULES) if target == "mapping" else SOURCES[target].parse(received)
        except UnreadableError as unreadable:
            assert str(unreadable)
        else:
            for event in events:
                _judge_event(event)
    assert time.thread_time() - began < LONGEST


def _judge_event(event) -> None:
    assert event.status in get_args(EventStatus)
    assert 0 < len(event.title) <= 1024 and len(event.dedup_key) <= 512 and event.dedup_key
    assert event.severity in ("critical", "error", "warning", "info", None)
    assert len(event.service) <= 500 and len(event.severity_word) <= 200
    assert event.link == "" or event.link.lower().startswith(("http://", "https://"))
    assert event.runbook == "" or event.runbook.lower().startswith(("http://", "https://"))
    assert event.status != "unknown" or event.error
    for moment in (event.started_at, event.ends_at, event.occurred_at):
        assert moment is None or moment.tzinfo is not None
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in event.labels.items()) and len(event.labels) <= 200
    texts = [event.title, event.dedup_key, event.service, event.link, event.runbook, event.error, event.note, event.severity_word]
    stored = json.dumps([*texts, event.labels, event.details], allow_nan=False)
    assert "\\u0000" not in stored.replace("\\\\", "")
    _no_lone([*texts, event.labels, event.details])


def _no_lone(value) -> None:
    if isinstance(value, str):
        value.encode("utf-8")
    elif isinstance(value, dict):
        for name, one in value.items():
            _no_lone(name)
            _no_lone(one)
    elif isinstance(value, list):
        for one in value:
            _no_lone(one)
