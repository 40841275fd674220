"""Is paging at work, catching up after Tocsin was away, or held back? Writes the one row that says so, and what a return does to the rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.domain import catch_up as rules
from tocsin.domain.catch_up import Stage
from tocsin.lib import due
from tocsin.lib.refusal import Refused
from tocsin.paging import operations_claims as claims
from tocsin.paging import operations_notifications as notifications
from tocsin.paging.models import Escalation, Notification, PagingState

MOST_MERGED = 20_000  # pages that a return looks at; more are merged as they are claimed
LOOPS = ("escalations", "notifications", "obligations")
_LOOK = "SELECT stage, held_since IS NOT NULL, extract(epoch FROM clock_timestamp() - at)::float8 FROM paging_pagingstate WHERE id = 1"
_BACK = (
    "INSERT INTO paging_pagingstate AS s (id, at, stage, held_reason, released_by) VALUES (1, clock_timestamp(), 'sending', '', '')"
    " ON CONFLICT (id) DO UPDATE SET at = clock_timestamp()"
)
_AWAY = (
    "UPDATE paging_pagingstate SET away_from = tocsin_now() - (clock_timestamp() - at), returned_at = tocsin_now(), caught_up_at = NULL,"
    " stage = 'looking', at = clock_timestamp() WHERE id = 1"
)


class Waits(NamedTuple):
    """Does something from before that time still wait to be folded; does a step or a promise still wait to be carried out?"""

    events: bool
    steps: bool


def state() -> PagingState:
    """The row as it is."""
    return PagingState.objects.filter(pk=1).first() or PagingState(pk=1)


def look(waits: Callable[[datetime], Waits], told: Callable[[PagingState, datetime], None]) -> Stage:
    """Say that a paging loop is at work, and how far the return from the last gap is. A loop calls it before it does anything.

    `waits` is asked what is left from before the return; `told` is called, in the same transaction, when it is over.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOOK)
        row = cursor.fetchone()
        if row is None or row[2] is None:
            cursor.execute(_BACK)
            row = row or (Stage.SENDING.value, False, 0.0)
        stage, held, silence = row
        if not rules.was_away(silence):
            if silence is not None and silence > 2:
                cursor.execute(_BACK)
            if not held and stage == Stage.SENDING:
                return Stage.SENDING
    if held and not rules.was_away(silence):
        return Stage.HELD
    return _return(waits, told)


@transaction.atomic
def _return(waits: Callable[[datetime], Waits], told: Callable[[PagingState, datetime], None]) -> Stage:
    row = PagingState.objects.select_for_update().get(pk=1)
    with connection.cursor() as cursor:
        cursor.execute(_LOOK)  # as it is now that others are kept away
        if rules.was_away(cursor.fetchone()[2]):
            cursor.execute(_AWAY)
            row.refresh_from_db()
        cursor.execute("SELECT tocsin_now()")
        now = cursor.fetchone()[0]
    if row.held_since:
        return Stage.HELD
    while row.returned_at:
        left = waits(row.returned_at)
        stage = rules.following(rules.Return(Stage(row.stage), row.returned_at, left.events, left.steps), now)
        if stage == row.stage:
            break
        if stage is Stage.STEPPING:
            _steps_again(now)
        if stage is Stage.SENDING:
            _pages_again(now)
            row.caught_up_at = now
            told(row, now)
        row.stage = stage.value
        row.save(update_fields=["stage", "caught_up_at"])
        _wake()
    return Stage(row.stage)


def _wake() -> None:
    for loop in LOOPS:
        due.wake(loop)


def _steps_again(now: datetime) -> None:
    """Steps that follow a page which should have gone out by now and never did wait once more as long as they were to, overdue or not."""
    held = Notification.objects.filter(state=Notification.State.PENDING, attempt=0, due_at__lt=now, escalation=OuterRef("pk"))
    overdue = (
        Escalation.objects.filter(Q(due_at__lt=now) | Exists(held), status=Escalation.Status.RUNNING, due_at__isnull=False)
        .exclude(track="canary")
        .select_for_update()
        .order_by("id")
    )
    newest: dict[int, tuple[datetime, list[datetime | None]]] = {}  # when its newest pages were made, and when those not tried were due
    rows = Notification.objects.filter(escalation__in=overdue.values("pk")).order_by("created_at", "id")
    told = [Coalesce(f"merged_into__{field}", field) for field in ("state", "attempt", "due_at")]  # by the page that stands for it
    for id, at, state, attempt, due_at in rows.values_list("escalation_id", "created_at", *told):
        dues = newest[id][1] if id in newest and newest[id][0] == at else []
        newest[id] = (at, [*dues, due_at if state == Notification.State.PENDING and attempt == 0 else None])
    for escalation in overdue:
        dues = newest[escalation.pk][1] if escalation.pk in newest else [None]
        first = None if None in dues else min(due_at for due_at in dues if due_at)
        again = rules.step_again(escalation.due_at, first, now=now) if escalation.due_at else now
        if escalation.due_at and again > max(now, escalation.due_at):
            escalation.due_at = again
            escalation.save(update_fields=["due_at"])


def _pages_again(now: datetime) -> None:
    """What is due goes out merged, one page for each person and method; delays that had not passed begin anew."""
    pending = Notification.objects.filter(state=Notification.State.PENDING, kind__in=notifications.PAGES)
    late = pending.filter(due_at__lt=now).order_by("due_at", "id")
    groups = {row.identity.rsplit(":m", 1)[0] for row in late.only("identity")[:MOST_MERGED]}
    rows = {
        row.pk: row for row in pending.select_for_update().order_by("id")[: 2 * MOST_MERGED] if row.identity.rsplit(":m", 1)[0] in groups
    }
    again = rules.delays_again(_waiting(rows.values()), now)
    for id, at in again.items():
        row = rows[id]
        if row.due_at and row.due_at < now:
            row.late_seconds = max(row.late_seconds, rules.late_by(row.due_at, now))
        row.due_at = at
        row.save(update_fields=["due_at", "late_seconds"])
    for lead, others in rules.merged(_waiting(rows.values()), now).items():
        for id in others:
            claims.merge(rows[id], rows[lead], now)


def _waiting(rows: object) -> list[rules.Waiting]:
    return [
        rules.Waiting(row.pk, row.identity.rsplit(":m", 1)[0], row.contact_method_id or 0, row.due_at, not row.attempt)
        for row in rows  # type: ignore[attr-defined]
    ]


def overdue_pages(now: datetime, limit: int) -> list[Notification]:
    """Pages that should have gone out by now, the longest due first."""
    rows = Notification.objects.filter(Q(state=Notification.State.PENDING), kind__in=notifications.PAGES, due_at__lte=now)
    return list(rows.select_related("user", "escalation").order_by("due_at", "id")[:limit])


def overdue_steps(now: datetime, limit: int) -> list[Escalation]:
    """Escalations whose next step should have started by now, the longest due first."""
    return list(
        Escalation.objects.filter(due_at__lte=now)
        .exclude(track="canary")
        .select_related("alert", "policy")
        .order_by("due_at", "id")[:limit]
    )


@transaction.atomic
def release(*, by: Actor, now: datetime) -> PagingState:
    """Let paging go on after a restore. What is overdue is caught up with as after an absence."""
    row = PagingState.objects.select_for_update().filter(pk=1).first()
    if row is None or row.held_since is None:
        raise Refused("Paging is not held back: there is nothing to release.", status=409, code="not_held")
    text = f"{by.label} released paging, which was held back since {row.held_since:%Y-%m-%d %H:%M} UTC."
    row.away_from, row.returned_at, row.caught_up_at, row.stage = row.held_since, now, None, Stage.LOOKING.value
    row.held_since, row.released_at, row.released_by = None, now, by.label[:200]
    row.save()
    audit("paging.released", "paging", 1, text, by=by, now=now, reason=row.held_reason)
    _wake()
    return row
