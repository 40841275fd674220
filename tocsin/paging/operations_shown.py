"""What do messages say where they were shown, and does it still ring, once somebody has what they are about? Writes notifications.

A row whose `refresh_due_at` is set waits to be shown as it is by then; several changes meanwhile are one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from tocsin.alerts.models import Alert
from tocsin.domain.ports import Outcome, Receipt
from tocsin.integrations.registry import CHANGED, HEARD
from tocsin.lib import due
from tocsin.oncall.models import Readiness
from tocsin.paging import operations_listening as listening
from tocsin.paging import several
from tocsin.paging.messages import POLICY_TEST, REHEARSAL
from tocsin.paging.models import ContactMethod, Escalation, Notification

LOOP = "shown"
Status = Escalation.Status
AT_ONCE = 5  # with the time limit of a call they are done before the lease ends
CALLED = "voice"  # a call that was answered is over
LEASE = timedelta(seconds=60)
AGAIN = timedelta(seconds=15)
REFRESH_LIFETIME = timedelta(hours=24)  # after that a message stays as it is


def refresh(rows: QuerySet[Notification], now: datetime) -> None:
    """What those of `rows` say that can be changed is not true any more. Call it in the transaction that makes it so."""
    shown = rows.filter(method_kind__in=CHANGED, state__in=Notification.OUT)
    shown = shown.exclude(method_kind=CALLED, state=Notification.State.DELIVERED)
    if shown.exclude(provider_id="").update(refresh_due_at=now):
        due.wake(LOOP)


def sent(row: Notification, receipt: Receipt, *, over: bool, now: datetime) -> None:
    """A message has gone out, in the caller's transaction: who its person is there is remembered; one that is late is changed at once."""
    if receipt.recipient and row.contact_method_id and row.contact_method and row.contact_method.known_as != receipt.recipient:
        ContactMethod.objects.filter(pk=row.contact_method_id).update(known_as=receipt.recipient[:200])
    if row.account_id and row.account and row.account.kind in HEARD:
        listening.begin(row.account, now)
    if over:
        refresh(Notification.objects.filter(pk=row.pk), now)


def next_due() -> datetime | None:
    """When the next message must be changed."""
    return (
        Notification.objects.filter(refresh_due_at__isnull=False)
        .order_by("refresh_due_at")
        .values_list("refresh_due_at", flat=True)
        .first()
    )


@transaction.atomic
def claim(now: datetime) -> list[Notification]:
    """Some messages that must be changed; another process takes them up again after a minute if this one does not settle them."""
    rows = Notification.objects.select_for_update(skip_locked=True, of=("self",)).filter(refresh_due_at__lte=now)
    rows = rows.select_related("user", "account", "contact_method", "escalation__acknowledged_by")
    taken = list(rows.order_by("refresh_due_at", "id")[:AT_ONCE])
    for row in taken:
        row.refresh_due_at = now + LEASE
    Notification.objects.filter(pk__in=[row.pk for row in taken]).update(refresh_due_at=now + LEASE)
    return taken


def settle(row: Notification, receipt: Receipt, now: datetime) -> None:
    """It is shown, or cannot be; a temporary failure is tried again for a day. What changed meanwhile stays due."""
    again = None
    if receipt.outcome in (Outcome.RETRY, Outcome.UNKNOWN) and row.created_at > now - REFRESH_LIFETIME:
        again = now + max(AGAIN, timedelta(seconds=min(receipt.retry_after or 0, 3600)))
    Notification.objects.filter(pk=row.pk, refresh_due_at=row.refresh_due_at).update(refresh_due_at=again)


def note(row: Notification) -> str:
    """What became of the page, in one sentence; empty while its person is still asked."""
    if row.identity.startswith(REHEARSAL):
        return "You have acknowledged it." if Readiness.objects.filter(user=row.user_id, acknowledged_at__isnull=False).exists() else ""
    if row.identity.startswith(POLICY_TEST):
        return "You have acknowledged it: the test is over." if any(line["state"] == "acknowledged" for line in row.history) else ""
    run = row.escalation or _newest(row)
    if run is None:
        return ""
    if run.status == Status.RUNNING and row.user_id in several.answered(run):
        return f"You have acknowledged; {several.waits_for(run) or 'somebody else'} must as well."
    if run.status == Status.ACKNOWLEDGED and run.acknowledged_at:
        who = run.acknowledged_by.name if run.acknowledged_by else "Somebody"
        since = f"{run.acknowledged_at:%H:%M} UTC"
        over = Alert.objects.filter(pk=row.alert_id or 0, status="resolved").exists()
        if over:
            return f"Resolved. {who} had it from {since} on."
        subject: dict[str, Any] = {"alert_id": run.alert_id, "incident_id": run.incident_id}
        later = Escalation.objects.filter(track=run.track, policy_track=run.policy_track, episode__gt=run.episode, **subject)
        return f"{who} had it from {since} on; then it was paged again." if later.exists() else f"{who} has it, since {since}."
    if run.status != Status.STOPPED:
        return ""
    held = Alert.objects.filter(pk=run.alert_id or 0, status="firing").values_list("suppressed_by", flat=True).first()
    return f"Nobody is paged for it now: {held}" if held else "It is over: nobody is paged for it any more."


def _newest(row: Notification) -> Escalation | None:
    if not (row.alert_id or row.incident_id):
        return None
    about = {"incident_id": row.incident_id} if row.incident_id else {"alert_id": row.alert_id}
    return Escalation.objects.filter(**about).select_related("acknowledged_by").order_by("-id").first()
