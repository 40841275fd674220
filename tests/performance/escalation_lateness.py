"""How late do steps start? Running escalations whose next step falls due over a few seconds, carried out by a real loop in this process.

    TOCSIN_TEST_SERVER=… python -m tests.performance.escalation_lateness [escalations] [seconds] [runs] [waiting]

`waiting`: so many more run meanwhile, whose next step is hours away. At the end: what one round of the loop costs that finds nothing due, with
1,000, 10,000 and 100,000 open escalations.

Prints p50 and p99 of (instant at which the step's page was committed − due time) for each run, the median of the runs, and how many were early.
The loops are those of the worker process (`lib/due.run`), woken by nothing: the worst case, in which every NOTIFY is lost.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import threading
import time
from datetime import timedelta

import psycopg

from tests.performance.own_database import own_database


def main(count: int = 1000, seconds: int = 10, runs: int = 3, waiting: int = 10_000) -> None:
    """Measure and print."""
    with own_database("lateness"):
        open_more(waiting)
        results = [run(number, count, seconds) for number in range(runs)]
        costs = [(total, round_cost(total)) for total in (1_000, 10_000, 100_000)]
    p50, p99 = (statistics.median(result[place] for result in results) for place in (0, 1))
    early = sum(result[2] for result in results)
    print(
        f"median of {runs} runs: p50 {p50:.0f} ms, p99 {p99:.0f} ms, early {early}, {waiting} more were running (goal: p99 at most 100 ms, none early)"
    )
    for total, (wall, cpu) in costs:
        print(
            f"a round with {total} open escalations, none due: {wall * 1000:.2f} ms, {cpu * 1000:.2f} ms of processor time in this process"
        )


def open_more(count: int) -> None:
    """So many escalations that run and are due hours from now, and no others that are open."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE paging_escalation SET due_at = NULL, status = 'stopped' WHERE due_at IS NOT NULL")
        cursor.execute(
            "INSERT INTO paging_escalation (policy_snapshot, track, incident_id, subject, reason, urgency, status, episode, step, round, due_at, started_at,"
            " acknowledged_via) SELECT '{}', 'on_call', 900000000 + n, '{\"title\": \"t\"}', '', 'high', 'running', 1, 1, 0,"
            " tocsin_now() + interval '6 hours' + n * interval '1 second', tocsin_now(), '' FROM generate_series(1, %s) n",
            [count],
        )
        cursor.execute("VACUUM ANALYZE paging_escalation")  # what the server does by itself a little later


def round_cost(count: int) -> tuple[float, float]:
    """Seconds of one round of the loop that finds nothing due, by the clock and of processor time: the median of a hundred."""
    from tocsin.response import escalate

    open_more(count)
    wall, cpu = [], []
    for _ in range(100):
        begun, worked = time.perf_counter(), time.thread_time()
        assert escalate.LOOP.take() == 0 and escalate.operations.next_due()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.thread_time() - worked)
    return statistics.median(wall), statistics.median(cpu)


def run(number: int, count: int, seconds: int) -> tuple[float, float, int]:
    """One run: p50 and p99 in ms, and how many started early."""
    from tocsin import clock
    from tocsin.accounts.models import User
    from tocsin.lib import due
    from tocsin.paging.models import ContactMethod, Escalation
    from tocsin.response import escalate

    now = clock.now()
    users = [User.objects.create_user(f"p{number}-{n}@example.com", name=f"P{n}") for n in range(20)]
    ContactMethod.objects.bulk_create(ContactMethod(user=user, kind="screen", verified_at=now) for user in users)
    start = now + timedelta(seconds=2)
    dues = [start + timedelta(seconds=random.random() * seconds) for _ in range(count)]
    rows = Escalation.objects.bulk_create(
        Escalation(
            policy_snapshot={"id": None, "name": "P", "repeats": 0, "steps": [{"wait_seconds": 3600, "targets": [{"kind": "user", "id": users[n % 20].pk}]}]},
            incident_id=number * 1_000_000 + n + 1, subject={"title": "t"}, started_at=now, due_at=at,
        ) for n, at in enumerate(dues)
    )  # fmt: skip
    seen: dict[int, float] = {}
    stop, woken, ready = threading.Event(), threading.Event(), threading.Event()
    ear = threading.Thread(target=listen, args=(seen, stop, ready))
    ear.start()
    ready.wait(10)
    database_time, here = clock.now(), time.monotonic()
    loop = threading.Thread(target=due.run, args=(escalate.LOOP, stop, woken))
    loop.start()
    late = {row.id: row.due_at for row in rows}
    by_incident = {row.incident_id: row.due_at for row in rows}
    while len(seen) < count and time.monotonic() < here + seconds + 60:
        time.sleep(0.05)
    stop.set()
    woken.set()
    loop.join()
    ear.join()
    values = sorted((at - here - (by_incident[id] - database_time).total_seconds()) * 1000 for id, at in seen.items() if id in by_incident)
    early = Escalation.objects.filter(step=1, notifications__created_at__lt=start, id__in=late).count()
    early += sum(1 for row in Escalation.objects.filter(id__in=late, step=1).prefetch_related("notifications")
                 if any(page.created_at < late[row.id] for page in row.notifications.all()))  # fmt: skip
    p50, p99 = values[len(values) // 2], values[int(len(values) * 0.99) - 1]
    print(
        f"run {number + 1}: {len(seen)} of {count} steps in {seconds} s: p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {values[-1]:.0f} ms, early {early}"
    )
    return p50, p99, early


def listen(seen: dict[int, float], stop: threading.Event, ready: threading.Event) -> None:
    """Note when the first commit about each incident is announced: what a step does is announced when it commits, not before."""
    with psycopg.connect(os.environ["TOCSIN_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("LISTEN tocsin_live")
        ready.set()
        while not stop.is_set():
            for message in connection.notifies(timeout=0.2):
                kind, _, rest = message.payload.partition(":")
                if kind == "incident":
                    seen.setdefault(int(rest.partition(":")[0]), time.monotonic())


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
