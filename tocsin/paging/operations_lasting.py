"""Which messages go on at their provider, ringing or with a button, and when are they looked after? Writes notifications."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from tocsin.lib import due
from tocsin.paging import several
from tocsin.paging.models import Escalation, Notification

LOOP = "lasting"
LOOK_SECONDS = 15  # how often what rings is looked after, and what could not be ended is tried again
AT_ONCE = 20


def begin(row: Notification, seconds: float, now: datetime) -> None:
    """That row, just sent, goes on at its provider for so long."""
    row.lasts_until = now + timedelta(seconds=seconds)
    row.look_due_at = now + timedelta(seconds=LOOK_SECONDS)
    row.save(update_fields=["lasts_until", "look_due_at"])


def end_soon(rows: QuerySet[Notification], now: datetime) -> None:
    """Those of `rows` that go on are looked after at once: their person may not be needed any more."""
    if rows.filter(lasts_until__gt=now).update(look_due_at=now):
        due.wake(LOOP)


def next_due() -> datetime | None:
    """When one must be looked after next."""
    return Notification.objects.filter(look_due_at__isnull=False).order_by("look_due_at").values_list("look_due_at", flat=True).first()


@transaction.atomic
def to_look(now: datetime) -> list[Notification]:
    """Those to look after now; each comes again later, in whichever process, until its time is over."""
    rows = Notification.objects.select_for_update(skip_locked=True, of=("self",)).filter(look_due_at__lte=now)
    found = list(rows.select_related("account", "escalation__acknowledged_by", "user", "contact_method").order_by("look_due_at")[:AT_ONCE])
    for row in found:
        again = now + timedelta(seconds=LOOK_SECONDS)
        row.look_due_at = again if row.lasts_until and again < row.lasts_until else None
        row.save(update_fields=["look_due_at"])
    return found


def rest(row: Notification, ended: bool) -> None:
    """It need not be looked after again: because it has `ended`, or until something happens to its page."""
    Notification.objects.filter(pk=row.pk).update(look_due_at=None, **({"lasts_until": None} if ended else {}))


def is_needed(row: Notification) -> bool:
    """Whether an answer of its person would still change something."""
    run = row.escalation
    if run is None:
        return row.alert_id is not None or row.incident_id is not None
    return run.status in (Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED) and row.user_id not in several.answered(run)
