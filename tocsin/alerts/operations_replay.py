"""How are many earlier events taken in again? A piece at a time, each in its transaction, and only while little else waits to be read."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.alerts import queries_events
from tocsin.alerts.models import EventReplay
from tocsin.alerts.operations import LOOP_NAME
from tocsin.alerts.queries_events import EventFilter
from tocsin.lib import due
from tocsin.lib.refusal import Refused

PIECE = 200  # events: as many as are folded in one go
MOST_WAITING = 200  # events that wait to be read; with more the replay waits
MOST_AT_ONCE = 3  # replays that run
AGAIN = """
INSERT INTO alerts_rawevent (integration_id, protocol, content_type, headers, body, received_at, state, outcomes, error, attempts, dedup_key, replay_of_id)
SELECT integration_id, protocol, content_type, headers, body, %s, 'new', '[]', '', 0, dedup_key, id
FROM alerts_rawevent WHERE id = ANY(%s) ORDER BY id
"""


@transaction.atomic
def begin(wanted: EventFilter, *, total: int, by: Actor, now: datetime) -> EventReplay:
    """A replay that is to be carried out. Refuses (409) where several run already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('tocsin.replays'))")
    if EventReplay.objects.filter(state=EventReplay.State.RUNNING).count() >= MOST_AT_ONCE:
        raise Refused("Several replays are running already; wait until one of them is done, or stop it.", status=409, code="busy")
    row = EventReplay.objects.create(
        filters=wanted.plain(), total=total, until_event=queries_events.newest(), by=by.user, by_label=by.label[:200], created_at=now
    )
    audit("replay", "replay", row.pk, f"{by.label} had {total:,} events replayed", by=by, now=now, filter=row.filters)
    return row


@transaction.atomic
def take_piece(replay_id: int, now: datetime) -> int | None:
    """Take the next events in again; how many, 0 while others wait to be read, None when it is over. What was taken is never taken twice."""
    row = EventReplay.objects.select_for_update(of=("self",)).filter(pk=replay_id).first()
    if row is None or row.state != EventReplay.State.RUNNING:
        return None
    if queries_events.waiting(MOST_WAITING) >= MOST_WAITING:
        return 0
    rows = queries_events.replayable(EventFilter.of(row.filters)).filter(pk__gt=row.position, pk__lte=row.until_event)
    ids = list(rows.values_list("pk", flat=True)[:PIECE])
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(AGAIN, [now, ids])
        due.wake(LOOP_NAME)
        row.position, row.done = ids[-1], row.done + len(ids)
    if len(ids) < PIECE:
        row.state, row.finished_at = EventReplay.State.DONE, now
    row.save()
    return len(ids) or None


@transaction.atomic
def stop(replay_id: int, *, by: Actor, now: datetime) -> EventReplay | None:
    """End it where it is; what was taken in stays. None where there is no such one."""
    row = EventReplay.objects.select_for_update(of=("self",)).filter(pk=replay_id).first()
    if row and row.state == EventReplay.State.RUNNING:
        row.state, row.finished_at = EventReplay.State.STOPPED, now
        row.save()
        audit("stop", "replay", row.pk, f"{by.label} stopped a replay after {row.done:,} of {row.total:,} events", by=by, now=now)
    return row
