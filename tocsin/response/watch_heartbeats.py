"""Which heartbeat fell silent, and which is heard again? Takes pings, then judges what is missing; never for an outage of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from tocsin import clock
from tocsin.alerts.models import Integration
from tocsin.alerts.operations import Reading
from tocsin.heartbeats import operations, queries
from tocsin.lib.due import Loop


def take() -> int:
    """Let the waiting pings count; when none is left, open alerts for those that are missing."""
    if not queries.anything_due():
        return 0
    with transaction.atomic():
        if not queries.claim():
            return 0
        now = clock.now()
        return operations.take_pings(now) or operations.judge_missing(now)


def hear_watchdogs(integration: Integration, readings: Sequence[Reading], now: datetime) -> None:
    """An always-firing alert that feeds a heartbeat is its ping, and no alert: it is taken out of what was read."""
    dogs = {row.watchdog: row for row in queries.watchdogs(integration.pk)}
    if not dogs:
        return
    for reading in readings:
        for place, event in enumerate(reading.events):
            row = dogs.get(event.labels.get("alertname", "")) or dogs.get(event.title)
            if row is None or event.status not in ("firing", "resolved"):
                continue
            if event.status == "firing":
                operations.ping(row, at=reading.raw.received_at, agent=f"the alert {row.watchdog}")
            reading.events[place] = replace(event, status="none")


def _next_due() -> datetime | None:
    return queries.next_missing()


LOOP = Loop(operations.LOOP_NAME, take, _next_due)
