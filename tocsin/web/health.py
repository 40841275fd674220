"""Is this installation able to do its work, and what can be counted about it? For load balancers and Prometheus."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

from django.db import Error, close_old_connections, connection
from django.db.migrations.executor import MigrationExecutor
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tocsin.jobs import heartbeat
from tocsin.response import audit, lateness

METRICS_TYPE = CONTENT_TYPE_LATEST.encode()
_migrated = False

HELD = "SELECT coalesce((SELECT held_since IS NOT NULL FROM paging_pagingstate WHERE id = 1), false)::int"
# Each row of a query is (label value, number), or (number,) without a label.
GAUGES: tuple[tuple[str, str, str, str], ...] = (
    ("tocsin_alerts_firing", "Alerts that fire now.", "", "SELECT count(*) FROM alerts_alert WHERE status = 'firing'"),
    (
        "tocsin_incidents_open",
        "Incidents that are not closed, by severity.",
        "severity",
        "SELECT severity, count(*) FROM incidents_incident WHERE status <> 'closed' AND NOT drill GROUP BY 1",
    ),
    (
        "tocsin_due_oldest_seconds",
        "How late the oldest row of each loop is.",
        "loop",
        lateness.QUERY,
    ),
    (
        "tocsin_canary_age_seconds",
        "Seconds since the last test event arrived after the whole path; one is sent each minute.",
        "",
        "SELECT extract(epoch FROM tocsin_now() - final_at) FROM paging_notification WHERE identity = 'canary' AND state = 'delivered'",
    ),
    (
        "tocsin_canary_seconds",
        "How long the last test event took, from its acceptance to the end of its page.",
        "",
        "SELECT extract(epoch FROM final_at - created_at) FROM paging_notification WHERE identity = 'canary' AND state = 'delivered'",
    ),
    ("tocsin_paging_held", "1 while paging is held back after a restore: nobody is paged until an administrator releases it.", "", HELD),
    (
        "tocsin_notifications_waiting",
        "Notifications that are still to be sent, by method.",
        "method",
        "SELECT method_kind, count(*) FROM paging_notification WHERE due_at IS NOT NULL GROUP BY 1",
    ),
    (
        "tocsin_jobs_waiting",
        "Jobs that wait, by queue.",
        "queue",
        "SELECT queue_name, count(*) FROM procrastinate_jobs WHERE status = 'todo' GROUP BY 1",
    ),
    (
        "tocsin_jobs_oldest_seconds",
        "Age of the oldest job that could run, by queue.",
        "queue",
        """SELECT queue_name, extract(epoch FROM now() - min(coalesce(scheduled_at, (
            SELECT min(at) FROM procrastinate_events WHERE job_id = procrastinate_jobs.id)))) FROM procrastinate_jobs
        WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()) GROUP BY 1""",
    ),
    ("tocsin_jobs_failed", "Jobs that failed and stay.", "", "SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'"),
    (
        "tocsin_raw_events_oldest_seconds",
        "Age of the oldest raw event that was read, when old ones were last deleted.",
        "",
        "SELECT extract(epoch FROM ran_at - oldest_at) FROM alerts_eventretention",
    ),
    (
        "tocsin_raw_events_late_seconds",
        "How much older than it should be that event is: the deletion does not keep up.",
        "",
        """SELECT greatest(0, extract(epoch FROM ran_at - oldest_at) - 86400 * (SELECT event_days FROM accounts_organisation WHERE id = 1))
        FROM alerts_eventretention""",
    ),
    ("tocsin_raw_events_bytes", "Bytes that raw events hold, estimated.", "", "SELECT held_bytes FROM alerts_eventretention"),
    (
        "tocsin_raw_events_file_bytes",
        "Bytes of the files that raw events lie in, with room for new ones.",
        "",
        "SELECT file_bytes FROM alerts_eventretention",
    ),
    ("tocsin_raw_events_deleted", "Raw events deleted because of their age or number.", "", "SELECT deleted FROM alerts_eventretention"),
    (
        "tocsin_schedule_troubles",
        "Gaps, double bookings, people who are away, have left, are unreachable or not ready within 14 days, at the last look at each schedule.",
        "kind",
        """SELECT key, sum(value::int) FROM oncall_schedule, jsonb_each_text(troubles) WHERE removed_at IS NULL GROUP BY key
        UNION ALL SELECT kind, 0 FROM unnest(ARRAY['gap','unreachable','not_ready','left','away','double']) kind
        WHERE NOT EXISTS (SELECT FROM oncall_schedule WHERE removed_at IS NULL AND troubles ? kind)""",
    ),
    (
        "tocsin_calendars_failing",
        "Outside calendars whose last reading failed.",
        "",
        "SELECT count(*) FROM oncall_externalcalendar WHERE removed_at IS NULL AND error <> ''",
    ),
    (
        "tocsin_worker_silence_seconds",
        "Seconds since the worker was last heard.",
        "worker",
        "SELECT name, extract(epoch FROM clock_timestamp() - at) FROM jobs_workerheartbeat",
    ),
)


def ready() -> tuple[int, bytes]:
    """200 when the database answers, the migrations are made and a worker was heard within 30 s; else 503 with the reason."""
    try:
        close_old_connections()
        reason = _reason()
        held = bool(_rows(HELD)[0][0]) if not reason else False
    except Error as error:
        connection.close()
        reason = f"the database does not answer: {type(error).__name__}"
    if reason:
        return 503, json.dumps({"status": "not ready", "reason": reason}).encode() + b"\n"
    return 200, json.dumps({"status": "ready", "paging": "held" if held else "at work"}).encode() + b"\n"


def _reason() -> str:
    global _migrated
    if not _migrated:  # asked until it is so: migrations are never taken back under a running program
        plan = MigrationExecutor(connection)
        missing = plan.migration_plan(plan.loader.graph.leaf_nodes())
        if missing:
            return f"{len(missing)} migrations are to be made: run `tocsin migrate`"
        _migrated = True
    silence = heartbeat.silence()
    if silence is None:
        return "no worker has been heard yet"
    return f"no worker has been heard for {silence:.0f} s" if silence > heartbeat.FRESH else ""


class _Counts(Collector):
    """What the database says about the work, read when Prometheus asks, at most every two seconds."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.at = 0.0
        self.found: list[GaugeMetricFamily] = []

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing, so that registering does not ask the database."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self.lock:
            if time.monotonic() - self.at > 2:
                self.found, self.at = list(_read()), time.monotonic()
            yield from self.found


def _read() -> Iterator[GaugeMetricFamily]:
    up = GaugeMetricFamily("tocsin_database_up", "Whether the database answered.")
    try:
        close_old_connections()
        for name, text, label, query in GAUGES:
            yield _gauge(name, text, label, _rows(query))
        yield _gauge("tocsin_audit_findings", "What stands still that should not, by kind.", "kind", audit.counts())
        up.add_metric([], 1)
    except Error:
        connection.close()
        up.add_metric([], 0)
    yield up


def _gauge(name: str, text: str, label: str, rows: list[Any]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, text, labels=[label] if label else None)
    for row in rows:
        gauge.add_metric([str(row[0])] if label else [], float(row[-1] or 0))
    return gauge


def _rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


REGISTRY.register(_Counts())
metrics: Callable[[], bytes] = generate_latest
