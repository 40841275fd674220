"""How does paging end: who has it, for how long, and when is it over? Writes escalations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.domain import escalation as rules
from tocsin.lib import due, statements
from tocsin.paging import operations_notifications as notifications
from tocsin.paging import operations_shown as showing
from tocsin.paging import several
from tocsin.paging.models import Escalation, Notification
from tocsin.paging.operations_steps import LOOP, Status, snapshot, tell

BY_HAND = "asked_"  # so begin the tracks of policies that somebody asked for by hand
NEVER_PAGED = "acknowledged, never paged"


def acknowledge(
    *,
    alert_id: int | None = None,
    incident_id: int | None = None,
    by: Actor,
    now: datetime,
    expires_minutes: int | None = None,
    subject: dict[str, Any] | None = None,
) -> list[Escalation]:
    """ "I have it": end every unanswered escalation of that alert or incident, on every track, and cancel what is not yet sent (R8).

    Returns the escalations that this acknowledged, or in which it counts as one of several; empty when somebody already had it. What was
    never paged gets a row that says who has it. Call it inside the transaction of the verb.
    """
    rows = list(Escalation.objects.select_for_update(of=("self",)).filter(rows_about(alert_id, incident_id)).order_by("id"))
    if not rows:
        empty = {"policy_snapshot": snapshot(None), "subject": subject or {}, "started_at": now, "reason": NEVER_PAGED}
        rows = [Escalation(alert_id=alert_id, incident_id=incident_id, track="on_call", **empty)]
        statements.insert(rows)
        expires_minutes = None  # nobody was woken: there is nothing to begin again
    unanswered = [row for row in rows if row.status in (Status.RUNNING, Status.EXHAUSTED) or _is_free(row, by, now)]
    if not unanswered and all(row.status == Status.STOPPED for row in rows):
        # Paging was stopped, but nobody has said yet that they have it. Where nobody was woken there is nothing to begin again.
        newest = {(row.track, row.policy_track): row for row in rows}.values()
        unanswered = [row for row in newest if row.notifications.exists()]
        if not unanswered:
            unanswered, expires_minutes = rows[-1:], None
    expires_at = now + timedelta(minutes=expires_minutes) if expires_minutes else None
    new = [row for row in unanswered if several.take_answer(row, by, now)]
    waiting = [row for row in unanswered if by.user and _waits_for_more(row, by, now, new=row in new)]
    taken = [row for row in unanswered if row not in waiting]
    for row in taken:
        row.status, row.acknowledged_at, row.acknowledged_by, row.acknowledged_via = Status.ACKNOWLEDGED, now, by.user, by.via
        row.ack_expires_at = row.due_at = expires_at
        row.finished_at = None if expires_at else now
        statements.update(row)
    notifications.cancel(Notification.objects.filter(escalation__in=taken), f"acknowledged by {by.label}", now)
    if by.user:
        own = Notification.objects.filter(
            notifications.of_subject(alert_id, incident_id), escalation=None, user=by.user, kind__in=notifications.PAGES
        )
        notifications.cancel(own, "this person has acknowledged", now)
    by_hand = notifications.of_subject(alert_id, incident_id) & Q(escalation=None)
    showing.refresh(Notification.objects.filter(Q(escalation__in=taken) | by_hand), now)
    return taken + [row for row in waiting if row in new]


def _is_free(row: Escalation, by: Actor, now: datetime) -> bool:
    """Whether its acknowledgement has run out, or was given back: it only waits for the loop to begin anew. Where several must acknowledge it
    does begin anew first, so that one alone is not taken for all."""
    if row.due_at is None or row.due_at > now:
        return False
    return by.user is None or rules.Policy.from_plain(row.policy_snapshot).one_is_enough


def _waits_for_more(row: Escalation, by: Actor, now: datetime, *, new: bool) -> bool:
    """One of several has acknowledged: this person is left alone, the others are asked on."""
    more = several.waits_for(row)
    if more and new:
        own = Notification.objects.filter(escalation=row, user=by.user)
        notifications.cancel(own, f"acknowledged by {by.label}", now)
        showing.refresh(own, now)
        tell(row, "acknowledged_partly", f"{by.label} has acknowledged; paging goes on until {more} has too.", now, by)
    return bool(more)


def expire_at(ids: Sequence[int], at: datetime, *, by: Actor, now: datetime) -> int:
    """These acknowledgements run out then, whatever the procedure says: paging starts again unless the alert has ended. How many."""
    rows = Escalation.objects.select_for_update(of=("self",)).filter(pk__in=ids, status=Status.ACKNOWLEDGED).exclude(reason=NEVER_PAGED)
    for row in (found := list(rows.order_by("id"))):
        row.ack_expires_at = row.due_at = at
        row.finished_at = None
        row.save(update_fields=["ack_expires_at", "due_at", "finished_at"])
        if at > now:
            tell(row, "snoozed", f"{by.label} has it until {at:%Y-%m-%d %H:%M} UTC; then paging starts again.", now, by)
    due.wake(LOOP)
    return len(found)


def give_back(ids: Sequence[int], *, by: Actor, now: datetime) -> int:
    """Take acknowledgements back at once: paging starts again, for so many; who took what was never paged does not have it any more."""
    never = Escalation.objects.filter(pk__in=ids, status=Status.ACKNOWLEDGED, reason=NEVER_PAGED)
    never.update(status=Status.STOPPED, finished_at=now, acknowledged_at=None, acknowledged_by=None, acknowledged_via="")
    return expire_at(ids, now, by=by, now=now)


def severities_of(alert_ids: Collection[int]) -> dict[int, str]:
    """The severity at which somebody took each of these alerts: what its newest run says."""
    if not alert_ids:
        return {}
    rows = Escalation.objects.filter(alert_id__in=list(alert_ids)).order_by("id").values_list("alert_id", "subject__severity")
    return {id: severity for id, severity in rows if id is not None and severity}


def rows_about(alert_id: int | None, incident_id: int | None) -> Q:
    """The escalations about that alert or incident."""
    if incident_id is None and alert_id is None:
        raise ValueError("an escalation is about an alert or an incident")
    return Q(incident_id=incident_id) if incident_id else Q(alert_id=alert_id)


def stop(
    *, alert_id: int | None = None, incident_id: int | None = None, reason: str, by: Actor = SYSTEM, now: datetime
) -> list[Escalation]:
    """End paging because its subject is over. An alert's escalation that belongs to an incident goes on: the incident ends it."""
    about = rows_about(alert_id, incident_id) if incident_id else rows_about(alert_id, None) & Q(incident_id=None)
    rows = list(Escalation.objects.select_for_update(of=("self",)).filter(about).exclude(status=Status.STOPPED).order_by("id"))
    stopped = []
    for row in rows:
        if row.status == Status.RUNNING:
            row.status = Status.STOPPED
            stopped.append(row)
            tell(row, "escalation_stopped", f"Paging stopped: {reason}.", now, by)
        if row.due_at is not None or row in stopped:
            row.due_at, row.finished_at = None, now
            statements.update(row, "status", "due_at", "finished_at")
    pages = Notification.objects.filter(Q(escalation__in=rows) | (notifications.of_subject(alert_id, incident_id) & Q(escalation=None)))
    notifications.cancel(pages.filter(kind__in=notifications.PAGES), reason, now)
    showing.refresh(pages, now)
    return stopped


def hold_back(*, alert_id: int, reason: str, by: Actor = SYSTEM, now: datetime) -> list[Escalation]:
    """End the pages of an alert that still fires, because it is silenced. Whoever has it keeps it; what an incident or a person asks for goes
    on. What ran."""
    locked_of([alert_id])  # one that an acknowledgement's end has just started is seen after this
    rows = Escalation.objects.select_for_update(of=("self",)).filter(alert_id=alert_id, incident_id=None)
    rows = rows.filter(status__in=(Status.RUNNING, Status.EXHAUSTED)).exclude(Q(track="canary") | Q(track__startswith=BY_HAND))
    found = list(rows.order_by("id"))
    stopped = [row for row in found if row.status == Status.RUNNING]
    for row in stopped:
        tell(row, "escalation_stopped", f"Paging stopped: {reason}.", now, by)
        row.status, row.due_at, row.finished_at = Status.STOPPED, None, now
        statements.update(row, "status", "due_at", "finished_at")
    pages = Notification.objects.filter(escalation__in=found)
    notifications.cancel(pages.filter(kind__in=notifications.PAGES), reason, now)
    showing.refresh(pages, now)
    return stopped


def with_calls(alert_ids: Collection[int]) -> list[int]:
    """Those of these alerts of which `hold_back` would end something."""
    calls = Q(status=Status.RUNNING) | Q(status=Status.EXHAUSTED, notifications__state=Notification.State.PENDING)
    rows = Escalation.objects.filter(calls, alert_id__in=list(alert_ids), incident_id=None).order_by("alert_id")
    return [id for id in rows.values_list("alert_id", flat=True).distinct() if id is not None]


def locked_of(alert_ids: Collection[int]) -> None:
    """Wait for whoever changes an escalation of these alerts, and keep others from it until the transaction ends."""
    rows = Escalation.objects.select_for_update(of=("self",)).filter(alert_id__in=list(alert_ids)).order_by("id")
    list(rows.values_list("id", flat=True))


def with_pages(alert_ids: Collection[int]) -> list[int]:
    """Those of these alerts about which a page, an escalation or its expiry could still go on."""
    ids = list(alert_ids)
    escalations = Escalation.objects.filter(alert_id__in=ids).exclude(status=Status.STOPPED).order_by()
    pages = Notification.objects.filter(alert_id__in=ids, escalation=None, state=Notification.State.PENDING).order_by()
    return sorted(escalations.values_list("alert_id", flat=True).union(pages.values_list("alert_id", flat=True)))  # type: ignore[type-var]
