"""Which messages is their provider to be asked about, because it may not reach us with what their person did? Writes notifications."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tocsin.paging.models import Notification

LOOP = "polling"
LOOK_SECONDS = 15  # Pushover asks for 5 or more
AT_ONCE = 20


def begin(row: Notification, seconds: float, now: datetime) -> None:
    """That row, just sent, is asked about for so long."""
    row.lasts_until = now + timedelta(seconds=seconds)
    row.look_due_at = now + timedelta(seconds=LOOK_SECONDS)
    row.save(update_fields=["lasts_until", "look_due_at"])


def next_due() -> datetime | None:
    """When one must be asked about next."""
    return Notification.objects.filter(look_due_at__isnull=False).order_by("look_due_at").values_list("look_due_at", flat=True).first()


@transaction.atomic
def to_look(now: datetime) -> list[Notification]:
    """Those to ask about now; each comes again later, in whichever process, until its time is over."""
    rows = Notification.objects.select_for_update(skip_locked=True, of=("self",)).filter(look_due_at__lte=now)
    found = list(rows.select_related("account", "escalation__acknowledged_by", "user", "contact_method").order_by("look_due_at")[:AT_ONCE])
    for row in found:
        again = now + timedelta(seconds=LOOK_SECONDS)
        row.look_due_at = again if row.lasts_until and again < row.lasts_until else None
        row.save(update_fields=["look_due_at"])
    return found


def rest(row: Notification) -> None:
    """Nothing that its person does would change anything any more."""
    Notification.objects.filter(pk=row.pk).update(look_due_at=None)
