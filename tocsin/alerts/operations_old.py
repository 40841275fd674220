"""How long is the raw text of events kept? Deletes it after a while, or when there is too much of it; the alerts that came of it, and every timeline, stay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from tocsin.alerts.models import EventRetention

BATCH = 2_000  # events of one transaction, a tenth of a second: docs/explanation/performance.md tells what was measured
SAMPLED_PAGES = 2_000  # of the table, to estimate what it holds: 16 MB are read
ROW_BYTES = 300  # of an event beside its body: its other columns and its entries in the indexes
GIGABYTE = 1_000_000_000
NEXT = """
SELECT id, state, received_at, coalesce(pg_column_size(body), 0) + %s FROM alerts_rawevent WHERE id > %s ORDER BY id LIMIT %s
"""
# What names the events loses the link first. A row that somebody else is changing is not waited for: folding pages people, this can wait.
UNLINK = """
WITH free AS (SELECT id FROM {table} WHERE {column} = ANY(%(ids)s) FOR NO KEY UPDATE SKIP LOCKED)
UPDATE {table} t SET {column} = NULL FROM free WHERE t.id = free.id
"""
LINKED = "SELECT {column} FROM {table} WHERE {column} = ANY(%(ids)s)"
LINKS = (
    ("alerts_alert", "first_raw_event_id"),
    ("alerts_alert", "last_raw_event_id"),
    ("alerts_changeevent", "raw_event_id"),
    ("alerts_rawevent", "replay_of_id"),
)
DELETE = "DELETE FROM alerts_rawevent WHERE id = ANY(%s) AND state <> 'new'"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """One batch: how many events were deleted, the bytes that they held, the number of the last one that was looked at, and whether it was the end."""

    events: int
    bytes: int
    after: int
    ended: bool


@transaction.atomic
def forget_events(
    after: int, *, read_before: datetime, refused_before: datetime | None = None, bytes_at_most: int | None = None
) -> Forgotten:
    """Delete, of the next batch of events after that number, those that were read and accepted before a time, and those that were refused and
    accepted before another; until so many bytes are gone.

    What waits has no outcome yet and is never deleted. Events are numbered in the order of acceptance, so the first young one ends the search.
    """
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [ROW_BYTES, after, BATCH])
        rows = cursor.fetchall()
        old, held, ended = [], 0, len(rows) < BATCH
        for number, state, received_at, size in rows:
            if received_at > read_before or (bytes_at_most is not None and held >= bytes_at_most):
                ended = True
                break
            after = number
            if state == "done" or (state == "refused" and refused_before is not None and received_at <= refused_before):
                old.append(number)
                held += size
        if old:
            cursor.execute(DELETE, [sorted(set(old) - _unlink(cursor, old))])
            return Forgotten(cursor.rowcount, held, after, ended)
    return Forgotten(0, 0, after, ended)


def _unlink(cursor: Any, events: list[int]) -> set[int]:
    """Take the links to these events away; those whose link is held by somebody just now."""
    kept: set[int] = set()
    for table, column in LINKS:
        cursor.execute(UNLINK.format(table=table, column=column), {"ids": events})
        cursor.execute(LINKED.format(table=table, column=column), {"ids": events})
        kept |= {row[0] for row in cursor.fetchall()}
    return kept


def held_bytes() -> int:
    """About how many bytes the raw events hold, from a sample of the table's pages: exact while it is small, and quick when it is not.

    The size of the files says nothing about it: it does not become less when events are deleted.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT greatest(1, pg_relation_size('alerts_rawevent') / current_setting('block_size')::int)")
        share = min(100.0, 100.0 * SAMPLED_PAGES / cursor.fetchone()[0])
        sample = "" if share == 100.0 else f"TABLESAMPLE SYSTEM ({share:.6f})"
        cursor.execute(f"SELECT coalesce(sum(coalesce(pg_column_size(body), 0) + {ROW_BYTES}), 0) FROM alerts_rawevent {sample}")  # noqa: S608
        return int(float(cursor.fetchone()[0]) * 100.0 / share)


def retention() -> EventRetention:
    """What the last run of the job found."""
    return EventRetention.objects.filter(pk=1).first() or EventRetention(pk=1)


def note(row: EventRetention, *, deleted: int, behind: bool, held: int, now: datetime) -> None:
    """Keep what a run did and left."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('alerts_rawevent')")
        row.file_bytes = cursor.fetchone()[0]
        cursor.execute(
            "SELECT (SELECT received_at FROM alerts_rawevent WHERE id > %s AND state = 'done' ORDER BY id LIMIT 1),"
            " (SELECT received_at FROM alerts_rawevent WHERE state = 'refused' ORDER BY id LIMIT 1)",
            [row.looked_until],
        )
        row.oldest_at, row.oldest_refused_at = cursor.fetchone()
    row.ran_at, row.held_bytes, row.behind = now, held, behind
    row.deleted += deleted
    row.save()
