"""At which accounts do we listen for what people answer, and up to where was it heard? Writes accounts at providers.

An account is listened at while a page that went out through it may still be answered; `listens_due_at` is when somebody has to ask next.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from tocsin.lib import due
from tocsin.paging.messages import ASKING
from tocsin.paging.models import Answered, Escalation, Notification, Provider

LOOP = "listening"
LEASE = timedelta(seconds=60)
PAUSE = timedelta(seconds=1)
AFTER_FAILURE = timedelta(seconds=15)
MOST_ROOMS = 100
LISTENING_LIFETIME = timedelta(hours=24)
ANSWERS_KEPT = timedelta(days=7)  # no provider brings one again after that
BY_HAND_LIFETIME = timedelta(hours=1)  # of a page without an escalation, which nothing ends, and of a test page


def begin(account: Provider, now: datetime) -> None:
    """A message went out through the account: listen, in the transaction that says so. The lock keeps `rest` from overlooking it."""
    locked = Provider.objects.select_for_update().get(pk=account.pk)
    if locked.listens_due_at is None:
        locked.listens_due_at = now
        locked.save(update_fields=["listens_due_at"])
        due.wake(LOOP)


def next_due() -> datetime | None:
    """When an account has to be asked next."""
    return Provider.objects.filter(listens_due_at__isnull=False).order_by("listens_due_at").values_list("listens_due_at", flat=True).first()


@transaction.atomic
def claim(now: datetime) -> Provider | None:
    """One account to ask now; another process takes it over a minute later if this one does not come back to it."""
    row = Provider.objects.select_for_update(skip_locked=True).filter(listens_due_at__lte=now).order_by("listens_due_at").first()
    if row is not None:
        row.listens_due_at = now + LEASE
        row.save(update_fields=["listens_due_at"])
    return row


def waiting(account: Provider, now: datetime) -> list[str]:
    """The provider's names of the messages that may still be answered, newest first."""
    if account.removed_at or not account.enabled:
        return []
    running = Q(escalation__status__in=(Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED), created_at__gt=now - LISTENING_LIFETIME)
    rows = Notification.objects.filter(running | Q(escalation=None, created_at__gt=now - BY_HAND_LIFETIME), account=account)
    rows = rows.filter(Q(kind__in=("page", "fallback", "post")) | ASKING, state__in=Notification.OUT)
    return list(rows.exclude(provider_id="").order_by("-id").values_list("provider_id", flat=True)[:MOST_ROOMS])


@transaction.atomic
def rest(account: Provider, now: datetime) -> None:
    """Nothing waits for an answer: nobody listens until the next message, and then not for what was said meanwhile."""
    locked = Provider.objects.select_for_update().get(pk=account.pk)
    if not waiting(locked, now):
        Provider.objects.filter(pk=account.pk).update(listens_due_at=None, listens_mark="")


def heard(account: Provider, mark: str, now: datetime) -> None:
    """It was heard up to this mark."""
    Provider.objects.filter(pk=account.pk).update(listens_mark=mark[:500], listens_due_at=now + PAUSE)


def is_new(account: Provider, event: str, now: datetime) -> bool:
    """Whether an answer of that name was not carried out yet; it counts as carried out with the caller's transaction."""
    if not event:
        return True
    made = Answered.objects.get_or_create(provider=account, event=event[:200], defaults={"at": now})[1]
    if made:
        Answered.objects.filter(provider=account, at__lt=now - ANSWERS_KEPT).delete()
    return made


def fail(account: Provider, now: datetime) -> None:
    """It could not be asked: again a little later."""
    Provider.objects.filter(pk=account.pk).update(listens_due_at=now + AFTER_FAILURE)
