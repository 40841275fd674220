"""What does a clock show for a promise? Label, value, colour and bar, decided by the server so that everybody sees the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.incidents.models import Incident
from tocsin.obligations.models import Obligation
from tocsin.procedures import operations as procedures
from tocsin.web import words

NOUNS = {
    "acknowledge": ("bell", "Acknowledge", "Acknowledged"),
    "roles": ("users", "Roles", "Roles filled"),
    "verification": ("check", "Verification", "Verified"),
    "first_public_update": ("mega", "First public update", "First update"),
    "next_public_update": ("mega", "Public update", "Update"),
    "first_internal_update": ("mega", "First team update", "First team update"),
    "next_internal_update": ("mega", "Team update", "Team update"),
    "watch": ("pulse", "Watch", "Watched"),
    "postmortem": ("doc", "Post-mortem", "Post-mortem booked"),
    "action_item": ("check", "Action item", "Action item done"),
    "ticket": ("doc", "Ticket", "Ticket done"),
}
SOON_AT_MOST = timedelta(hours=4)
SOON_FRACTION = 0.3


@dataclass(frozen=True)
class Clock:
    """One clock: `state` is ok, soon, late, met or idle; `percent` the bar's width; `due` set while it counts."""

    label: str
    value: str
    small: str
    state: str
    percent: int
    icon: str
    due: datetime | None = None
    late: bool = False


def clock(promise: Obligation, now: datetime, where: str = "UTC") -> Clock:
    """The clock of that promise at `now`, times in the reader's zone."""
    icon, noun, done = NOUNS.get(
        promise.kind, ("clock", promise.kind.replace("_", " ").capitalize(), promise.kind.replace("_", " ").capitalize())
    )
    if promise.kind == "postmortem" and _is_held(promise):
        done = "Post-mortem written"
    elif promise.kind == "postmortem" and promise.state == Obligation.State.OPEN:
        return _running(promise, "Post-mortem meeting to be booked", icon, now, where)
    if promise.state == Obligation.State.OPEN:
        return _running(promise, f"{noun} due", icon, now, where)
    if promise.state in (Obligation.State.MET, Obligation.State.LATE):
        return _stopped(promise, done, now)
    if promise.state == Obligation.State.MISSED:
        return Clock(f"{noun} missed", "missed", _at(promise, now, where), "late", 100, "alert")
    value = "waived" if promise.state == Obligation.State.WAIVED else "not owed"
    return Clock(noun, value, "", "idle", 0, icon)


def _is_held(promise: Obligation) -> bool:
    """Does a written post-mortem keep it, where another procedure asks for a meeting that is booked, however much is written?"""
    incident = Incident.objects.filter(pk=promise.incident_id or 0).select_related("procedure_version").first()
    return incident is not None and procedures.document(incident.procedure_version).settings.postmortem_means == "held"


def _running(promise: Obligation, owed: str, icon: str, now: datetime, where: str) -> Clock:
    due = promise.due_at
    if due is None:
        return Clock(owed.removesuffix(" due"), "no time yet", "", "idle", 0, icon)
    remaining, total = due - now, max(due - promise.started_at, timedelta(seconds=1))
    percent = min(max(round(100 * (1 - remaining / total)), 0), 100)
    if remaining < timedelta(0):
        state, label = "late", f"{owed} · late"
    elif remaining < SOON_AT_MOST and (remaining < total * SOON_FRACTION or (promise.warn_at and now >= promise.warn_at)):
        state, label = "soon", f"{owed} · soon"
    else:
        state, label = "ok", owed
    return Clock(label, words.left(remaining, due, now), _at(promise, now, where), state, percent, icon, due)


def _at(promise: Obligation, now: datetime, where: str) -> str:
    return f"at {words.moment(promise.due_at, now, where)}" if promise.due_at else ""


def _stopped(promise: Obligation, done: str, now: datetime) -> Clock:
    late = promise.state == Obligation.State.LATE
    stopped = promise.stopped_at or now
    span = stopped - promise.started_at
    total = (promise.due_at - promise.started_at) if promise.due_at else None
    percent = min(round(100 * (span / total)), 100) if total else 100
    small = f"of {words.promise(total)}" if total else ""
    label = f"{done} late, in" if late else f"{done} in"
    return Clock(label, words.took(span), small, "late" if late else "met", max(percent, 0), "alert" if late else "check", late=late)
