"""How may an incident move, who may move it, and what must be done before?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

STATUSES = ("investigating", "identified", "monitoring", "resolved", "closed")
WORDS = {status: status.capitalize() for status in STATUSES}  # as the templates and the status page say them

# What a status may become by the verb change_status; resolved and closed are reached by verbs of their own.
MOVES = {
    "investigating": ("identified", "monitoring"),
    "identified": ("investigating", "monitoring"),
    "monitoring": ("investigating", "identified"),
    "resolved": (),
    "closed": (),
}

# The steps that stand between an incident and its close, by the key that a waiver names.
FIX, VERIFICATION, WATCH, STATUS_PAGE = "fix", "verification", "watch", "status_page"
CLOSING = (FIX, VERIFICATION, WATCH, STATUS_PAGE)

# Outcomes of a mitigation; the first two mean that users have their service back, at least in part.
OUTCOMES = {
    "service_restored": "Service restored",
    "partially_restored": "Service partially restored",
    "no_effect": "No effect",
    "made_worse": "Made worse",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an incident is, as far as its close is concerned."""

    status: str
    resolved_at: datetime | None = None
    verified_at: datetime | None = None
    watch_until: datetime | None = None
    public_update_owed: bool = False  # its severity (or an update already published) puts it on the status page
    public_status: str = ""  # the status of its newest public update
    waived: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing to do before the close: its key, and a sentence for people."""

    key: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person stands to an incident."""

    administrator: bool = False
    commander: bool = False
    responder: bool = False  # may respond at all
    commanded: bool = False  # somebody is commander


def refuse_move(before: str, after: str) -> str:
    """Why that status cannot be set by hand; empty when it can."""
    if after not in STATUSES:
        return f"{after!r} is no status; it is one of {', '.join(STATUSES[:3])}."
    if after in ("resolved", "closed"):
        return f"An incident becomes {after} by {'resolving it with the resolution' if after == 'resolved' else 'closing it'}."
    if after == before:
        return f"It is {before} already."
    if after not in MOVES[before]:
        return f"It is {before}; only a recurrence or a new severity opens it again."
    return ""


def missing_for_close(progress: Progress, now: datetime) -> list[Missing]:
    """What still stands between the incident and its close; nothing when it may be closed now."""
    found = []
    if progress.resolved_at is None:
        found.append(Missing(FIX, "the fix or mitigation is not recorded (resolve the incident)"))
    if progress.verified_at is None:
        found.append(Missing(VERIFICATION, "the verification that the fix works is missing (verify it with evidence)"))
    if progress.verified_at and progress.watch_until and progress.watch_until > now:
        found.append(Missing(WATCH, f"the watch for recurrence runs until {progress.watch_until:%Y-%m-%d %H:%M} UTC"))
    if progress.public_update_owed and progress.public_status != "resolved":
        found.append(Missing(STATUS_PAGE, "the status page does not say Resolved (publish the last public update)"))
    return [item for item in found if item.key not in progress.waived]


def recurs(status: str, watch_until: datetime | None, now: datetime) -> bool:
    """Does a matching alert at `now` open the incident again? One that is resolved until its watch ends; a closed one only within it."""
    if status == "resolved":
        return watch_until is None or now <= watch_until
    return status == "closed" and watch_until is not None and now <= watch_until


def refuse_command(standing: Standing, what: str) -> str:
    """Why this person may not do what the commander decides; empty when they may. Without a commander any responder may."""
    if standing.commander or standing.administrator or (standing.responder and not standing.commanded):
        return ""
    return f"The incident commander decides: {what}."


def refuse_waiver(standing: Standing, roles_held: Collection[str], may_waive: Collection[str], reason: str) -> str:
    """Why a step may not be set aside; empty when it may. A waiver needs a role that the procedure allows, and a reason."""
    if not reason.strip():
        return "A waiver needs a reason: it stands in the record."
    if standing.administrator or set(roles_held) & set(may_waive):
        return ""
    return f"Only {' or '.join(name.replace('_', ' ') for name in may_waive)} may waive a step."
