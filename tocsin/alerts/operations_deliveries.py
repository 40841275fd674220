"""Was an event delivered before? Senders deliver at least once, and give each event a name that stays the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import connection

from tocsin.alerts.models import Integration
from tocsin.alerts.operations_fold import Reading
from tocsin.domain.alerts import Event
from tocsin.integrations.setting_up import TEST

DELIVERIES_KEPT = timedelta(days=1)  # senders give up trying long before
BATCH = 5_000
_COUNTS = ("firing", "acknowledged", "resolved", "change")


def drop_repeated(integration: Integration, readings: Sequence[Reading], now: datetime) -> None:
    """Mark the events that came before as such, and remember the others. In the transaction that folds them: the claim of the
    integration keeps other workers from doing so at once, and what is not folded is not remembered. A replay or a sample sent by hand always counts.
    """
    named = [
        (reading, place, _digest(event))
        for reading in readings
        if reading.raw.replay_of_id is None and TEST not in reading.raw.headers
        for place, event in enumerate(reading.events)
        if event.delivery and event.status in _COUNTS
    ]
    new = _remember(integration, {digest for _, _, digest in named}, now) if named else set()
    for reading, place, digest in named:
        if digest in new:
            new.remove(digest)
        else:
            reading.events[place] = replace(reading.events[place], status="repeated")


def _digest(event: Event) -> str:
    return hashlib.sha256(f"{event.delivery}\n{event.dedup_key}".encode()).hexdigest()


def _remember(integration: Integration, digests: set[str], now: datetime) -> set[str]:
    """Those that were not known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_delivery (integration_id, digest, at) SELECT %s, u.digest, %s FROM unnest(%s::text[]) AS u(digest)"
            " ON CONFLICT (integration_id, digest) DO UPDATE SET at = excluded.at WHERE alerts_delivery.at < %s RETURNING digest",
            [integration.pk, now, sorted(digests), now - DELIVERIES_KEPT],
        )
        return {row[0] for row in cursor.fetchall()}


def forget_deliveries(now: datetime) -> int:
    """Delete one batch of those that are older than a day; how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM alerts_delivery WHERE id IN (SELECT id FROM alerts_delivery WHERE at < %s ORDER BY at LIMIT %s)",
            [now - DELIVERIES_KEPT, BATCH],
        )
        return cursor.rowcount
