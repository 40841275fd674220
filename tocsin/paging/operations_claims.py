"""How is a page claimed by one sender, and what goes out together? Writes notifications."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from tocsin.accounts.models import User
from tocsin.domain import delivery as rules
from tocsin.domain.replies import HIGHEST_CODE
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib import statements, together
from tocsin.paging.messages import asks
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.paging.operations_notifications import ALSO, PAGES, State, become, line, of_subject, outdated, withdraw

_CLAIM = (
    "SELECT {n}, {u}, {m}, {e}, (SELECT a.member_count FROM alerts_alert a WHERE a.id = n.alert_id) FROM paging_notification n"
    " LEFT JOIN accounts_user u ON u.id = n.user_id LEFT JOIN paging_contactmethod m ON m.id = n.contact_method_id"
    " LEFT JOIN paging_escalation e ON e.id = n.escalation_id"
    " WHERE n.state = 'pending' AND n.due_at <= %s AND {which} ORDER BY n.kind = 'notice', n.due_at, n.id LIMIT %s FOR UPDATE OF n SKIP LOCKED"
)
_CLAIMED: Any = {"n": Notification, "u": User, "m": ContactMethod, "e": Escalation}
CLAIM = statements.Read(_CLAIM.replace("{which}", "n.method_kind = %s"), **_CLAIMED)
CLAIM_ANY = statements.Read(_CLAIM.replace("{which}", "n.method_kind <> ALL(%s)"), **_CLAIMED)
SENT = (  # when pages went out by a method lately
    "SELECT sent_at FROM paging_notification WHERE contact_method_id = %s AND kind IN ('page', 'fallback') AND sent_at > %s"
    " AND state <> 'failed' AND id <> %s ORDER BY sent_at"
)


def kinds_due(now: datetime) -> list[str]:
    """The channels that have something to send at `now`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT method_kind FROM paging_notification WHERE due_at <= %s", [now])
        return [kind for (kind,) in cursor.fetchall()]


def next_due() -> datetime | None:
    """When the next row must be looked at."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(due_at) FROM paging_notification WHERE due_at IS NOT NULL")
        return cursor.fetchone()[0]


def claim_within(kind: str, limit: int, owner: str, now: datetime) -> list[Notification]:
    """Up to `limit` due rows of that channel, now `sending` under a new fence, pages before all else. What no longer counts is cancelled."""
    return _claimed(CLAIM.all(now, kind, limit * 4), lambda _: limit, owner, now)


def claim_any_within(limit: int, room: Callable[[str], int], full: list[str], owner: str, now: datetime) -> tuple[list[Notification], bool]:
    """The same of every channel but those that are `full`, as many of each as it has `room` for; and whether that may not have been all."""
    found = CLAIM_ANY.all(now, full, limit)
    claimed = _claimed(found, room, owner, now)
    return claimed, len(found) >= limit or any(room(kind) <= count for kind, count in Counter(row.method_kind for row in claimed).items())


def _claimed(found: list[tuple[Any, ...]], room: Callable[[str], int], owner: str, now: datetime) -> list[Notification]:
    claimed: list[Notification] = []
    leading: dict[int, Notification] = {}
    taken: Counter[str] = Counter()
    for row, row.user, row.contact_method, row.escalation, row.joined in found:
        if why := outdated(row):
            withdraw(row, why, now)
        elif row.kind in PAGES and row.attempt == 0 and row.contact_method_id in leading:
            merge(row, leading[row.contact_method_id], now)
        elif taken[row.method_kind] < room(row.method_kind) and _may_go(row, now):
            _take(row, owner, now)
            claimed.append(row)
            taken[row.method_kind] += 1
            # One that may have arrived leads nothing: its provider knows it by its key, and may drop what else it says.
            if row.kind in PAGES and row.contact_method_id and not row.possible_duplicate:
                leading[row.contact_method_id] = row
    return claimed


@transaction.atomic
def claim(kind: str, limit: int, owner: str, now: datetime) -> list[Notification]:
    """The same in a transaction of its own."""
    return claim_within(kind, limit, owner, now)


def _may_go(row: Notification, now: datetime) -> bool:
    # R9: one page a minute per person and method; what comes sooner waits and is merged by the next claim.
    if row.kind not in PAGES or row.attempt or not row.contact_method_id:
        return True
    ((alone,),), sent = together.several(
        ("SELECT pg_try_advisory_xact_lock(7421, hashtext(%s))", (_one_at_a_time(row),)),
        (SENT, (row.contact_method_id, now - timedelta(seconds=rules.QUARTER_SECONDS), row.pk)),
    )
    if not alone:
        return False  # another process is claiming for the same address: it merges or holds, and gives out its numbers in order
    until = _held_until(row, [at for (at,) in sent], now)
    if until:
        row.due_at = until
        row.history = [*row.history, line(State.PENDING, f"held back until {until:%H:%M:%S} UTC: enough pages by this method for now", now)]
        row.save(update_fields=["due_at", "history"])
    return until is None


def _one_at_a_time(row: Notification) -> str:
    # Where pages are answered by number, the numbers of an address that several people share come from one order.
    if row.contact_method and _two_way(row):
        return f"{row.method_kind} {row.contact_method.address}"
    return str(row.contact_method_id)


def _two_way(row: Notification) -> bool:
    notifier = NOTIFIERS.get(row.method_kind)  # a channel that is not there any more fails when it is sent by
    return notifier is not None and notifier.abilities.two_way


def _held_until(row: Notification, sent: list[datetime], now: datetime) -> datetime | None:
    most = rules.MOST_IN_A_QUARTER.get(row.method_kind)
    if most and len(sent) >= most:
        pages = Notification.objects.filter(contact_method=row.contact_method_id, kind__in=PAGES, sent_at__isnull=False).exclude(pk=row.pk)
        if not pages.filter(of_subject(row.alert_id, row.incident_id)).exists():
            most = None
    return rules.held_until(sent[-1] if sent else None, now, sent=sent, most=most)


def merge(row: Notification, into: Notification, now: datetime) -> None:
    """One page stands for both: `row` is not sent, `into` says so with a true count."""
    row.merged_into = into
    become(row, State.CANCELLED, f"merged into page {into.id}", now)
    Notification.objects.filter(merged_into=row).update(merged_into=into)  # what it stood for
    into.merged_count += 1 + row.merged_count
    into.text = f"{into.text}{ALSO}{row.title}"[:4000]
    into.late_seconds = max(into.late_seconds, row.late_seconds)
    into.save(update_fields=["merged_count", "text", "late_seconds"])


def _take(row: Notification, owner: str, now: datetime) -> None:
    row.state, row.fence, row.attempt, row.claimed_by = State.SENDING, row.fence + 1, row.attempt + 1, owner
    if (row.kind in PAGES or asks(row)) and row.reply_code is None and row.contact_method_id and _two_way(row):
        row.reply_code = _next_code(row)
    row.lease_until = now + timedelta(seconds=rules.LEASE_SECONDS)
    row.due_at = now + timedelta(seconds=10)  # then somebody looks whether its owner is still there
    row.sent_at = row.sent_at or now
    row.history = [*row.history, line(State.SENDING, f"attempt {row.attempt}", now)]
    statements.update(row, "state", "fence", "attempt", "claimed_by", "lease_until", "due_at", "sent_at", "reply_code", "history")


def _next_code(row: Notification) -> int:
    """What a text names this page by: the numbers from 1 to 99 in turn, for each address; two people may share one."""
    address = row.contact_method.address if row.contact_method else ""
    same = ContactMethod.objects.filter(kind=row.method_kind, address=address).values("pk")
    before = Notification.objects.filter(contact_method__in=same, reply_code__isnull=False)
    last = before.order_by("-sent_at", "-id").values_list("reply_code", flat=True).first() or 0
    return last % HIGHEST_CODE + 1


def unusable(row: Notification) -> str:
    """Why this claimed row must not be sent although it is due; empty when it may."""
    if row.user and (not row.user.is_active or row.user.removed_at):
        return f"{row.user.name} is no longer active"
    method = row.contact_method
    if method and row.kind != "code" and (not method.enabled or method.removed_at or not method.verified_at):
        return "the contact method was switched off"
    return ""
