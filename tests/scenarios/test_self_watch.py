"""The pager's pager: a test event flies the whole way and reaches nobody; when it does not, the alarm goes out and the outside ping stops."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import DatabaseError

from tests.loops import run
from tests.scenarios.test_catch_up import hold
from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.models import Role, User
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert, Integration, RawEvent
from tocsin.paging import operations_canary
from tocsin.paging.models import Escalation, Notification
from tocsin.response import alarm, alert_reach, audit, canary, self_watch
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db


class Outside:
    """A heartbeat service and an alarm's receiver: keeps what comes in."""

    def __init__(self) -> None:
        self.pings: list[str] = []
        self.alarms: list[dict[str, Any]] = []
        outside = self

        class Taker(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.pings.append(self.path)
                self.send_response(200)
                self.end_headers()

            def do_POST(self) -> None:
                outside.alarms.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def until(self, fetch: Any) -> Any:
        end = time.monotonic() + 60
        while not (found := fetch()) and time.monotonic() < end:
            time.sleep(0.01)
        return found


@pytest.fixture
def outside(settings, monkeypatch):
    made = Outside()
    settings.HEARTBEAT_URL, settings.ALARM = f"{made.url}/ping", [f"{made.url}/alarm"]
    monkeypatch.setattr(self_watch, "close_old_connections", lambda: None)  # this test's transaction lives in it
    monkeypatch.setattr(audit, "last", audit.Look(time.monotonic()))
    yield made
    made.server.shutdown()
    made.server.server_close()


def watch() -> self_watch.Watch:
    return self_watch.Watch("worker", lambda: {"escalations": 0.5})


def send(world: World) -> None:
    """As the web process does it; the store is the room's own here, the real intake is driven below."""
    integration = Integration.objects.get(key=operations_canary.key(world.now))
    alerts.accept(integration, body=canary.EVENT, protocol="in", now=world.now)


def test_it_flies_from_the_intake_to_the_end_of_a_page_and_leaves_nothing_in_lists_and_timelines(world: World):
    world.policy([world.ana])
    for _ in range(3):
        send(world)
        world.settle()
        assert operations_canary.arrival().ago == 0.0
        world.advance(minutes=1)
    assert operations_canary.arrival().ago == 60.0
    world.phone.silent()
    assert (Alert.objects.count(), Entry.objects.count(), RawEvent.objects.count()) == (0, 0, 1)
    assert [(row.track, row.status) for row in Escalation.objects.all()] == [("canary", "stopped")]
    assert [(row.kind, row.state, row.attempt) for row in Notification.objects.all()] == [("canary", "delivered", 1)]
    assert not Integration.objects.filter(kind="canary", removed_at=None).exists()


def test_the_intake_takes_it_as_it_takes_every_event(world: World, monkeypatch: pytest.MonkeyPatch):
    from tocsin.intake import canary as sender

    monkeypatch.setattr(sender, "_key", lambda: "canary-key")
    asked: list[Any] = []

    async def intake(scope: Any, receive: Any, send: Any) -> None:
        asked.append((scope["method"], scope["path"], (await receive())["body"]))
        await send({"type": "http.response.start", "status": 202, "headers": []})

    assert run(sender._send(intake)) == 202
    assert asked == [("POST", "/in/canary-key", canary.EVENT)]


def test_an_event_that_cannot_be_folded_stops_it_and_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch):
    world.policy([world.ana])
    send(world)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a rule that nobody tried")

    monkeypatch.setattr(alert_reach, "first", broken)
    world.settle()
    assert operations_canary.arrival().ago is None
    assert RawEvent.objects.get().error == "It could not be folded: RuntimeError"


def test_all_in_order_and_arrived_the_outside_hears_it_once_a_minute(world: World, outside: Outside):
    send(world)
    world.settle()
    eyes = watch()
    eyes.round()
    eyes.round()
    assert outside.until(lambda: outside.pings) == ["/ping"] and not outside.alarms
    eyes.pinged -= self_watch.PING_EVERY
    eyes.round()
    assert outside.until(lambda: len(outside.pings) == 2)


def test_before_the_first_one_arrives_the_outside_hears_nothing(world: World, outside: Outside):
    watch().round()
    assert not outside.pings and not outside.alarms


def test_something_due_and_late_raises_the_alarm_without_a_write_and_stops_the_ping(world: World, outside: Outside):
    world.policy([world.ana], [world.ben], wait=60)
    send(world)
    world.alert()
    world.phone.expect(world.ana)
    clock.shift(timedelta(seconds=95))  # and the loop of escalations is stuck
    before = Notification.objects.count()
    eyes = watch()
    eyes.round()
    alarm_ = outside.until(lambda: outside.alarms)[0]
    assert alarm_["kinds"] == ["late:escalations"] and "escalations is 35 seconds late" in alarm_["text"] and alarm_["ill"]
    eyes.round()
    assert len(outside.alarms) == 1 and not outside.pings and Notification.objects.count() == before
    world.settle()
    world.phone.expect(world.ben)
    eyes.round()
    assert outside.until(lambda: len(outside.alarms) == 2) and not outside.alarms[1]["ill"]


def test_the_silence_of_the_auditor_is_an_alarm(world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch):
    send(world)
    world.settle()
    monkeypatch.setattr(audit, "last", audit.Look(time.monotonic() - 200))
    eyes = watch()
    eyes.started -= 300
    eyes.round()
    assert outside.until(lambda: outside.alarms)[0]["kinds"] == ["auditor"] and not outside.pings


def test_a_loop_that_does_not_go_round_is_an_alarm_although_nothing_is_due(world: World, outside: Outside):
    send(world)
    world.settle()
    eyes = self_watch.Watch("worker", lambda: {"escalations": 50.0, "notifications": 0.1})
    eyes.round()
    assert outside.until(lambda: outside.alarms)[0]["kinds"] == ["stuck:escalations"] and not outside.pings


def test_after_this_process_itself_was_frozen_its_loops_are_judged_from_the_next_look_on(world: World, outside: Outside):
    eyes = self_watch.Watch("worker", lambda: {"escalations": 50.0})
    eyes.looked -= 50
    assert eyes.look() == []
    assert [problem.kind for problem in eyes.look()] == ["stuck:escalations"]


def test_the_database_away_is_an_alarm_too_and_everybody_is_known_from_before(world: World, outside: Outside, monkeypatch, settings):
    User.objects.filter(pk=world.lea.pk).update(role=Role.ADMINISTRATOR)
    send(world)
    world.settle()
    eyes = watch()
    eyes.round()

    def away() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(self_watch.lateness, "by_loop", away)
    monkeypatch.setattr(self_watch.connection, "close", lambda: None)
    eyes.answered -= 40
    eyes.round()
    assert outside.until(lambda: outside.alarms)[0]["kinds"] == ["database"]
    settings.ALARM, settings.EMAIL_HOST = [], "mail.example"
    assert alarm.targets() == ["mailto:lea@example.com"]


def test_a_ping_target_out_of_reach_changes_nothing(world: World, outside: Outside, settings):
    settings.HEARTBEAT_URL = "http://127.0.0.1:1/ping"
    send(world)
    world.settle()
    eyes = watch()
    eyes.round()
    eyes._send_ping()
    assert eyes.ping_ok is None and not outside.alarms
    world.policy([world.ana])
    world.alert()
    world.phone.expect(world.ana)


def test_while_paging_is_held_back_the_outside_hears_nothing(world: World, outside: Outside):
    send(world)
    world.settle()
    hold(world)
    watch().round()
    assert outside.until(lambda: outside.alarms)[0]["kinds"] == ["held"] and not outside.pings


def test_a_web_process_raises_the_alarm_when_no_worker_is_heard(world: World, outside: Outside):
    eyes = self_watch.Watch("web")
    eyes.round()
    assert not outside.alarms
    eyes.started -= 60
    eyes.round()
    assert outside.until(lambda: outside.alarms)[0]["kinds"] == ["worker"]
    assert not outside.pings
