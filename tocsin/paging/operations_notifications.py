"""How does a page become rows, and of which states are these? Writes notifications; claiming them and what became of them have files of their own.

Locks are always taken in the order escalation, then notification; a claim takes the notification alone. Acknowledging locks the escalation
and then cancels its rows, so a claim that commits later sees the acknowledgement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from tocsin.accounts.models import User
from tocsin.domain import delivery as rules
from tocsin.domain import telling as one_page
from tocsin.lib import due, statements
from tocsin.paging import low_urgency
from tocsin.paging import operations_once as once
from tocsin.paging.models import ContactMethod, Escalation, Notification
from tocsin.paging.people import Way, ways
from tocsin.timeline.operations import announce

LOOP = "notifications"
PAGES = ("page", "fallback")
ALSO = "\nAlso: "  # before what a page stands for besides
State = Notification.State


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
    due_at = now - timedelta(seconds=late)  # hours that passed while Tocsin itself was away are not waited for again
    opens = max(now, low_urgency.opens_at(user, due_at)) if urgency == "low" else now
    made: list[Notification] = []
    chosen = ways(user, urgency) if by_ways is None else by_ways
    telling = one_page.once([(way.method.id, way.turn) for way in chosen], urgency, [page.told for page in told], now)
    for way in chosen:
        row = row_for(
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
        row_for(
            user, way.method, group=group, turn=way.turn, kind="test", title=title, text=text, now=now,
            due_at=at + timedelta(seconds=way.after_seconds),
        )
        for way in ways
    ]  # fmt: skip


def row_for(
    user: User, method: ContactMethod, *, group: str, now: datetime, due_at: datetime, turn: int = 0, **fields: Any
) -> Notification:
    """The row, not written yet, of one message to a person by one method."""
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
        withdraw(row, reason, now)
    return len(pending)


def withdraw(row: Notification, reason: str, now: datetime) -> None:
    """Cancel one. What was merged into it goes out by itself: it is about something else, which may still wait for somebody."""
    become(row, State.CANCELLED, reason, now)
    if not row.merged_count:
        return
    for page in Notification.objects.select_for_update(of=("self",)).filter(merged_into=row).select_related("escalation").order_by("id"):
        if not outdated(page) and (page.alert_id, page.incident_id) != (row.alert_id, row.incident_id):
            page.merged_into = None
            become(page, State.PENDING, "the page that it waited behind was withdrawn", now, due_at=now)
            due.wake(LOOP)


def outdated(row: Notification) -> str:
    """Why this page need not go out any more; empty where it must."""
    escalation = row.escalation
    if escalation and escalation.status == Escalation.Status.ACKNOWLEDGED:
        return "acknowledged before it was sent"
    if escalation and escalation.status == Escalation.Status.STOPPED:
        return "stopped before it was sent"
    return ""


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
