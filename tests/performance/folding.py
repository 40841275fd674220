"""How many accepted events a second are folded, routed and shown by one worker? Distinct and repeating keys, one and a hundred a request.

    TOCSIN_TEST_SERVER=… python -m tests.performance.folding [--events 20000] [--profile]

Raw events are put into the table as the intake does; then the worker's own loop step takes them. Prints events a second by wall clock and
by processor time of this process, which a busy machine disturbs less; PostgreSQL's own share comes on top. Counts that nothing is lost.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import time

from tests.performance.own_database import own_database


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with own_database("folding"):
        for name, per_request, keys in (
            ("one a request, distinct keys", 1, None), ("100 a request, distinct keys", 100, None),
            ("one a request, 100 keys", 1, 100), ("100 a request, 100 keys", 100, 100), ("distinct keys again, on what is there", 100, None),
        ):  # fmt: skip
            run(name, options.events, per_request, keys, options.profile)


def run(name: str, events: int, per_request: int, keys: int | None, profile: bool) -> None:
    """One kind of load: put in, fold, count."""
    from django.db import connection

    from tocsin.alerts.models import Alert, Integration, RawEvent, Service
    from tocsin.response import receive_events

    service, _ = Service.objects.get_or_create(name="storm", defaults={"severity_map": {"critical": "SEV2"}})
    integration = Integration.objects.create(name=name, kind="alertmanager_api_v2", key=os.urandom(16).hex(), service=service)
    bodies = [_body(name, first, per_request, keys) for first in range(0, events, per_request)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_rawevent (integration_id, protocol, content_type, body, received_at, state, outcomes, error, attempts, dedup_key)"
            " SELECT %s, 'alertmanager_api', 'application/json', b, tocsin_now(), 'new', '[]', '', 0, '' FROM unnest(%s::bytea[]) AS b",
            [integration.pk, bodies],
        )
    wall, cpu = time.perf_counter(), time.process_time()
    profiler = cProfile.Profile() if profile else None
    if profiler:
        profiler.enable()
    while receive_events.take():
        pass
    if profiler:
        profiler.disable()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    left = RawEvent.objects.filter(integration=integration).exclude(state="done").count()
    made = Alert.objects.filter(integration=integration)
    counted = sum(made.values_list("event_count", flat=True))
    print(
        f"{name:<40} {events / wall:7.0f}/s by the wall, {events / cpu:7.0f}/s by processor time; "
        f"{made.count()} alerts, {counted} of {events} events counted, {left} requests left"
    )
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def _body(name: str, first: int, count: int, keys: int | None) -> bytes:
    items = []
    for number in range(first, first + count):
        key = number % keys if keys else number
        labels = {"alertname": f"Alert{key}", "instance": f"host-{key}:9100", "severity": "critical", "job": name, "env": "prod"}
        notes = {"summary": f"Alert {key} of {name}", "description": "x" * 100}
        items.append({"labels": labels, "annotations": notes, "startsAt": "2026-11-26T10:00:00Z", "generatorURL": "http://p/graph?g0"})
    return json.dumps(items).encode()


if __name__ == "__main__":
    main()
