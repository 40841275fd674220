"""How long do the two heaviest pages take? Prints p50, p95 (milliseconds in the server) and queries.

    python -m pytest -q -s tests/performance/pages.py

The war board with 100 open incidents, and an incident whose record has 1,000 entries. The aim: p95 within 150 ms, at most 30 queries.
"""

from __future__ import annotations

import statistics
import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.web import larkfield
from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.response.declare_incident import declare
from tocsin.timeline.models import Entry

pytestmark = pytest.mark.django_db
RUNS = 40


def measure(client, name: str, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
        queries = len(captured)
    assert answer.status_code == 200
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        client.get(path)
        times.append((time.perf_counter() - start) * 1000)
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"{name}: p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, {queries} queries, {len(answer.content) / 1000:.0f} kB")
    return queries


def test_heavy_pages(client):
    story = larkfield.build()
    client.force_login(story.ana)
    by = Actor.of(story.ana, "web")
    for number in range(100):
        declare(
            title=f"Trouble {number}",
            severity=f"SEV{number % 4 + 1}",
            service=story.service,
            incident_commander=story.ana,
            by=by,
            now=clock.now(),
        )
    rows = [
        Entry(
            at=clock.now(),
            kind="message",
            text=f"entry {n}",
            actor=story.ana,
            actor_label="Ana Alder",
            via="web",
            incident_id=story.incident.pk,
        )
        for n in range(1000)
    ]
    Entry.objects.bulk_create(rows)
    assert measure(client, "war board, 100 open incidents", "/") <= 30
    assert measure(client, "incident, 1,000 entries", f"/incidents/{story.incident.ref}/") <= 30
