"""How is something promised, kept, set aside or found late? The only file that writes the room's table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from tocsin.accounts.models import User
from tocsin.domain import obligations as rules
from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.procedure.model import Procedure
from tocsin.lib import statements
from tocsin.lib.due import wake
from tocsin.obligations.models import Obligation
from tocsin.obligations.queries import as_owed

LOOP_NAME = "obligations"
State = Obligation.State


def promise(
    kind: str,
    clause: str,
    text: str,
    *,
    started_at: datetime,
    due_at: datetime | None,
    warn_at: datetime | None,
    severity: str,
    incident_id: int | None = None,
    alert_id: int | None = None,
    subject_id: int | None = None,
    owner_role: str = "",
    owner: User | None = None,
) -> Obligation:
    """Open one promise and wake the loop that minds it."""
    row = Obligation.objects.create(
        kind=kind, clause=clause, text=text[:500], started_at=started_at, due_at=due_at, warn_at=warn_at, next_at=warn_at or due_at,
        severity=severity, incident_id=incident_id, alert_id=alert_id, subject_id=subject_id, owner_role=owner_role, owner=owner,
    )  # fmt: skip
    wake(LOOP_NAME)
    return row


def owe(
    promises: Iterable[rules.Promise],
    *,
    incident_id: int | None = None,
    alert_id: int | None = None,
    subject_id: int | None = None,
    owner: User | None = None,
    owners: Mapping[str, User] | None = None,
) -> list[Obligation]:
    """Open what the rules of `domain.obligations` say is owed, by `owner` or by whoever holds the role that owes it (`owners`)."""
    by_role = owners or {}
    rows = [
        Obligation(
            kind=p.kind, clause=p.clause, text=p.text[:500], started_at=p.started_at, due_at=p.due_at, warn_at=p.warn_at,
            next_at=p.warn_at or p.due_at, severity=p.severity, incident_id=incident_id, alert_id=alert_id, subject_id=subject_id,
            owner_role=p.owner_role, owner=owner or by_role.get(p.owner_role),
        )
        for p in promises
    ]  # fmt: skip
    statements.insert(rows)  # without waking the loop: it looks each second, and promises are minutes
    return rows


def meet(
    kind: str,
    *,
    incident_id: int | None = None,
    alert_id: int | None = None,
    subject_id: int | None = None,
    clause: str | None = None,
    at: datetime,
    evidence: dict[str, Any],
) -> list[Obligation]:
    """Keep the open promises of that kind, met or late by what `at` says; the promises kept, none where nothing was open."""
    kept = []
    for row in _open(kind, incident_id, alert_id, subject_id, clause).select_for_update():
        verdict = rules.judge(as_owed(row, state=State.MET, stopped_at=at), at)
        row.state, row.stopped_at, row.next_at = verdict.verdict, at, None
        row.late_by_reclassification, row.evidence = verdict.by_reclassification, evidence
        statements.update(row, "state", "stopped_at", "next_at", "late_by_reclassification", "evidence")
        kept.append(row)
    return kept


def reopen(row: Obligation) -> Obligation:
    """Open a kept promise again, because what kept it was taken back (an action item undone); its clock never stopped."""
    if row.state in (State.MET, State.LATE):
        row.state, row.stopped_at, row.evidence, row.late_by_reclassification = State.OPEN, None, {}, False
        row.next_at = None if row.breached_at else row.due_at if row.warned_at else row.warn_at or row.due_at
        row.save()
        wake(LOOP_NAME)
    return row


def not_applicable(
    kind: str | None = None,
    *,
    incident_id: int | None = None,
    alert_id: int | None = None,
    subject_id: int | None = None,
    clause: str | None = None,
    reason: str,
    at: datetime,
) -> int:
    """The promise no longer applies (false alarm, another severity, reopened), with the reason; how many were open."""
    return _open(kind, incident_id, alert_id, subject_id, clause).update(
        state=State.NOT_APPLICABLE, stopped_at=at, next_at=None, reason=reason[:1000]
    )


cancel = not_applicable


def not_applicable_of_alerts(kind: str, alert_ids: Iterable[int], *, reason: str, at: datetime) -> int:
    """The same for many alerts at once."""
    return Obligation.objects.filter(state=State.OPEN, kind=kind, alert_id__in=list(alert_ids)).update(
        state=State.NOT_APPLICABLE, stopped_at=at, next_at=None, reason=reason[:1000]
    )


def miss(kind: str | None = None, *, incident_id: int | None = None, alert_id: int | None = None, reason: str, at: datetime) -> int:
    """The subject ended and the promise can no longer be kept: missed; how many were open."""
    return _open(kind, incident_id, alert_id, None, None).update(state=State.MISSED, stopped_at=at, next_at=None, reason=reason[:1000])


def waive(obligations: Iterable[Obligation], *, by: User | None, reason: str, at: datetime) -> int:
    """Set open promises aside, by whom and why."""
    return Obligation.objects.filter(pk__in=[row.pk for row in obligations], state=State.OPEN).update(
        state=State.WAIVED, stopped_at=at, next_at=None, waived_by=by, reason=reason[:1000]
    )


def reschedule(
    row: Obligation,
    *,
    due_at: datetime | None,
    reason: str,
    at: datetime,
    warn_at: datetime | None = None,
    reclassified: bool = False,
) -> Obligation:
    """Give an open promise another due time; the earlier one and the reason stay on the row."""
    earlier = {"at": _text(at), "due_at": _text(row.due_at), "reason": reason, "reclassified": reclassified}
    row.history = [*row.history, earlier][-50:]
    row.due_at, row.warn_at, row.next_at = due_at, warn_at, warn_at or due_at
    row.warned_at = row.breached_at = row.next_level_at = None
    row.reason = reason[:1000]
    row.save()
    wake(LOOP_NAME)
    return row


def draw_nearer(row: Obligation, promise: rules.Promise, *, reason: str, at: datetime) -> None:
    """An open promise is owed as this one says, where that is sooner; what is overdue already stays so."""
    if row.due_at is None or promise.due_at is None or not at < row.due_at or promise.due_at >= row.due_at:
        return
    row.severity, row.clause, row.text = promise.severity, promise.clause, promise.text[:500]
    reschedule(row, due_at=promise.due_at, warn_at=promise.warn_at, reason=reason, at=at, reclassified=True)


def recompute(
    procedure: Procedure,
    *,
    incident_id: int,
    alert_ids: Iterable[int] = (),
    before: str,
    after: str,
    at: datetime,
    calendar: BusinessCalendar,
) -> rules.Recomputed:
    """Carry out what a change of severity does to an incident's promises (and the acknowledgement of its alerts)."""
    of_alerts = Obligation.objects.filter(alert_id__in=list(alert_ids), kind="acknowledge", incident_id=None)
    rows = list((Obligation.objects.filter(incident_id=incident_id) | of_alerts).order_by("id").select_for_update())
    decided = rules.recompute(procedure, [as_owed(row) for row in rows], before, after, at, calendar)
    for position, target in decided.changed:
        row = rows[position]
        row.severity, row.clause, row.text = target.severity, target.clause, target.text
        reschedule(row, due_at=target.due_at, warn_at=target.warn_at, reason=decided.reason, at=at, reclassified=True)
    lapsed = [rows[position].pk for position in decided.lapsed]
    Obligation.objects.filter(pk__in=lapsed).update(state=State.NOT_APPLICABLE, stopped_at=at, next_at=None, reason=decided.reason)
    owe(decided.new, incident_id=incident_id)
    return decided


def hand_over(*, incident_id: int, role: str, owner: User | None) -> None:
    """The role's new holder owns what the role owes."""
    Obligation.objects.filter(incident_id=incident_id, owner_role=role, state=State.OPEN).update(owner=owner)


# -- the loop's side ----------------------------------------------------------------------------------------------------


def due(now: datetime, *, limit: int = 50) -> list[Obligation]:
    """Open promises that must be looked at now, the longest due first."""
    return list(Obligation.objects.filter(next_at__lte=now, state=State.OPEN).order_by("next_at", "id")[:limit])


def take_due(id: int, now: datetime) -> Obligation | None:
    """One of them, locked until the transaction ends; None when another worker has it or it is not due any more."""
    return Obligation.objects.select_for_update(skip_locked=True).filter(pk=id, next_at__lte=now, state=State.OPEN).first()


def mark_warned(row: Obligation, now: datetime) -> None:
    """The owner was told; the next look is at the due time."""
    row.warned_at, row.next_at = now, row.due_at
    row.save(update_fields=["warned_at", "next_at"])


def mark_breached(row: Obligation, now: datetime) -> None:
    """It is overdue and its owner is paged; the next look, if there is a next level, after as long as the warning was ahead."""
    row.breached_at = now
    row.next_at = max(now, row.due_at) + rules.grace(row.started_at, row.warn_at, row.due_at) if row.due_at else None
    row.save(update_fields=["breached_at", "next_at"])


def mark_next_level(row: Obligation, now: datetime) -> None:
    """The next level was paged: nothing more is due, it stays open and overdue until somebody keeps it."""
    row.next_level_at, row.next_at = now, None
    row.save(update_fields=["next_level_at", "next_at"])


def postpone(row: Obligation, *, until: datetime) -> None:
    """Look again later (nothing could be decided now), unless it was settled meanwhile."""
    Obligation.objects.filter(pk=row.pk, state=State.OPEN, next_at=row.next_at).update(next_at=until)


def _open(
    kind: str | None, incident_id: int | None, alert_id: int | None, subject_id: int | None, clause: str | None
) -> QuerySet[Obligation]:
    if incident_id is None and alert_id is None and subject_id is None:
        raise ValueError("an incident, an alert or a subject must be named")
    rows = Obligation.objects.filter(state=State.OPEN)
    for name, value in (
        ("kind", kind),
        ("incident_id", incident_id),
        ("alert_id", alert_id),
        ("subject_id", subject_id),
        ("clause", clause),
    ):
        if value is not None:
            rows = rows.filter(**{name: value})
    return rows


def _text(at: datetime | None) -> str | None:
    return rules.in_utc(at) if at else None


def overdue_since(now: datetime, age: timedelta) -> int:
    """How many promises should have been looked at more than `age` ago: the engine's own health figure."""
    return Obligation.objects.filter(next_at__lt=now - age).count()
