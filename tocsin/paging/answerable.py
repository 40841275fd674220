"""Which page does an answer mean, and whose answer is it? Reads of the paging room."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from tocsin.domain.replies import Wish
from tocsin.paging import operations_shown as shown
from tocsin.paging.messages import ASKING, LINK_LIFETIME, asks
from tocsin.paging.models import ContactMethod, Escalation, Notification, Provider
from tocsin.paging.operations_notifications import PAGES

MOST_LISTED = 5


def methods_of(kind: str, address: str) -> list[ContactMethod]:
    """The contact methods, of active people, that an answer from that address comes from; also those that are switched off."""
    if not address:
        return []
    theirs = Q(address=address) | Q(known_as=address)
    rows = ContactMethod.objects.filter(theirs, kind=kind, removed_at=None, verified_at__isnull=False, user__is_active=True)
    return list(rows.filter(user__removed_at=None).select_related("user").order_by("id"))


def pages_meant(methods: Iterable[ContactMethod], wish: Wish, now: datetime) -> list[Notification]:
    """The pages of the last day that the answer is about, newest first, one for each subject.

    By their code, else those that wait for an answer, else the newest. Several of them without `all` means that the answer is not clear.
    """
    sent = Notification.objects.filter(Q(kind__in=PAGES) | ASKING, contact_method__in=list(methods), sent_at__isnull=False)
    sent = (
        sent.filter(created_at__gt=now - LINK_LIFETIME).select_related("user", "escalation", "contact_method").order_by("-sent_at", "-id")
    )
    if wish.code is not None:
        return list(sent.filter(reply_code=wish.code)[:1])
    subjects: dict[tuple[int | None, int | None], Notification] = {}
    for row in sent[:100]:
        subjects.setdefault((row.incident_id, None if row.incident_id else row.alert_id), row)
    waiting = [row for row in subjects.values() if _waits(row)]
    in_earnest = [row for row in waiting if not asks(row)]  # a test does not make an answer unclear
    return in_earnest or waiting or list(subjects.values())[:1]


def _waits(row: Notification) -> bool:
    if asks(row):
        return not shown.note(row)
    return row.escalation is None or row.escalation.status in (Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED)


def listed(rows: list[Notification]) -> str:
    """Several pages to choose from: "7: SEV2 Checkout is down; 8: …"."""
    shown = [f"{row.reply_code}: {row.title[:60]}" for row in rows[:MOST_LISTED]]
    return "; ".join(shown + ([f"and {len(rows) - MOST_LISTED} more"] if len(rows) > MOST_LISTED else []))


def is_theirs(account: Provider, room: str, address: str) -> bool:
    """Whether pages go to that person in that room: words that answer no message in particular count there alone."""
    people = [method.user_id for method in methods_of(account.channel, address)]
    return Notification.objects.filter(account=account, user__in=people, provider_id__startswith=f"{room} ").exists()
