"""How are people asked to come or to take over, and how is their answer kept? Writes asks, and whose an acknowledgement is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.domain.asks import Answer, Kind, sentence
from tocsin.lib import due
from tocsin.paging import operations_notifications as notifications
from tocsin.paging.models import Ask, Escalation, Notification
from tocsin.paging.operations import NEVER_PAGED, page_person
from tocsin.paging.people import usable_methods
from tocsin.timeline.operations import record

LOOP = "asks"
BY_NAME = "by name"  # how people are found whom somebody chose themselves
IDENTITY = re.compile(r"^ask:(\d+):")
SAME_WITHIN = timedelta(minutes=1)


def create(
    kind: Kind,
    user: User,
    *,
    via: str,
    reason: str,
    minutes: int,
    subject: dict[str, Any],
    incident_id: int | None = None,
    alert_id: int | None = None,
    by: Actor,
    now: datetime,
) -> Ask:
    """Ask one person, who is paged for it. Asked for the same within a minute, it is the same ask; later it takes the place of the one before.
    Who has no usable contact method is not waited for."""
    about = {"incident_id": incident_id, "alert_id": None if incident_id else alert_id}
    before = list(Ask.objects.select_for_update(of=("self",)).filter(kind=kind, user=user, answer=Answer.WAITING, **about).order_by("id"))
    if before and now - before[-1].asked_at < SAME_WITHIN:
        return before[-1]
    for row in before:
        settle(row, Answer.WITHDRAWN, note="asked again", now=now)
    ask = Ask.objects.create(
        kind=kind, user=user, via=via[:200], reason=reason[:500], asked_by=by.user, asked_label=by.label[:200], asked_at=now,
        due_at=now + timedelta(minutes=minutes if usable_methods(user) else 0), **about,
    )  # fmt: skip
    wish = "asked to take it over" if kind is Kind.TAKE else "asked to come"
    why = f"{wish} by {by.label}" + ("" if via == BY_NAME else f" ({via})") + (f": {reason}" if reason else "")
    page_person(user, subject=subject, reason=why, identity=f"ask:{ask.pk}", by=by, now=now, **about)
    due.wake(LOOP)
    return ask


def settle(ask: Ask, answer: Answer, *, note: str = "", by: Actor | None = None, now: datetime) -> None:
    """Keep the answer of a locked ask, cancel what has not gone out to them, and put it on the record. What follows is the caller's."""
    ask.answer, ask.note, ask.answered_at, ask.due_at = answer, note[:500], now, None
    ask.save(update_fields=["answer", "note", "answered_at", "due_at"])
    if answer is not Answer.NONE:  # a late answer counts: whoever has not answered goes on to be paged
        pages = Notification.objects.filter(identity__startswith=f"ask:{ask.pk}:", user=ask.user_id)
        notifications.cancel(pages, f"answered: {answer}", now)
    text = sentence(Kind(ask.kind), answer, ask.user.name or ask.user.email, note)
    record(
        "asked", f"{text}.", by=by or Actor(None, "Tocsin"), now=now, incident_id=ask.incident_id, alert_id=ask.alert_id,
        data={"ask": ask.pk, "kind": ask.kind, "answer": str(answer), "user": ask.user_id}, key=answer in (Answer.COMING, Answer.CANNOT),
    )  # fmt: skip


def hand_to(ids: Sequence[int], user: User, *, via: str, expires_minutes: int | None, now: datetime) -> int:
    """These acknowledgements are that person's from now on; where they run out, they do so counted from now. How many."""
    rows = list(Escalation.objects.select_for_update(of=("self",)).filter(pk__in=ids, status=Escalation.Status.ACKNOWLEDGED).order_by("id"))
    for row in rows:
        row.acknowledged_by, row.acknowledged_via = user, via
        if row.due_at is not None and expires_minutes:
            row.ack_expires_at = row.due_at = now + timedelta(minutes=expires_minutes)
        row.save(update_fields=["acknowledged_by", "acknowledged_via", "ack_expires_at", "due_at"])
    return len(rows)


# -- reading --------------------------------------------------------------------------------------------------------------


def held(*, alert_id: int | None = None, incident_id: int | None = None) -> list[Escalation]:
    """The acknowledgements that stand, of an alert or incident: of each track its newest run, where that is acknowledged."""
    about = Q(incident_id=incident_id) if incident_id else Q(alert_id=alert_id)
    return standing(Escalation.objects.filter(about).select_related("acknowledged_by").order_by("id"))


def standing(runs: Iterable[Escalation]) -> list[Escalation]:
    """The same of runs that are known already, oldest first."""
    newest = {(row.track, row.policy_track): row for row in runs}.values()
    return [row for row in newest if row.status == Escalation.Status.ACKNOWLEDGED]


def was_paged(runs: Sequence[Escalation]) -> bool:
    """Was anybody paged for it, so that paging can start again?"""
    return any(run.reason != NEVER_PAGED for run in runs)


def of_subject(*, alert_id: int | None = None, incident_id: int | None = None) -> QuerySet[Ask]:
    """The asks about an incident, or about an alert by itself, oldest first."""
    about = Q(incident_id=incident_id) if incident_id else Q(alert_id=alert_id)
    return Ask.objects.filter(about).select_related("user", "asked_by").order_by("id")


def of_page(row: Notification) -> Ask | None:
    """The ask that a page carries."""
    found = IDENTITY.match(row.identity)
    return Ask.objects.select_related("user", "asked_by").filter(pk=int(found[1]), user=row.user_id or 0).first() if found else None


def due_ids(now: datetime, limit: int = 50) -> list[int]:
    """The asks whose answer is overdue, the longest first."""
    return list(Ask.objects.filter(due_at__lte=now).order_by("due_at", "id").values_list("id", flat=True)[:limit])


def postpone(id: int, now: datetime, seconds: int = 60) -> None:
    """Something went wrong with this one: look again later, so that it does not stand in the way of others."""
    Ask.objects.filter(pk=id, due_at__lte=now).update(due_at=now + timedelta(seconds=seconds))


def next_due() -> datetime | None:
    """When the next answer is overdue."""
    return Ask.objects.filter(due_at__isnull=False).order_by("due_at").values_list("due_at", flat=True).first()


def plain(ask: Ask) -> dict[str, Any]:
    """An ask as the API shows it."""
    by = {"id": ask.asked_by_id, "name": ask.asked_by.name} if ask.asked_by else {"id": None, "name": ask.asked_label}
    return {
        "id": ask.pk, "kind": ask.kind, "user": {"id": ask.user_id, "name": ask.user.name}, "via": ask.via, "reason": ask.reason,
        "asked_by": by, "asked_at": ask.asked_at, "due_at": ask.due_at, "answer": ask.answer, "note": ask.note, "answered_at": ask.answered_at,
    }  # fmt: skip
