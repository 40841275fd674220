"""What does the procedure owe for an alert or an incident, until when, and what became of it?

Pure rules over a `Procedure`: each function takes the instants it needs. The kinds are acknowledge, roles, verification,
first_public_update, next_public_update, first_internal_update, next_internal_update, watch, postmortem, action_item and ticket.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from tocsin.domain import checklist
from tocsin.domain.calendars import BusinessCalendar, end_of_business_day
from tocsin.domain.procedure.model import Procedure, Severity

Verdict = Literal["met", "late", "missed", "waived", "not_applicable", "open"]

COMMANDER, COMMUNICATIONS, TECHNICAL = "incident_commander", "communications_lead", "technical_lead"
SHORTEST_GRACE, LONGEST_GRACE = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing owed: the clause it comes from with its words, and from when, when to warn, until when. No due time: no clock runs."""

    kind: str
    clause: str
    text: str
    started_at: datetime
    due_at: datetime | None = None
    warn_at: datetime | None = None
    severity: str = ""
    owner_role: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """A promise as it stands: its state, when it stopped, and the due times that it had before a change of severity."""

    promise: Promise
    state: str = "open"
    stopped_at: datetime | None = None
    earlier_due: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one promise; `by` is how late (zero when in time); `by_reclassification`: only the change of severity made it late."""

    verdict: Verdict
    by: timedelta = timedelta()
    by_reclassification: bool = False


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What a change of severity does to the promises: those that change (by position in the list), those that lapse, and new ones."""

    changed: tuple[tuple[int, Promise], ...] = ()
    lapsed: tuple[int, ...] = ()
    new: tuple[Promise, ...] = ()
    reason: str = ""


def warned(procedure: Procedure, promise: Promise) -> Promise:
    """The promise with its warning at the procedure's fraction of the time it has."""
    if promise.due_at is None:
        return replace(promise, warn_at=None)
    span = promise.due_at - promise.started_at
    return replace(promise, warn_at=promise.started_at + span * procedure.settings.warn_at_fraction)


def grace(started_at: datetime, warn_at: datetime | None, due_at: datetime) -> timedelta:
    """How long the owner has after a breach until the next level is paged: as long as the warning was ahead of it, within bounds."""
    ahead = due_at - (warn_at or started_at)
    return min(max(ahead, SHORTEST_GRACE), LONGEST_GRACE)


# -- what is owed -------------------------------------------------------------------------------------------------------


def response_due(severity: Severity, started_at: datetime, calendar: BusinessCalendar) -> datetime:
    """Until when somebody must have acknowledged."""
    if severity.response.business_days is not None:
        return end_of_business_day(calendar, started_at, days=max(severity.response.business_days, 1))
    return started_at + timedelta(minutes=severity.response.within_minutes or 0)


def acknowledgement(procedure: Procedure, severity_id: str, started_at: datetime, calendar: BusinessCalendar) -> Promise:
    """The acknowledgement owed for an alert of that severity, or for an incident declared by hand."""
    severity = procedure.severity(severity_id)
    due = response_due(severity, started_at, calendar)
    return warned(
        procedure, Promise("acknowledge", f"{severity.id}.response", severity.response.text, started_at, due, severity=severity.id)
    )


def first_update(procedure: Procedure, severity_id: str, started_at: datetime) -> Promise | None:
    """The first update that the severity demands, counted from the declaration or from the change that first demands it."""
    severity = procedure.severity(severity_id)
    if not (owed := severity.communication):
        return None
    due = started_at + timedelta(minutes=owed.within_minutes)
    kind = f"first_{owed.audience}_update"
    return warned(
        procedure,
        Promise(kind, f"{severity.id}.communication", owed.text, started_at, due, severity=severity.id, owner_role=COMMUNICATIONS),
    )


def next_update(procedure: Procedure, severity_id: str, audience: str, published_at: datetime, minutes: int | None) -> Promise | None:
    """The update promised by one that was published: in `minutes` if its author said so, else as often as the severity demands."""
    severity = procedure.severity(severity_id)
    if minutes is None:
        if not severity.communication or severity.communication.audience != audience:
            return None
        minutes = severity.communication.repeat_minutes
    clause, text = f"{severity.id}.communication.{audience}-repeat", f"Next {audience} update in {minutes} minutes"
    due = published_at + timedelta(minutes=minutes)
    return warned(
        procedure, Promise(f"next_{audience}_update", clause, text, published_at, due, severity=severity.id, owner_role=COMMUNICATIONS)
    )


def roles(procedure: Procedure, severity_id: str, started_at: datetime) -> list[Promise]:
    """The roles that must be claimed: all of them where somebody is paged, only the first where there is just a channel, else none."""
    severity = procedure.severity(severity_id)
    demanded = procedure.roles if severity.escalation.page else procedure.roles[:1] if severity.channel else ()
    due = started_at + timedelta(minutes=procedure.settings.roles_within_minutes)
    return [
        warned(
            procedure,
            Promise("roles", f"role.{role.id}", f"{role.title} is named", started_at, due, severity=severity.id, owner_role=role.id),
        )
        for role in demanded
    ]


def verification(procedure: Procedure, severity_id: str, resolved_at: datetime) -> Promise:
    """That the fix works must be verified after a resolution."""
    due = resolved_at + timedelta(minutes=procedure.settings.verification_within_minutes)
    clause, text = clause_of(procedure, checklist.VERIFY_FIX)
    return warned(procedure, Promise("verification", clause, text, resolved_at, due, severity=severity_id, owner_role=TECHNICAL))


def watch(procedure: Procedure, severity_id: str, verified_at: datetime, minutes: int) -> Promise:
    """The watch for recurrence after a verification; its end keeps it, nothing warns."""
    clause, text = clause_of(procedure, checklist.WATCH)
    until = verified_at + timedelta(minutes=minutes)
    return Promise("watch", clause, text, verified_at, until, severity=severity_id, owner_role=TECHNICAL)


def postmortem(procedure: Procedure, severity_id: str, counted_from: datetime) -> Promise | None:
    """The post-mortem owed, where the severity demands one."""
    if not procedure.severity(severity_id).postmortem_required:
        return None
    clause, text = clause_of(procedure, checklist.POSTMORTEM)
    due = counted_from + timedelta(hours=procedure.settings.postmortem_within_hours)
    return warned(procedure, Promise("postmortem", clause, text, counted_from, due, severity=severity_id, owner_role=COMMANDER))


def action_item(procedure: Procedure, title: str, created_at: datetime, due_at: datetime | None) -> Promise:
    """An improvement that somebody promised until a day."""
    clause, _ = clause_of(procedure, checklist.ACTION_ITEMS)
    return warned(procedure, Promise("action_item", clause, title, created_at, max(due_at, created_at) if due_at else None))


def ticket(procedure: Procedure, severity_id: str, started_at: datetime) -> Promise | None:
    """The ticket that the severity demands; it has no clock of its own: it is made at once."""
    severity = procedure.severity(severity_id)
    if not severity.escalation.ticket:
        return None
    return Promise("ticket", f"{severity.id}.escalation", severity.escalation.text, started_at, severity=severity.id)


def clause_of(procedure: Procedure, words: str) -> tuple[str, str]:
    """The clause "step-5.2" and the line that begins with those words; made from the words where the document has no such line."""
    row = checklist.line(procedure, words)
    return (row.clause, row.words) if row else (f"procedure.{words.replace(' ', '-')}", words.capitalize())


# -- a change of severity -----------------------------------------------------------------------------------------------


def recompute(
    procedure: Procedure, owed: list[Owed], before: str, after: str, changed_at: datetime, calendar: BusinessCalendar
) -> Recomputed:
    """What a change of severity at `changed_at` does to what is owed.

    Open clocks run anew from the moment of the change, so a change alone never breaks a promise; what was overdue before stays
    overdue; what the new severity does not demand lapses; what it newly demands starts now. Published promises ("next update in
    20 minutes") stay, only sooner where the new severity repeats sooner.
    """
    reason = f"Severity changed from {before} to {after}"
    changed: list[tuple[int, Promise]] = []
    lapsed: list[int] = []
    wanted = {p.clause.partition(".")[2] if p.kind != "roles" else p.clause: p for p in _demanded(procedure, after, changed_at, calendar)}
    answered = {o.promise.kind for o in owed if o.state in ("met", "late", "waived")}
    for position, item in enumerate(owed):
        promise = item.promise
        if promise.kind.startswith("next_") and item.state == "open":
            sooner = next_update(procedure, after, promise.kind.split("_")[1], changed_at, None)
            if sooner and promise.due_at and promise.due_at > changed_at and sooner.due_at and sooner.due_at < promise.due_at:
                changed.append((position, sooner))
            continue
        if promise.kind not in ("acknowledge", "roles", "first_public_update", "first_internal_update"):
            continue
        key = promise.clause.partition(".")[2] if promise.kind != "roles" else promise.clause
        target = wanted.get(key)
        same = target is not None and target.kind == promise.kind
        if same and item.state != "not_applicable":
            del wanted[key]
        if item.state != "open":
            continue
        if not same:
            lapsed.append(position)
        elif promise.kind == "roles" or (promise.due_at and promise.due_at <= changed_at):
            continue  # the role's clock does not depend on the severity; what is overdue stays so
        elif target:
            changed.append((position, target))
    new = tuple(p for p in wanted.values() if p.kind == "roles" or (p.kind.startswith("first_") and p.kind not in answered))
    return Recomputed(tuple(changed), tuple(lapsed), new, reason)


def _demanded(procedure: Procedure, severity_id: str, at: datetime, calendar: BusinessCalendar) -> list[Promise]:
    update = first_update(procedure, severity_id, at)
    return [acknowledgement(procedure, severity_id, at, calendar), *([update] if update else []), *roles(procedure, severity_id, at)]


# -- what became of it --------------------------------------------------------------------------------------------------


def judge(owed: Owed, now: datetime) -> Judgement:
    """The verdict at `now`. A promise kept late, only because a change of severity drew its due time nearer, is told apart."""
    due = owed.promise.due_at
    if owed.state in ("waived", "not_applicable", "missed"):
        return Judgement(owed.state, _over(owed.stopped_at or now, due) if owed.state == "missed" else timedelta())  # type: ignore[arg-type]
    if owed.state == "open":
        return Judgement("open", _over(now, due))
    over = _over(owed.stopped_at or now, due)
    if not over:
        return Judgement("met")
    excused = bool(owed.earlier_due) and owed.stopped_at is not None and owed.stopped_at <= max(owed.earlier_due)
    return Judgement("late", over, excused)


def _over(at: datetime, due: datetime | None) -> timedelta:
    return max(at - due, timedelta()) if due else timedelta()


def in_utc(at: datetime) -> str:
    """An instant as the API and the record write it: RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
