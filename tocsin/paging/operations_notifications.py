"""How does a page become rows, get claimed by one sender, and reach its final state? Writes notifications.

Locks are always taken in the order escalation, then notification; a claim takes the notification alone. Acknowledging locks the escalation
and then cancels its rows, so a claim that commits later sees the acknowledgement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import User
from tocsin.domain import delivery as rules
from tocsin.domain import telling as one_page
from tocsin.domain.ports import Outcome, Receipt
from tocsin.domain.replies import HIGHEST_CODE
from tocsin.integrations.registry import NOTIFIERS
from tocsin.lib import due, statements, together
from tocsin.lib.conflicts import again_on_conflict
from tocsin.oncall.changed import changed_for
from tocsin.paging import low_urgency
from tocsin.paging import operations_once as once
from tocsin.paging import operations_polling as polling
from tocsin.paging import operations_shown as showing
from tocsin.paging.messages import asks
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.paging.people import Way, quiet_way, usable_methods, ways
from tocsin.timeline.operations import announce, record

LOOP = "notifications"
PAGES = ("page", "fallback")
State = Notification.State
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


def plan(
    user: User,
    *,
    group: str,
    subject: dict[str, Any],
    why: str,
    now: datetime,
    kind: str = "page",
    urgency: str = "high",
    escalation: Escalation | None = None,
    alert_id: int | None = None,
    incident_id: int | None = None,
    late: int = 0,
    by_ways: list[Way] | None = None,
    told: Sequence[once.Page] = (),
) -> list[Notification]:
    """The rows of one page to one person by their own rules; rows that exist already are not made again (R7). Empty: no usable method.

    `late`: so many seconds after it should have been made, where that is to be told. `by_ways`: the ways to reach them, where these are known.
    `told`: what other tracks page them with about the same: those rows stand for the new ones, or the more urgent new ones for those.
    """
    made, opens = [], low_urgency.opens_at(user, now) if urgency == "low" else now
    chosen = ways(user, urgency) if by_ways is None else by_ways
    telling = one_page.once([(way.method.id, way.turn) for way in chosen], urgency, [page.told for page in told], now)
    for way in chosen:
        row = _row(
            user, way.method, group=group, turn=way.turn, kind=kind, title=rules.page_title(subject), text=rules.page_text(subject, why), reason=why,
            due_at=opens + timedelta(seconds=way.after_seconds), now=now, escalation=escalation, alert_id=alert_id, incident_id=incident_id,
            late_seconds=late,
        )  # fmt: skip
        if opens > now:
            row.history[0]["reason"] = f"planned; it can wait for the working hours of {user}"
        if lead := telling.counted.get((way.method.id, way.turn)):
            _stand_for(row, lead, f"told at this moment already, by page {lead}", now)
        made.append(row)
    insert(made)
    if telling.replaced:
        _replace([page.row for page in told if page.told.page in telling.replaced and page.told.waits], telling.replaced, made, now)
    return made


def _stand_for(row: Notification, lead: int, why: str, now: datetime) -> None:
    """`row` is not sent: page `lead` tells the same person the same."""
    row.state, row.due_at, row.final_at, row.merged_into_id, row.outcome = State.CANCELLED, None, now, lead, why
    row.history = [*row.history, line(State.CANCELLED, why, now)]


def _replace(rows: list[Notification], by: Mapping[int, one_page.Way], made: list[Notification], now: datetime) -> None:
    """Less urgent pages of other tracks are told by these more urgent ones instead."""
    ids = dict(Notification.objects.filter(identity__in=[row.identity for row in made]).values_list("identity", "pk"))
    leads = {(row.contact_method_id or 0, turn): ids[row.identity] for row, turn in ((row, once.turn_of(row)) for row in made)}
    for row in rows:
        lead = leads[by[row.pk]]
        _stand_for(row, lead, f"told at this moment by page {lead}, which is more urgent", now)
        statements.update(row)
        Notification.objects.filter(merged_into=row).update(merged_into=lead)  # what it stood for


def plan_test(user: User, ways: list[Way], *, group: str, title: str, text: str, at: datetime, now: datetime) -> list[Notification]:
    """The rows, not written yet, of one page of a test to one person by these ways of theirs, of which the first goes out at `at`."""
    return [
        _row(
            user, way.method, group=group, turn=way.turn, kind="test", title=title, text=text, now=now,
            due_at=at + timedelta(seconds=way.after_seconds),
        )
        for way in ways
    ]  # fmt: skip


def _row(user: User, method: ContactMethod, *, group: str, now: datetime, due_at: datetime, turn: int = 0, **fields: Any) -> Notification:
    identity = f"{group}:m{method.id}" + (f":n{turn}" if turn else "")
    return Notification(
        identity=identity[:200], user=user, contact_method=method, method_kind=method.kind, state=State.PENDING,
        due_at=due_at, created_at=now, history=[line(State.PENDING, "planned", now)], **fields,
    )  # fmt: skip


def insert(rows: list[Notification]) -> None:
    """Write new rows, wake the senders and tell the person's open pages."""
    if rows:
        statements.insert(rows, ignore_conflicts=True)
        announce(*{f"person:{row.user_id}" for row in rows if row.user_id})
        due.wake(LOOP)


def line(state: str, reason: str, now: datetime) -> dict[str, str]:
    """One line of a notification's history."""
    return {"at": now.isoformat(), "state": str(state), "reason": reason[:500]}


def become(row: Notification, state: str, reason: str, now: datetime, *, due_at: datetime | None = None) -> None:
    """Give a locked row another state, with a line of its history. `due_at` for what is still to be sent."""
    row.state, row.due_at, row.lease_until, row.claimed_by = state, due_at, None, ""
    row.report_due_at = rules.looked_at(now, awaits_report=row.awaits_report) if state == State.ACCEPTED else None
    row.outcome = reason[:500]
    row.final_at = None if due_at else now
    row.history = [*row.history, line(state, reason, now)]
    statements.update(row)


def cancel(rows: QuerySet[Notification], reason: str, now: datetime) -> int:
    """Cancel those of `rows` that have not been handed to a sender; how many."""
    pending = list(rows.filter(state=State.PENDING).select_for_update().order_by("id"))
    for row in pending:
        _withdraw(row, reason, now)
    return len(pending)


def _withdraw(row: Notification, reason: str, now: datetime) -> None:
    """Cancel one. What was merged into it goes out by itself: it is about something else, which may still wait for somebody."""
    become(row, State.CANCELLED, reason, now)
    if not row.merged_count:
        return
    for page in Notification.objects.select_for_update(of=("self",)).filter(merged_into=row).select_related("escalation").order_by("id"):
        if not _outdated(page) and (page.alert_id, page.incident_id) != (row.alert_id, row.incident_id):
            page.merged_into = None
            become(page, State.PENDING, "the page that it waited behind was withdrawn", now, due_at=now)
            due.wake(LOOP)


# -- claiming -------------------------------------------------------------------------------------------------------------


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
        if outdated := _outdated(row):
            _withdraw(row, outdated, now)
        elif row.kind in PAGES and row.attempt == 0 and row.contact_method_id in leading:
            merge(row, leading[row.contact_method_id], now)
        elif taken[row.method_kind] < room(row.method_kind) and _may_go(row, now):
            _take(row, owner, now)
            claimed.append(row)
            taken[row.method_kind] += 1
            if row.kind in PAGES and row.contact_method_id:
                leading[row.contact_method_id] = row
    return claimed


@transaction.atomic
def claim(kind: str, limit: int, owner: str, now: datetime) -> list[Notification]:
    """The same in a transaction of its own."""
    return claim_within(kind, limit, owner, now)


def _outdated(row: Notification) -> str:
    escalation = row.escalation
    if escalation and escalation.status == Escalation.Status.ACKNOWLEDGED:
        return "acknowledged before it was sent"
    if escalation and escalation.status == Escalation.Status.STOPPED:
        return "stopped before it was sent"
    return ""


def _may_go(row: Notification, now: datetime) -> bool:
    # R9: one page a minute per person and method; what comes sooner waits and is merged by the next claim.
    if row.kind not in PAGES or row.attempt or not row.contact_method_id:
        return True
    ((alone,),), sent = together.several(
        ("SELECT pg_try_advisory_xact_lock(7421, %s)", (row.contact_method_id % 2**31,)),
        (SENT, (row.contact_method_id, now - timedelta(seconds=rules.QUARTER_SECONDS), row.pk)),
    )
    if not alone:
        return False  # another process is claiming for the same person and method: it merges or holds
    until = _held_until(row, [at for (at,) in sent], now)
    if until:
        row.due_at = until
        row.history = [*row.history, line(State.PENDING, f"held back until {until:%H:%M:%S} UTC: enough pages by this method for now", now)]
        row.save(update_fields=["due_at", "history"])
    return until is None


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
    into.text = f"{into.text}\nAlso: {row.title}"[:4000]
    into.late_seconds = max(into.late_seconds, row.late_seconds)
    into.save(update_fields=["merged_count", "text", "late_seconds"])


def _take(row: Notification, owner: str, now: datetime) -> None:
    row.state, row.fence, row.attempt, row.claimed_by = State.SENDING, row.fence + 1, row.attempt + 1, owner
    if (
        (row.kind in PAGES or asks(row))
        and row.reply_code is None
        and row.contact_method_id
        and NOTIFIERS[row.method_kind].abilities.two_way
    ):
        row.reply_code = _next_code(row)
    row.lease_until = now + timedelta(seconds=rules.LEASE_SECONDS)
    row.due_at = now + timedelta(seconds=10)  # then somebody looks whether its owner is still there
    row.sent_at = row.sent_at or now
    row.history = [*row.history, line(State.SENDING, f"attempt {row.attempt}", now)]
    statements.update(row, "state", "fence", "attempt", "claimed_by", "lease_until", "due_at", "sent_at", "reply_code", "history")


def _next_code(row: Notification) -> int:
    """What a text names this page by: the numbers from 1 to 99 in turn, for each address."""
    before = Notification.objects.filter(user=row.user_id, contact_method=row.contact_method_id, reply_code__isnull=False)
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


# -- settling -------------------------------------------------------------------------------------------------------------


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
            _withdraw(row, f"acknowledged after attempt {row.attempt}: {receipt.reason}", now)
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


def lose(method: ContactMethod, reason: str, now: datetime, *, stopped: bool = False) -> None:
    """An address that worked is gone for good and must be proved again, or its person has `stopped` it: they are told by another way, and their
    schedules are looked at."""
    lost = {"enabled": False} if stopped else {"verified_at": None}
    if not ContactMethod.objects.filter(pk=method.pk, removed_at=None, lost_reason="").update(lost_reason=reason[:500], **lost):
        return
    changed_for([method.user_id], now)
    other = quiet_way(method.user)
    if other is None or method.verified_at is None:
        return
    back = "Text START to the number that the pages come from to switch it on again" if stopped else "Prove it again on your own page"
    text = f"{method.label or method.address or method.kind} no longer takes pages: {reason}. {back}, or add another way."
    insert([_row(method.user, other, group=f"lost:{method.id}:{now:%Y%m%d%H%M}", kind="notice", title="A way to reach you was lost",
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
    from tocsin.paging import operations_steps as steps

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
            insert([_row(user, method, group=group, kind=row.kind, title=row.title, text=row.text, reason=row.reason, due_at=now, now=now,
                         late_seconds=row.late_seconds, escalation_id=row.escalation_id, alert_id=row.alert_id, incident_id=row.incident_id)])  # fmt: skip
            return True
    return False


def shown(row: Notification, now: datetime) -> None:
    """The person's screen has shown it: that is delivery."""
    with transaction.atomic():
        row = Notification.objects.select_for_update().get(pk=row.pk)
        if row.method_kind == "screen" and row.state in (State.PENDING, State.SENDING):
            row.sent_at = row.sent_at or now
            become(row, State.DELIVERED, "shown on screen", now)


def of_subject(alert_id: int | None, incident_id: int | None) -> Q:
    """The rows about that alert or incident."""
    return Q(incident_id=incident_id) if incident_id else Q(alert_id=alert_id)
