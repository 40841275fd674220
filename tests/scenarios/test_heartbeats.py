"""Something falls silent: people hear of it as of any alert, it is over with the next ping, and an outage of our own alarms nobody."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tests.scenarios.world import World
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert, RawEvent
from tocsin.heartbeats import operations, queries
from tocsin.heartbeats.models import Heartbeat, Ping

pytestmark = pytest.mark.django_db


def heartbeat(world: World, name: str = "Nightly backup", **fields: Any) -> Heartbeat:
    fields = {"period": timedelta(minutes=5), "grace": timedelta(minutes=1), "severity": "critical", **fields}
    return operations.create(integration=world.integration.pk, name=name, by=world.by, now=world.now, **fields)


def ping(world: World, row: Heartbeat, kind: str = "ping", **fields: Any) -> None:
    Ping.objects.create(integration_id=row.integration_id, heartbeat=row, kind=kind, at=world.now, **fields)
    world.settle()
    row.refresh_from_db()


def seconds_ago(table: str, column: str, seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} (id, at, since) VALUES (1, clock_timestamp(), 'epoch') ON CONFLICT (id) DO NOTHING")
        cursor.execute(f"UPDATE {table} SET {column} = clock_timestamp() - make_interval(secs => %s)", [seconds])


def test_a_missing_ping_pages_like_any_alert_and_the_next_one_ends_it(world: World):
    world.policy([world.ana])
    row = heartbeat(world)
    ping(world, row)
    world.advance(minutes=5, seconds=59)
    world.phone.silent()
    world.advance(seconds=2)
    world.phone.expect(world.ana, "Heartbeat [Nightly backup] is expired")
    alert = Alert.objects.get()
    assert (alert.dedup_key, alert.status, alert.service) == ("heartbeat_nightly backup", "firing", world.service)
    assert world.timeline(alert)[0] == "alert_opened"
    world.advance(seconds=30)
    row.refresh_from_db()
    assert row.state == "late"
    ping(world, row)
    alert.refresh_from_db()
    assert (alert.status, row.state) == ("resolved", "ok")
    assert world.timeline(alert)[-1] == "alert_resolved" or "alert_resolved" in world.timeline(alert)
    assert [raw.outcomes[0]["change"] for raw in RawEvent.objects.order_by("id")] == ["opened", "resolved"]


def test_one_that_was_never_pinged_alarms_nobody(world: World):
    world.policy([world.ana])
    heartbeat(world)
    world.advance(days=3)
    assert not Alert.objects.exists()


def test_a_failure_pages_at_once_with_what_the_job_said(world: World):
    world.policy([world.ana])
    row = heartbeat(world, message="Backups are broken")
    ping(world, row, exit_code=2, body=b"disk full")
    world.phone.expect(world.ana, "Backups are broken")
    alert = Alert.objects.get()
    assert (alert.details["said"], alert.details["exit_code"]) == ("disk full", 2)


def test_a_run_is_timed_from_its_start(world: World):
    row = heartbeat(world)
    ping(world, row, "start", run="6a")
    world.advance(seconds=20)
    ping(world, row, run="6a")
    newest = queries.pings(row)[0]
    assert timedelta(seconds=20) <= newest.took < timedelta(seconds=25)


def test_pausing_ends_its_alert_and_resuming_waits_for_a_ping(world: World):
    world.policy([world.ana])
    row = heartbeat(world)
    ping(world, row)
    world.advance(minutes=7)
    world.phone.expect(world.ana)
    operations.change(row, enabled=False, by=world.by, now=world.now)
    world.settle()
    assert Alert.objects.get().status == "resolved"
    ping(world, row)
    assert row.state == "paused"
    operations.change(row, enabled=True, by=world.by, now=world.now)
    world.advance(days=1)
    assert Alert.objects.count() == 1


def test_after_an_outage_of_ours_nobody_is_alarmed_for_what_may_have_been_lost(world: World):
    world.policy([world.ana])
    row = heartbeat(world, period=timedelta(hours=1), grace=timedelta(minutes=10))
    ping(world, row)
    world.advance(minutes=65)
    seconds_ago("alerts_attendance", "since", 10)  # the worker came back ten seconds ago
    world.advance(minutes=30)
    assert not Alert.objects.exists()  # not judged within five minutes of our return
    seconds_ago("alerts_attendance", "since", 30 * 60 + 60)  # by the moved clock it came back a minute before the ping was due
    world.advance(seconds=1)
    row.refresh_from_db()
    assert (row.state, Alert.objects.exists()) == ("ok", False)
    world.advance(minutes=80)
    world.phone.expect(world.ana, "is expired")
    world.phone.unread.clear()


def test_while_the_intake_is_away_nothing_counts_as_missing(world: World):
    world.policy([world.ana])
    row = heartbeat(world)
    ping(world, row)
    seconds_ago("heartbeats_hearing", "at", 300)
    world.advance(hours=3)
    assert not Alert.objects.exists()


def test_pings_that_waited_while_the_worker_was_away_count_before_anything_is_judged(world: World):
    world.policy([world.ana])
    row = heartbeat(world)
    ping(world, row)
    Ping.objects.create(integration_id=row.integration_id, heartbeat=row, kind="ping", at=world.now + timedelta(minutes=5))
    world.advance(minutes=7)
    assert not Alert.objects.exists()


def test_an_unknown_name_becomes_a_heartbeat_where_that_is_wanted(world: World):
    for _ in range(2):
        Ping.objects.create(integration=world.integration, name="Cron on db1", wanted={"period": 600}, kind="ping", at=world.now)
    world.settle()
    row = Heartbeat.objects.get()
    assert (row.name, row.period, row.state, row.pings.count()) == ("Cron on db1", timedelta(minutes=10), "ok", 2)


def test_a_hundred_pings_are_kept(world: World):
    row = heartbeat(world)
    rows = [Ping(integration_id=row.integration_id, heartbeat=row, kind="ping", at=world.now) for _ in range(130)]
    Ping.objects.bulk_create(rows)
    world.settle()
    assert row.pings.count() == 100


def test_an_always_firing_alert_is_a_ping_and_no_alert(world: World):
    world.policy([world.ana])
    row = heartbeat(world, "Prometheus", watchdog="Watchdog")
    body = {"alerts": [{"status": "firing", "labels": {"alertname": name, "severity": "none"}} for name in ("Watchdog", "Other")]}
    alerts.accept(world.integration, body=json.dumps(body).encode(), protocol="in", now=world.now)
    world.settle()
    row.refresh_from_db()
    assert row.state == "ok"
    assert [alert.title for alert in Alert.objects.all()] == ["Other"]
    world.advance(minutes=7)
    world.phone.expect(world.ana, "Heartbeat [Prometheus] is expired")
