"""How long is the raw text of events kept? Deletes it after a while; the alerts that came of it, and every timeline, stay."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tocsin.alerts.models import RawEvent

EVENTS_KEPT = timedelta(days=30)
BATCH = 500


def forget_events(now: datetime) -> int:
    """Delete the oldest raw events that were folded into alerts more than 30 days ago, one batch; how many.

    What waits or was refused stays until somebody deals with it. Events are numbered in the order of acceptance, so the
    first young one ends the search: no index by time is needed.
    """
    with transaction.atomic():
        done = RawEvent.objects.select_for_update(skip_locked=True, of=("self",)).filter(state=RawEvent.State.DONE)
        oldest = done.order_by("id").values_list("id", "received_at")[:BATCH]
        old = [number for number, received_at in oldest if received_at <= now - EVENTS_KEPT]
        RawEvent.objects.only("id").filter(pk__in=old).delete()  # alerts and changes that name them keep everything but the link
        return len(old)
