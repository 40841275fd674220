"""How long do the alerts page and the API take for 50 rows, with 1,000, 100,000 and 1,000,000 open alerts? Prints p50 and p95 by the clock and the p50 of processor time (milliseconds in the server).

    python -m pytest -q -s tests/performance/alerts_list.py

The aim: p50 within 25 ms, flat from 1,000 to 1,000,000. With EXPLAIN=1 in the environment the plans of the statements are printed too.
"""

from __future__ import annotations

import os
import statistics
import time

import pytest
from django.db import connection, transaction
from django.test import Client

from tests.web import larkfield
from tocsin.accounts.models import User

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]
RUNS = int(os.environ.get("RUNS", "15"))
SIZES = (1_000, 100_000, 1_000_000)
ROWS = """
INSERT INTO alerts_alert (integration_id, dedup_key, service_id, status, title, source_severity, severity, severity_reason, link, runbook, labels,
  details, trace, suppressed_by, started_at, first_seen, last_seen, last_event_at, event_count, verdict, verdict_note%(names)s)
SELECT i.id, 'host-' || g, s.id, 'firing', (ARRAY['Disk', 'Memory', 'Latency', 'Queue'])[1 + g %% 4] || ' of web' || g %% 5000 || '.example.com is ' || g %% 100
  || '%% over its limit', 'warning', 'SEV' || 1 + g %% 4, 'warning is SEV3', 'https://monitor.example/' || g, '',
  jsonb_build_object('alertname', 'Limit', 'host', 'web' || g %% 5000, 'env', CASE WHEN g %% 10 = 0 THEN 'staging' ELSE 'prod' END, 'shard', 's' || g %% 50000),
  '{}', '["It came by the integration Prometheus.", "No silence matches it."]', CASE WHEN g %% 10000 = 0 THEN 'silence 1: night work' ELSE '' END,
  at, at, at + (g %% 600) * interval '1 second', at, 1 + g %% 37, '', ''%(values)s
FROM generate_series(%(from)s, %(until)s) g, LATERAL (SELECT now() - (%(until)s - g) * interval '30 ms' AS at) t,
  (SELECT min(id) AS id FROM alerts_integration) i, (SELECT min(id) AS id FROM alerts_service) s
"""
QUESTIONS = {
    "as it opens": "", "page 200": "deep", "by severity": "sort=severity", "by last seen": "sort=last_seen", "by count": "sort=count", "SEV1": "severity=SEV1",
    "a service": "service={service}", "label of 9 in 10": "label=env=prod", "label of 1 in 5,000": "label=host=web77",
    "label of 1 in 50,000": "label=shard=s4", "label that is not there": "label=env=none",
    "frequent word": "q=limit", "rare word": "q=web4711", "word that is not there": "q=nothing", "acknowledged (none)": "ack=yes", "not acknowledged": "ack=no",
    "held back (1 in 10,000)": "held=yes", "without an incident": "incident=no", "older than 2 h": "older=2h", "newer than 5 min": "newer=5m",
}  # fmt: skip


def fill(start: int, until: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'alerts_alert' AND is_nullable = 'NO'"
            " AND column_default IS NULL AND is_identity = 'NO'"
        )
        known = ROWS.split("SELECT")[0]
        empty = {"jsonb": "'{}'", "ARRAY": "'{}'", "bigint": "0", "integer": "0", "smallint": "0", "boolean": "false"}
        missing = {name: empty.get(kind, "''") for name, kind in cursor.fetchall() if f" {name}" not in known and f"({name}" not in known}
        names = "".join(f", {name}" for name in missing)
        values = "".join(f", {value}" for value in missing.values())
        for first in range(start, until, 50_000):
            cursor.execute(ROWS % {"names": names, "values": values, "from": first + 1, "until": min(first + 50_000, until)})
        cursor.execute("VACUUM ANALYZE alerts_alert")


def measure(client: Client, path: str) -> tuple[float, float, float]:
    """The median and the 95th percentile by the clock, and the median of processor time of this process, which other work disturbs less."""
    for _ in range(2):
        answer = client.get(path)
        assert answer.status_code == 200, answer.content[:300]
    times, worked = [], []
    for _ in range(RUNS):
        begin, busy = time.perf_counter(), time.thread_time()
        client.get(path)
        times.append((time.perf_counter() - begin) * 1000)
        worked.append((time.thread_time() - busy) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1], statistics.median(worked)


def deep(client: Client) -> str:
    """The address of a page far down the list."""
    found = client.get("/api/v1/alerts?status=firing&limit=200").json()
    for _ in range(50):
        found = client.get(f"/api/v1/alerts?status=firing&limit=200&cursor={found['next']}").json() if found["next"] else found
    return found["next"] or ""


def test_alerts_list():
    with transaction.atomic():
        story = larkfield.build()
    client = Client()
    client.force_login(User.objects.get(pk=story.ana.pk))
    have = 0
    for size in SIZES:
        fill(have, size)
        have = size
        cursor = deep(client)
        for name, question in QUESTIONS.items():
            question = question.format(service=story.service.pk)
            page = f"/alerts/?after={cursor}" if question == "deep" else f"/alerts/?{question}"
            api = f"/api/v1/alerts?status=firing&cursor={cursor}" if question == "deep" else f"/api/v1/alerts?status=firing&{question}"
            shown, told = measure(client, page), measure(client, api)
            print(
                f"{size:>9,}  {name:24} page {shown[0]:6.1f} / {shown[1]:6.1f}, processor {shown[2]:5.1f}   API {told[0]:6.1f} / {told[1]:6.1f}, processor {told[2]:5.1f}",
                flush=True,
            )
        if os.environ.get("EXPLAIN"):
            explain(size)


def explain(size: int) -> None:
    """The plans of what a rare label and the first page ask."""
    from tocsin.alerts.listing import NEAR, WORDS

    for name, condition in (
        ("first page", "true"),
        ("rare label", 'labels @> \'{"shard": "s4"}\''),
        ("rare word", f"{WORDS} @@ '''web4711'':*'::tsquery"),
    ):
        with connection.cursor() as cursor:
            cursor.execute(
                f"EXPLAIN (ANALYZE, COSTS OFF) SELECT id FROM alerts_alert WHERE status = 'firing' AND {condition} ORDER BY id DESC LIMIT 51"
            )
            print(f"-- {name}, {size:,}, NEAR {NEAR}", *(row[0] for row in cursor.fetchall()), sep="\n")
