"""What do events say about alerts? Event, and the pure fold of events into alerts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from tocsin.domain import flapping

EventStatus = Literal["firing", "acknowledged", "resolved", "change", "ticket", "none", "handshake", "unknown", "repeated"]
SourceSeverity = Literal["critical", "error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Event:
    """One message from a source, normalised.

    `dedup_key` is unique per integration (never empty); `severity` is the source's word mapped to four levels, None where it said nothing;
    times are aware UTC; `ends_at` is when the source itself lets it expire; `error` marks an item that could not be read (status "unknown").
    """

    status: EventStatus
    title: str
    dedup_key: str
    severity: SourceSeverity | None = None
    severity_word: str = ""
    service: str = ""
    started_at: datetime | None = None
    ends_at: datetime | None = None
    occurred_at: datetime | None = None  # the source's own time of this message, where it tells one: judges late ones
    link: str = ""
    runbook: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    delivery: str = ""  # its sender's own name for it, the same when it is delivered again
    note: str = ""  # what went wrong while it was read, though it could be: told with its outcome


class Change(StrEnum):
    """What one event did."""

    OPENED = "opened"  # a new alert
    REOPENED = "reopened"  # it flaps: the same alert once more
    FOLDED = "folded"  # counted into the open alert
    WORSENED = "worsened"  # folded, and its severity got worse
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    CHANGE = "change"  # a change event: stored, never pages
    IGNORED = "ignored"  # nothing to do, the reason says why
    REFUSED = "refused"  # this item cannot be read


@dataclass(frozen=True, slots=True)
class AlertState:
    """What the monitor says about one open condition. `last_event_at` is the source's own time of its newest event.

    `openings` are the recent ones of its key; `calm_at` is set while it flaps: until when it must neither open nor end.
    """

    dedup_key: str
    status: Literal["firing", "resolved"]
    title: str
    source_severity: SourceSeverity
    link: str
    runbook: str
    labels: dict[str, str]
    details: dict[str, Any]
    started_at: datetime
    first_seen: datetime
    last_seen: datetime
    last_event_at: datetime
    ends_at: datetime | None = None
    resolved_at: datetime | None = None
    event_count: int = 1
    openings: tuple[datetime, ...] = ()
    reopened: int = 0
    calm_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Folded:
    """The state after an event (None: there is no alert), what it did, and why, as a sentence where nothing came of it."""

    state: AlertState | None
    change: Change
    reason: str = ""


_RANK = {"critical": 0, "error": 1, "warning": 2, "info": 3}


def fold(
    state: AlertState | None, event: Event, at: datetime, default_severity: SourceSeverity, *, ended_at: datetime | None = None
) -> Folded:
    """What an event accepted at `at` makes of the newest alert of its key (None: there was none; one that is resolved stays as it is).

    An event older than what is known, by the source's own times, is counted and changes nothing else. Where the source tells no time the
    order of acceptance counts: rather a page too many than one too few. `ended_at`: the resolution of this key came in before anything else.
    """
    if event.status == "unknown":
        return Folded(state, Change.REFUSED, event.error or "the event could not be read")
    if event.status == "repeated":
        return Folded(state, Change.IGNORED, "delivered before")
    if event.status == "change":
        return Folded(state, Change.CHANGE)
    if event.status == "ticket":
        return Folded(state, Change.IGNORED, "it is about a ticket: tickets are kept in step and page nobody")
    if event.status in ("none", "handshake"):
        return Folded(state, Change.IGNORED, "the message reports no problem")
    if not event.dedup_key:
        return Folded(state, Change.REFUSED, "the event names no alert: it has no dedup key")
    occurred = min(event.occurred_at, at) if event.occurred_at else None
    if event.status == "firing":
        began = occurred or event.started_at
        if state is None and ended_at and began and began <= ended_at:
            return Folded(state, Change.IGNORED, "it was over before it came in: its resolution was faster")
        return _firing(state, event, at, occurred, default_severity)
    if state is None or state.status == "resolved":
        return Folded(state, Change.IGNORED, f"no alert is open under the key {event.dedup_key[:100]!r}")
    counted = replace(state, event_count=state.event_count + 1, last_seen=max(state.last_seen, at))
    if event.status == "acknowledged":
        return Folded(counted, Change.ACKNOWLEDGED)
    if occurred and occurred < state.last_event_at:
        return Folded(counted, Change.FOLDED, "it is older than the newest event of the alert; only counted")
    ended = replace(
        counted, status="resolved", resolved_at=at, ends_at=None, last_event_at=occurred or state.last_event_at,
        calm_at=at + flapping.CALM if state.calm_at else None,
    )  # fmt: skip
    return Folded(ended, Change.RESOLVED)


def expire(state: AlertState, now: datetime) -> AlertState:
    """The alert after its source let it run out."""
    return replace(state, status="resolved", resolved_at=now, ends_at=None, calm_at=now + flapping.CALM if state.calm_at else None)


def _firing(state: AlertState | None, event: Event, at: datetime, occurred: datetime | None, default: SourceSeverity) -> Folded:
    late = state is not None and occurred is not None and occurred < state.last_event_at
    if state is None or state.status == "resolved":
        if late:
            return Folded(state, Change.IGNORED, "it is older than the resolution of its alert")
        openings = flapping.recent(state.openings if state else (), at)
        if state and flapping.flaps(openings, state.calm_at, at):
            again = replace(
                _newer(state, event, at, occurred), status="firing", resolved_at=None, ends_at=event.ends_at, openings=openings,
                reopened=state.reopened + 1, calm_at=at + flapping.CALM,
            )  # fmt: skip
            return Folded(again, Change.REOPENED, "it flaps: the same alert opens again, nobody is paged for each time")
        return Folded(opened(event, at, occurred, default, openings), Change.OPENED)
    if late:
        counted = replace(
            state, event_count=state.event_count + 1, last_seen=max(state.last_seen, at), ends_at=_later(state.ends_at, event.ends_at)
        )
        return Folded(counted, Change.FOLDED, "it is older than the newest event of the alert; only counted")
    newer = _newer(state, event, at, occurred)
    return Folded(newer, Change.WORSENED if worse(newer.source_severity, state.source_severity) else Change.FOLDED)


def worse(one: SourceSeverity, other: SourceSeverity) -> bool:
    """Is the first of two severities the worse one?"""
    return _RANK[one] < _RANK[other]


def _newer(state: AlertState, event: Event, at: datetime, occurred: datetime | None) -> AlertState:
    return replace(
        state, event_count=state.event_count + 1, last_seen=max(state.last_seen, at), ends_at=_later(state.ends_at, event.ends_at),
        title=event.title, source_severity=event.severity or state.source_severity, link=event.link or state.link,
        runbook=event.runbook or state.runbook, labels=event.labels or state.labels, details=event.details or state.details,
        started_at=min(state.started_at, event.started_at or state.started_at), last_event_at=occurred or state.last_event_at,
    )  # fmt: skip


def opened(
    event: Event, at: datetime, occurred: datetime | None, default: SourceSeverity, openings: tuple[datetime, ...] = ()
) -> AlertState:
    """A new alert from its first event."""
    return AlertState(
        event.dedup_key, "firing", event.title, event.severity or default, event.link, event.runbook, event.labels, event.details,
        started_at=event.started_at or at, first_seen=at, last_seen=at, last_event_at=occurred or min(event.started_at or at, at),
        ends_at=event.ends_at, openings=openings or (at,),
    )  # fmt: skip


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else other or one
