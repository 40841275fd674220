"""What does an open page show on top of itself to this person? What pages them, tests that want an answer, and notices: the way of the screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q

from tocsin.paging import messages
from tocsin.paging import operations_asks as asks
from tocsin.paging import operations_shown as shown
from tocsin.paging.models import Ask, Escalation, Notification

READABLE = timedelta(minutes=1)  # a test or a notice stays on open pages for so long after it was shown
ANSWERABLE = timedelta(minutes=15)  # the same of what wants an answer, and of pages that no escalation ends
AT_ONCE = 3  # of each sort
State = Notification.State


@dataclass(frozen=True)
class Page:
    """One that pages them; `ask`: what it asks them, while it waits for the answer."""

    row: Notification
    ask: Ask | None = None


@dataclass(frozen=True)
class OnScreen:
    """`tests` are to be acknowledged, `notes` to be read. `to_confirm` are the ids of notifications whose delivery is that an open page shows them."""

    pages: list[Page] = field(default_factory=list)
    tests: list[Notification] = field(default_factory=list)
    notes: list[Notification] = field(default_factory=list)
    to_confirm: list[int] = field(default_factory=list)


def of(user_id: int, now: datetime) -> OnScreen:
    """What is shown to that person now."""
    fresh = Q(state__in=(State.PENDING, State.SENDING)) | Q(state=State.DELIVERED, final_at__gte=now - ANSWERABLE)
    rows = list(Notification.objects.filter(fresh, user_id=user_id, method_kind="screen").order_by("-id")[:20])
    waiting = [row.pk for row in rows if row.state != State.DELIVERED and (row.attempt or (row.due_at and row.due_at <= now))]
    seen = [row for row in rows if row.pk in waiting or row.state == State.DELIVERED]
    pages = [*_of_escalations(user_id), *_by_themselves(seen)]
    told = [row for row in seen if row.kind in ("test", "notice")]
    tests = _newest_of_each(row for row in told if messages.asks(row) and not shown.note(row))
    notes = [row for row in told if not messages.asks(row) and (row.final_at is None or row.final_at >= now - READABLE)]
    return OnScreen(pages[-AT_ONCE:], tests[:AT_ONCE], notes[:AT_ONCE], waiting)


def _of_escalations(user_id: int) -> list[Page]:
    """The pages of running escalations that this person has not answered, by whichever way they went out."""
    rows = Notification.objects.filter(user_id=user_id, kind__in=("page", "fallback"), escalation__status=Escalation.Status.RUNNING)
    rows = rows.exclude(state=State.CANCELLED).select_related("escalation").order_by("id")
    newest = {row.escalation_id: row for row in rows[:50]}
    return [Page(row) for row in list(newest.values())[-AT_ONCE:] if not shown.note(row)]


def _by_themselves(seen: list[Notification]) -> list[Page]:
    """Pages that no escalation sent: somebody is asked to come or to take over, has got a role, or owes what is late."""
    found = []
    for row in reversed([row for row in seen if row.kind in ("page", "fallback") and not row.escalation_id]):
        ask = asks.of_page(row)
        if ask is None or ask.waits:
            found.append(Page(row, ask))
    return found


def _newest_of_each(tests: Iterable[Notification]) -> list[Notification]:
    """Of tests that one acknowledgement ends together (the steps of a policy, rehearsals) the newest one; they come newest first."""
    newest: dict[str, Notification] = {}
    for row in tests:
        run = row.identity.rsplit(":t", 1)[0] if row.identity.startswith(messages.POLICY_TEST) else messages.REHEARSAL
        newest.setdefault(run, row)
    return list(newest.values())
