"""Many earlier events are taken in once more: told before, in order, behind what is fresh; or kept as a file."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from tests.api.test_frame import call
from tests.scenarios.world import World
from tocsin import clock
from tocsin.accounts.models import AuditEntry, Role, User
from tocsin.alerts import jobs, operations, operations_replay
from tocsin.alerts.models import Alert, EventReplay, Integration, RawEvent
from tocsin.alerts.queries_events import EventFilter, matching
from tocsin.lib.refusal import Refused
from tocsin.response import replay_many

pytestmark = pytest.mark.django_db
BEARER = "bootstrap-secret"


def body(name: str, status: str = "firing") -> bytes:
    labels = {"alertname": name, "severity": "critical"}
    return json.dumps({"alerts": [{"status": status, "fingerprint": name, "labels": labels}]}).encode()


def came(world: World, text: bytes, *, hours: float = 2, state: str = "done", integration: Integration | None = None) -> RawEvent:
    """An event that came in hours ago and was dealt with."""
    at = clock.now() - timedelta(hours=hours)
    return RawEvent.objects.create(
        integration=integration or world.integration, protocol="in", content_type="application/json", body=text, received_at=at, state=state
    )


def planned(world: World, **which: object) -> replay_many.Plan:
    return replay_many.plan(EventFilter(**{"since": clock.now() - timedelta(days=1), **which}), by=world.by)


def replayed(world: World, plan: replay_many.Plan, **more: str) -> EventReplay:
    row = replay_many.begin(plan, by=world.by, now=clock.now(), **more)
    jobs.replay_events(row.pk)
    row.refresh_from_db()
    return row


def test_a_dry_run_says_how_many_of_whom_and_what_the_first_say_and_changes_nothing(world: World):
    other = Integration.objects.create(name="Grafana", kind="grafana_unified", key="other", service=world.service)
    came(world, body("Old"), hours=30)
    first, _ = came(world, body("Disk full")), came(world, b"no json", state="refused")
    came(world, body("Other"), integration=other)
    came(world, body("Waiting"), state="new")
    plan = planned(world)
    assert plan.total == 3 and not plan.typed
    assert "Grafana 1, Prometheus 2" in " ".join(plan.sentences) and "count from now on" in " ".join(plan.sentences)
    assert plan.samples[0].startswith(f"Event {first.pk} of Prometheus") and "Disk full, firing, critical" in plan.samples[0]
    assert "cannot be read" in plan.samples[1]
    assert planned(world, state="refused").total == 1 and planned(world, kind="grafana_unified").total == 1
    assert planned(world, integration=other.pk).total == 1 and planned(world, until=clock.now() - timedelta(hours=3)).total == 0
    assert RawEvent.objects.count() == 5 and not EventReplay.objects.exists()


def test_they_come_in_again_in_order_name_the_old_ones_and_page(world: World):
    world.policy([world.ana])
    old = [came(world, body(name)) for name in ("one", "two", "three")]
    row = replayed(world, planned(world))
    assert (row.state, row.done, row.total) == ("done", 3, 3)
    again = RawEvent.objects.exclude(replay_of=None).order_by("id")
    assert [raw.replay_of_id for raw in again] == [raw.pk for raw in old]
    assert [bytes(raw.body) for raw in again] == [bytes(raw.body) for raw in old]
    world.settle()
    world.phone.expect(world.ana)
    assert Alert.objects.filter(status="firing").count() == 3
    assert planned(world).total == 3, "replays are no part of another replay"
    assert AuditEntry.objects.filter(verb="replay", object_kind="replay", object_id=str(row.pk)).count() == 1


def test_nobody_is_paged_for_what_is_resolved_within_the_same_events(world: World):
    world.policy([world.ana])
    for name in ("one", "two"):
        came(world, body(name))
    for name in ("one", "two"):
        came(world, body(name, "resolved"))
    replayed(world, planned(world))
    world.settle()
    world.phone.silent()
    assert list(Alert.objects.values_list("status", flat=True)) == ["resolved", "resolved"]


def test_fresh_events_go_first_and_a_replay_that_was_cut_off_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(operations_replay, "PIECE", 2)
    monkeypatch.setattr(operations_replay, "MOST_WAITING", 3)
    for number in range(5):
        came(world, body(f"n{number}"))
    row = replay_many.begin(planned(world), by=world.by, now=clock.now())
    assert operations_replay.take_piece(row.pk, clock.now()) == 2
    fresh = operations.accept(world.integration, body=body("fresh"), protocol="in", now=clock.now())
    assert operations_replay.take_piece(row.pk, clock.now()) == 0, "three wait"
    world.settle()
    fresh.refresh_from_db()
    assert fresh.state == "done"
    jobs.replay_events(row.pk)
    row.refresh_from_db()
    assert (row.state, row.done) == ("done", 5)
    assert sorted(RawEvent.objects.exclude(replay_of=None).values_list("replay_of", flat=True)) == sorted(
        RawEvent.objects.filter(replay_of=None).exclude(pk=fresh.pk).values_list("pk", flat=True)
    )


def test_a_job_that_lasts_too_long_is_followed_by_another(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "REPLAY_SECONDS", -1.0)
    monkeypatch.setattr(operations_replay, "PIECE", 2)
    deferred: list[int] = []
    monkeypatch.setattr(jobs.replay_events, "defer", lambda replay_id: deferred.append(replay_id))
    for number in range(4):
        came(world, body(f"n{number}"))
    row = replay_many.begin(planned(world), by=world.by, now=clock.now())
    jobs.replay_events(row.pk)
    assert deferred == [row.pk, row.pk] and RawEvent.objects.exclude(replay_of=None).count() == 2


def test_a_replay_can_be_stopped_and_what_was_taken_in_stays(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(operations_replay, "PIECE", 2)
    for number in range(5):
        came(world, body(f"n{number}"))
    row = replay_many.begin(planned(world), by=world.by, now=clock.now())
    operations_replay.take_piece(row.pk, clock.now())
    assert replay_many.stop(row.pk, by=world.by, now=clock.now()).state == "stopped"
    assert operations_replay.take_piece(row.pk, clock.now()) is None
    assert RawEvent.objects.exclude(replay_of=None).count() == 2


def test_many_must_be_confirmed_and_too_many_are_refused(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replay_many, "MOST_UNTYPED", 1)
    monkeypatch.setattr(replay_many, "MOST_REPLAYED", 2)
    for number in range(2):
        came(world, body(f"n{number}"))
    with pytest.raises(Refused) as refused:
        replay_many.begin(planned(world), by=world.by, now=clock.now())
    assert refused.value.errors == {"confirm": "Type 2 to confirm that so many events are meant."}
    came(world, body("one more"))
    for which, field in (({}, "since"), ({"state": "new"}, "state"), ({"kind": "fax"}, "kind"), ({"integration": 9}, "integration"), ({"since": None}, "since")):  # fmt: skip
        with pytest.raises(Refused) as refused:
            planned(world, **which)
        assert list(refused.value.errors) == [field]
    monkeypatch.setattr(replay_many, "MOST_REPLAYED", 10)
    monkeypatch.setattr(operations_replay, "MOST_AT_ONCE", 1)
    replay_many.begin(planned(world), typed="3", by=world.by, now=clock.now())
    with pytest.raises(Refused) as refused:
        replay_many.begin(planned(world), typed="3", by=world.by, now=clock.now())
    assert refused.value.code == "busy"


def test_a_span_of_time_is_found_by_the_numbers_of_events(world: World):
    old = [came(world, body("x"), hours=10 - n) for n in range(10)]
    RawEvent.objects.filter(pk__in=[old[2].pk, old[5].pk]).delete()  # gaps
    since, until = old[3].received_at, old[7].received_at
    assert [raw.pk for raw in matching(EventFilter(since=since, until=until))] == [old[3].pk, old[4].pk, old[6].pk]
    assert not matching(EventFilter(since=clock.now())).exists() and not matching(EventFilter(until=old[0].received_at)).exists()


def test_the_api_says_it_first_does_it_tells_how_far_it_is_and_exports(world: World, settings):
    settings.BOOTSTRAP_TOKEN = BEARER
    first, binary = came(world, body("Disk full")), came(world, b"\xff\x00", state="refused")
    wanted = {"since": (clock.now() - timedelta(days=1)).isoformat()}
    dry = call("POST", "/event-replays", {"filter": wanted, "dry_run": True, "by": world.ana.pk}, bearer=BEARER)
    assert dry.status_code == 200 and dry.json()["total"] == 2 and not EventReplay.objects.exists()
    begun = call("POST", "/event-replays", {"filter": wanted, "by": world.ana.pk}, bearer=BEARER)
    assert begun.status_code == 202, begun.content
    replay_id = begun.json()["replay"]["id"]
    jobs.replay_events(replay_id)
    assert call("GET", f"/event-replays/{replay_id}", bearer=BEARER).json()["done"] == 2
    assert [one["id"] for one in call("GET", "/event-replays", bearer=BEARER).json()["items"]] == [replay_id]
    assert call("POST", f"/event-replays/{replay_id}/stop", {}, bearer=BEARER).json()["state"] == "done"
    assert call("GET", "/event-replays/999", bearer=BEARER).status_code == 404
    answer = call("GET", f"/events.jsonl?until={(clock.now() - timedelta(hours=1)).isoformat().replace('+', '%2B')}", bearer=BEARER)
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert [line["id"] for line in lines] == [first.pk, binary.pk]
    assert lines[0]["body"] == body("Disk full").decode() and lines[0]["encoding"] == "text"
    assert base64.b64decode(lines[1]["body"]) == b"\xff\x00" and lines[1]["encoding"] == "base64"
    refused = call("GET", "/events.jsonl?since=2026-01-01T00:00:00", bearer=BEARER)
    assert refused.status_code == 422 and b"zone" in refused.content


def test_the_page_shows_what_will_happen_asks_for_the_number_and_follows_the_replay(world: World, client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replay_many, "MOST_UNTYPED", 1)
    User.objects.filter(pk=world.ana.pk).update(role=Role.RESPONDER)
    client.force_login(User.objects.get(pk=world.ana.pk))
    for name in ("one", "two"):
        came(world, body(name))
    since = f"{clock.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert client.get("/events/replay/").status_code == 200
    shown = client.get(f"/events/replay/?look=1&since={since}").content.decode()
    assert "2 events will be taken in once more" in shown and "Type their number" in shown and "/api/v1/events.jsonl?since=" in shown
    assert client.get("/events/replay/?look=1&since=yesterday").status_code == 422
    wrong = client.post("/events/replay/", {"since": since, "confirm": "3"})
    assert wrong.status_code == 422 and "Type 2 to confirm" in wrong.content.decode()
    begun = client.post("/events/replay/", {"since": since, "confirm": "2"})
    assert begun.status_code == 303
    assert "0 of 2 events" in client.get(begun["Location"]).content.decode()
    jobs.replay_events(EventReplay.objects.get().pk)
    fragment = client.get(begun["Location"] + "?fragment=replay").content.decode()
    assert "2 of 2 events" in fragment and "All of them are taken in" in fragment and "hx-get" not in fragment
