"""What does the worker do between a stored event and the first call of a provider? Every statement with its place and its times.

    TOCSIN_TEST_SERVER=… python -m tests.performance.first_call [--causes 30] [--quiet]

One new cause after the other is folded by the worker's own loop step, in this process; the notifier only notes the time. Prints the statements
of the last one, then medians of all but the first five: by the clock, of processor time of this thread and of its session in PostgreSQL.
A busy machine disturbs the processor times and the number of statements less than the clock. What comes before it (accepting, the wake-up) and after it
(the provider) is in `intake_latency`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from tests.performance.own_database import own_database


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--causes", type=int, default=30)
    parser.add_argument("--quiet", action="store_true", help="without the list of statements")
    options = parser.parse_args()
    with own_database("first_call"):
        from tocsin.response import deliver

        try:
            print(json.dumps(measured(options.causes, show=not options.quiet)))
        finally:
            for lane in deliver._lanes.values():
                lane.pool.shutdown()


def measured(causes: int, *, show: bool) -> dict[str, float]:
    """Medians in milliseconds, and the number of statements."""
    from tocsin import clock
    from tocsin.integrations.registry import NOTIFIERS
    from tocsin.response import catch_up, deliver, receive_events

    phone = Phone()
    NOTIFIERS.add("webhook", phone)
    deliver.open_lanes()
    taken: list[tuple[float, float, float, int, float]] = []
    for number in range(causes):
        store(cause(number, clock.now()), number)
        phone.called.clear()
        catch_up.PAGES.closed()  # looks whether paging is at work, as its loop does every few seconds
        session = Session()
        statements: list[tuple[float, float, str, str]] = []
        with watched(statements) if show and number == causes - 1 else counted(statements):
            begun, worked, told = time.perf_counter(), time.thread_time(), session.seconds()
            assert receive_events._take_of(session.integration(number)) == 1
            done, cpu, server = time.perf_counter(), time.thread_time(), session.seconds()
        assert phone.called.wait(5), "nobody was called"
        taken.append(((phone.at - begun) * 1000, (cpu - worked) * 1000, (server - told) * 1000, len(statements), (done - begun) * 1000))
    if show:
        for wall, cpu, place, sql in statements:
            print(f"{wall * 1000:6.2f} ms {cpu * 1000:6.2f} ms cpu  {place:55} {sql}")
    names = ("call_ms", "cpu_ms", "session_ms", "statements", "committed_ms")
    return {name: round(statistics.median(row[place] for row in taken[5:]), 2) for place, name in enumerate(names)}


class Phone:
    """A notifier that notes when it was called."""

    kind, label = "webhook", "Webhook"

    def __init__(self) -> None:
        from tocsin.domain.ports import Abilities

        self.abilities, self.called, self.at = Abilities(receipts=True), threading.Event(), 0.0

    def check_address(self, address: str) -> str:
        """Every address."""
        return address

    def send(self, address: str, message: Any, *, key: str) -> Any:
        """Note the time."""
        from tocsin.domain.ports import Outcome, Receipt

        self.at = time.perf_counter()
        self.called.set()
        return Receipt(Outcome.DELIVERED, "called", provider_id=key)


class Session:
    """The session of this thread in PostgreSQL."""

    def __init__(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.pid = cursor.fetchone()[0]

    def seconds(self) -> float:
        """Of processor time, so far."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def integration(self, number: int) -> int:
        """The id of the integration of that cause."""
        from tocsin.alerts.models import Integration

        return Integration.objects.get(name=f"first call {number}").pk


def cause(number: int, now: Any) -> Any:
    """A person, a policy, a service and an integration of its own: a person is called once a minute at most."""
    from tocsin.accounts.models import User
    from tocsin.alerts.models import Integration, Service
    from tocsin.paging.models import ContactMethod, EscalationPolicy, NotificationRule

    user = User.objects.create_user(f"ana{number}@example.com", name=f"Ana {number}")
    method = ContactMethod.objects.create(user=user, kind="webhook", address=f"http://127.0.0.1:1/{number}", verified_at=now)
    NotificationRule.objects.create(user=user, contact_method=method, after_seconds=0)
    steps = [{"wait_seconds": 300, "targets": [{"kind": "user", "id": user.pk}]}]
    policy = EscalationPolicy.objects.create(name=f"Policy {number}", steps=steps)
    service = Service.objects.create(name=f"service {number}", escalation_policy=policy)
    return Integration.objects.create(name=f"first call {number}", kind="alertmanager", key=os.urandom(16).hex(), service=service)


def store(integration: Any, number: int) -> None:
    """One event of it, as the intake stores it."""
    from django.db import connection

    labels = {"alertname": f"cause {number}", "severity": "critical"}
    body = {"alerts": [{"status": "firing", "fingerprint": f"f{number}", "labels": labels, "annotations": {"summary": f"cause {number}"}}]}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_rawevent (integration_id, protocol, content_type, body, received_at, state, outcomes, error, attempts, dedup_key,"
            " headers) VALUES (%s, 'in', 'application/json', %s, tocsin_now(), 'new', '[]', '', 0, '', '{}')",
            [integration.pk, json.dumps(body).encode()],
        )


def watched(statements: list[tuple[float, float, str, str]]) -> Any:
    """Notes each statement of this thread's connection: seconds by the clock and of processor time, where it is asked, how it begins."""
    from django.db import connection

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        begun, worked = time.perf_counter(), time.thread_time()
        try:
            return execute(sql, params, many, context)
        finally:
            wall, cpu = time.perf_counter() - begun, time.thread_time() - worked
            asked = [one for one in traceback.extract_stack(limit=16) if "/tocsin/" in one.filename and "/tocsin/lib/" not in one.filename]
            place = f"{asked[-1].filename.rpartition('/tocsin/')[2]}:{asked[-1].name}" if asked else ""
            statements.append((wall, cpu, place, " ".join(sql.split())[:70]))

    return connection.execute_wrapper(note)


def counted(statements: list[tuple[float, float, str, str]]) -> Any:
    """Only counts them, so that the watching costs nothing."""
    from django.db import connection

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((0.0, 0.0, "", ""))
        return execute(sql, params, many, context)

    return connection.execute_wrapper(note)


if __name__ == "__main__":
    main()
