"""What became of an attempt, and what follows: done, again, the next method, the next step? Writes notifications."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import User
from tocsin.domain import delivery as rules
from tocsin.domain.ports import Outcome, Receipt
from tocsin.lib import due, statements
from tocsin.lib.conflicts import again_on_conflict
from tocsin.oncall.changed import changed_for
from tocsin.paging import operations_once as once
from tocsin.paging import operations_polling as polling
from tocsin.paging import operations_shown as showing
from tocsin.paging import operations_steps as steps
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.paging.operations_notifications import LOOP, PAGES, State, become, cancel, insert, row_for, withdraw
from tocsin.paging.people import quiet_way, usable_methods
from tocsin.timeline.operations import record

CONCERNED = statements.Read(
    "SELECT {e} FROM paging_escalation e WHERE e.id IN"
    " (SELECT n.escalation_id FROM paging_notification n WHERE n.id = %s OR n.merged_into_id = %s) ORDER BY e.id FOR UPDATE",
    e=Escalation,
)
LOCKED = statements.Read(
    "SELECT {n}, {u}, {m} FROM paging_notification n LEFT JOIN accounts_user u ON u.id = n.user_id"
    " LEFT JOIN paging_contactmethod m ON m.id = n.contact_method_id WHERE n.id = %s FOR UPDATE OF n",
    n=Notification, u=User, m=ContactMethod,
)  # fmt: skip


def locked(id: int) -> tuple[Notification, dict[int, Escalation]]:
    """The row and the escalations that it and what was merged into it belong to, by id, locked in this order: escalations, notification."""
    escalations: dict[int, Escalation] = {one.id: one for (one,) in CONCERNED.all(id, id)}
    row: Notification
    ((row, row.user, row.contact_method),) = LOCKED.all(id)
    return row, escalations


@again_on_conflict
@transaction.atomic
def settle(id: int, fence: int, receipt: Receipt, now: datetime) -> str:
    """Store what became of one attempt and what follows: done, retry, next method, next step. Returns the new state; "" if overtaken."""
    row, escalations = locked(id)
    if row.fence != fence or row.state != State.SENDING:
        if row.fence == fence and row.state == State.DELIVERED and not row.provider_id and receipt.provider_id:
            _answered_first(row, receipt, now)
        return ""
    row.provider_id, row.report_sequence = receipt.provider_id[:200] or row.provider_id, None
    row.account_id, row.awaits_report = receipt.account or row.account_id, receipt.reports
    verdict = rules.after(receipt, row.attempt, now, was_unknown=row.possible_duplicate)
    escalation = escalations.get(row.escalation_id or 0)
    over = escalation is not None and escalation.status in (Escalation.Status.ACKNOWLEDGED, Escalation.Status.STOPPED)
    match verdict:
        case rules.Done(state):
            become(row, state, receipt.reason or "taken by the provider", now)
            showing.sent(row, receipt, over=over, now=now)
            tell(row, f"{_word(row)}_sent", f"{row.whom} was {'paged' if row.user_id else 'told'} by {row.method_kind}." + _notes(row), now)
        case rules.RetryAt() if over:
            withdraw(row, f"acknowledged after attempt {row.attempt}: {receipt.reason}", now)
        case rules.RetryAt(at, possible_duplicate):
            row.possible_duplicate = row.possible_duplicate or possible_duplicate
            become(row, State.PENDING, receipt.reason, now, due_at=at)
            due.wake(LOOP)
        case rules.NextMethod():
            become(row, State.FAILED, receipt.reason or "failed", now)
            tell(row, f"{_word(row)}_failed", f"{row.whom} could not be reached by {row.method_kind}: {row.outcome}.", now)
            instead(row, escalations, now)
    if receipt.lasts and row.state in Notification.OUT:
        polling.begin(row, receipt.lasts, now)
    if (receipt.gone or receipt.stopped) and row.contact_method:
        lose(row.contact_method, receipt.reason, now, stopped=receipt.stopped)
    return row.state


def _answered_first(row: Notification, receipt: Receipt, now: datetime) -> None:
    """Its person pressed while its provider still had to answer us: what it is called there is needed to show what became of it."""
    row.provider_id, row.account_id = receipt.provider_id[:200], receipt.account or row.account_id
    row.save(update_fields=["provider_id", "account_id"])
    showing.sent(row, receipt, over=True, now=now)


def lose(method: ContactMethod, reason: str, now: datetime, *, stopped: bool = False) -> None:
    """An address that worked is gone for good and must be proved again, or its person has `stopped` it: they are told by another way, and their
    schedules are looked at."""
    lost = {"enabled": False} if stopped else {"verified_at": None}
    if not ContactMethod.objects.filter(pk=method.pk, removed_at=None, lost_reason="").update(lost_reason=reason[:500], **lost):
        return
    changed_for([method.user_id], now)
    steps.gone_if_out_of_reach(method.user, now=now)
    other = quiet_way(method.user)
    if other is None or method.verified_at is None:
        return
    back = "Text START to the number that the pages come from to switch it on again" if stopped else "Prove it again on your own page"
    text = f"{method.label or method.address or method.kind} no longer takes pages: {reason}. {back}, or add another way."
    insert([row_for(method.user, other, group=f"lost:{method.id}:{now:%Y%m%d%H%M}", kind="notice", title="A way to reach you was lost",
                 text=text[:4000], due_at=now, now=now)])  # fmt: skip


def _word(row: Notification) -> str:
    return "page" if row.user_id else "post"


def _notes(row: Notification) -> str:
    merged = f" {row.merged_count} more waited behind this page." if row.merged_count else ""
    return merged + (" Possible duplicate: the attempt before may have arrived." if row.possible_duplicate else "")


def tell(row: Notification, kind: str, text: str, now: datetime) -> None:
    """Put something about a page on the record of its subject."""
    if row.kind in (*PAGES, "post") and (row.alert_id or row.incident_id):
        data = {"notification": row.id, "user": row.user_id, "method": row.method_kind, "state": row.state, "reason": row.reason}
        record(kind, text, by=SYSTEM, now=now, alert_id=row.alert_id, incident_id=row.incident_id, data=data)


def instead(row: Notification, escalations: dict[int, Escalation], now: datetime) -> None:
    """The person's next method at once, for this page and for those that were merged into it (R10); R6 when there is none.

    `escalations` are theirs, locked, by id.
    """
    if row.kind == "post" and (escalation := escalations.get(row.escalation_id or 0)) and escalation.status == Escalation.Status.RUNNING:
        steps.unreached(row, escalation, now)
    if row.kind not in PAGES:
        return
    for page in [row, *Notification.objects.filter(merged_into=row).select_related("user")]:
        of = escalations.get(page.escalation_id or 0)
        if of is not None and of.status in (Escalation.Status.ACKNOWLEDGED, Escalation.Status.STOPPED):
            continue
        if not _next_method(page, now):
            steps.unreached(page, of, now)


def _next_method(row: Notification, now: datetime) -> bool:
    """Start the person's next method for the same page; False when this person has no way left."""
    group = row.identity.rsplit(":m", 1)[0]
    page = Notification.objects.select_for_update().filter(identity__startswith=group + ":m").exclude(pk=row.pk)
    cancel(page.filter(contact_method=row.contact_method_id), "this way failed just before", now)
    others = list(page.exclude(contact_method=row.contact_method_id).order_by("due_at", "id"))
    for other in others:
        if other.state == State.PENDING and other.due_at and other.due_at > now and not other.attempt:
            other.due_at = now
            other.save(update_fields=["due_at"])
            due.wake(LOOP)
            return True
    if once.group_is_live(others):
        return True  # another way is under way or has reached them
    used = {row.contact_method_id, *(other.contact_method_id for other in others)}
    user = row.user
    for method in usable_methods(user) if user else ():
        if user and method.id not in used:
            insert([row_for(user, method, group=group, kind=row.kind, title=row.title, text=row.text, reason=row.reason, due_at=now, now=now,
                         late_seconds=row.late_seconds, escalation_id=row.escalation_id, alert_id=row.alert_id, incident_id=row.incident_id)])  # fmt: skip
            return True
    return False


def take_back(owner_is_gone: Any, now: datetime) -> int:
    """Settle what a sender took and never finished: its lease ran out, or `owner_is_gone(owner)` 10 s after the claim. How many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, fence, lease_until, claimed_by FROM paging_notification WHERE state = 'sending' AND due_at <= %s ORDER BY id", [now]
        )
        found = cursor.fetchall()
    lapsed = 0
    for id, fence, lease_until, claimed_by in found:
        if (lease_until and lease_until <= now) or owner_is_gone(claimed_by):
            settle(id, fence, Receipt(Outcome.UNKNOWN, "its sender ended before the result was known"), now)
            lapsed += 1
        else:
            later = min(lease_until or now, now + timedelta(seconds=2))
            Notification.objects.filter(pk=id, fence=fence, state=State.SENDING).update(due_at=later)
    return lapsed
