"""How do accepted events become alerts? A batch at a time: one query to load, a pure fold, one statement each to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tocsin.alerts import operations_rows as stored
from tocsin.alerts import queries
from tocsin.alerts.models import Alert, ChangeEvent, EarlyResolution, Integration, RawEvent
from tocsin.alerts.operations_rows import Outcome, Row
from tocsin.domain.alerts import AlertState, Change, Event, expire, fold
from tocsin.domain.grouping import key_of
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.routing import Decision, Directory, Subject, route
from tocsin.lib.patterns import full_match
from tocsin.lib.statements import Read

EARLY = timedelta(minutes=5)  # for so long the end of an unknown condition is remembered
EARLY_OF = Read("SELECT {r} FROM alerts_earlyresolution r WHERE r.integration_id = %s AND r.dedup_key = ANY(%s)", r=EarlyResolution)
STALE_HOURS = 24  # asked about after that, where the integration says nothing else
_INFRASTRUCTURE = ("terraform", "infrastructure", "ansible", "cluster", "node pool", "firewall", "dns", "database migration")


@dataclass(slots=True)
class Reading:
    """One raw event as its source read it. `error` set: nothing could be read."""

    raw: RawEvent
    events: list[Event] = field(default_factory=list)
    error: str = ""


@dataclass(slots=True)
class Folded:
    """What a batch did: every alert that it made or changed, and those that their own source acknowledged."""

    rows: list[Row]
    acknowledged: list[Row]


Place = Callable[[list[Row]], None]


def fold_events(
    integration: Integration,
    readings: Sequence[Reading],
    *,
    procedure: Procedure,
    now: datetime,
    directory: Directory | None = None,
    place: Place | None = None,
) -> Folded:
    """Fold what was read into alerts and give every raw event its outcome (R2). Call it in a transaction that has claimed the integration.

    `place` decides for the new alerts whether they join a cause or lead one; before they are written.
    """
    known, free = _load(integration, readings)
    batch = _Batch(integration, known, directory or queries.directory(now), procedure, now)
    batch.free = free
    batch.early = _early(integration, readings, batch.rows)
    for reading in readings:
        batch.take(reading)
    batch.write(place)
    return Folded([row for row in batch.all_rows() if row.new or row.changed], batch.acknowledged)


class _Batch:
    def __init__(self, integration: Integration, rows: dict[str, Row], directory: Directory, procedure: Procedure, now: datetime) -> None:
        self.integration, self.rows, self.directory, self.procedure, self.now = integration, rows, directory, procedure, now
        self.free: list[int] = []  # ids for new alerts
        self.ended: list[Row] = []  # resolved and followed by a new alert of the same key within the batch
        self.early: dict[str, EarlyResolution] = {}
        self.new_early: dict[str, EarlyResolution] = {}
        self.changes: list[ChangeEvent] = []
        self.acknowledged: list[Row] = []
        self.outcomes: list[tuple[RawEvent, list[tuple[Row | None, Change, str]], str]] = []

    def all_rows(self) -> list[Row]:
        return [*self.ended, *self.rows.values()]

    def take(self, reading: Reading) -> None:
        """Fold the events of one raw event."""
        outcomes = [self._fold(event, reading.raw) for event in reading.events]
        self.outcomes.append((reading.raw, outcomes, reading.error))

    def _fold(self, event: Event, raw: RawEvent) -> tuple[Row | None, Change, str]:
        row = self.rows.get(event.dedup_key)
        before = row.state if row else None
        early = None if row else self.early.get(event.dedup_key)
        ended_at = early.at if early and raw.received_at - early.received_at <= EARLY else None
        folded = fold(before, event, raw.received_at, self.integration.default_severity, ended_at=ended_at)  # type: ignore[arg-type]
        if row is None and event.status == "resolved" and folded.change is Change.IGNORED:
            self._remember(event, raw)
        if folded.change is Change.CHANGE:
            self.changes.append(self._change_event(event, raw))
            return None, folded.change, event.note
        if folded.change is Change.OPENED and folded.state:
            row = self._open(folded.state, event, raw, row)
        elif row and folded.state is not None and folded.state is not before:
            self._go_on(row, folded.state, folded.change, event, raw)
        return row, folded.change, "; ".join(why for why in (folded.reason, event.note) if why)

    def _go_on(self, row: Row, state: AlertState, change: Change, event: Event, raw: RawEvent) -> None:
        row.state, row.changed, row.last_raw_event_id = state, True, raw.pk
        _add_labels(row)
        if row.asked_at:  # renewed: nobody need answer any more
            row.asked_at = row.stale_at = None
        if change in (Change.WORSENED, Change.REOPENED):  # what held it back when it was down may be over
            self._judge(row, event, state)
            row.worsened = row.worsened or change is Change.WORSENED
        elif change is Change.ACKNOWLEDGED and row not in self.acknowledged:
            self.acknowledged.append(row)

    def _remember(self, event: Event, raw: RawEvent) -> None:
        at = min(event.occurred_at or raw.received_at, raw.received_at)
        self.early[event.dedup_key] = self.new_early[event.dedup_key] = EarlyResolution(
            integration=self.integration, dedup_key=event.dedup_key, at=at, received_at=raw.received_at
        )

    def _open(self, state: AlertState, event: Event, raw: RawEvent, before: Row | None) -> Row:
        row = Row(state, self.integration.pk, raw.pk, raw.pk, new=True, accepted_at=raw.received_at)
        self._judge(row, event, state)
        if before and (before.new or before.changed):
            self.ended.append(before)
        self.rows[event.dedup_key] = row
        return row

    def _judge(self, row: Row, event: Event, state: AlertState) -> None:
        subject = Subject(
            state.title, state.source_severity, event.severity_word, event.service, state.labels, self.integration.name, self.integration.service_id,
            self.integration.pk, state.status, state.dedup_key, state.details,
        )  # fmt: skip
        decision = route(subject, self.directory, self.procedure, self.now, full_match)
        row.held = row.held or bool(row.suppressed_by)
        apply(row, decision, state.labels, event.service)
        if decision.runbook and not state.runbook:
            row.state = replace(row.state, runbook=decision.runbook)
        _add_labels(row)

    def _change_event(self, event: Event, raw: RawEvent) -> ChangeEvent:
        named = self.directory.named(event.service)
        return ChangeEvent(
            integration=self.integration, service_id=named.id if named else self.integration.service_id, kind=_kind_of(event),
            summary=event.title, source=event.labels.get("source", "")[:255], at=event.started_at or raw.received_at,
            received_at=raw.received_at, link=event.link, details=event.details, raw_event=raw,
        )  # fmt: skip

    def write(self, place: Place | None) -> None:
        """Write alerts, change events and outcomes. Resolved ones go first: only one alert of a key may be open."""
        rows = self.all_rows()
        new = [row for row in rows if row.new]
        stored.number(new, self.free)
        for row in rows:
            row.stale_at = self._stale_at(row)
        if place and new:
            place(new)
        stored.update([row for row in rows if row.changed and not row.new])
        if self.changes:
            ChangeEvent.objects.bulk_create(self.changes)
        self._write_early()
        outcomes = [Outcome(raw, [_line(*one) for one in done], error) for raw, done, error in self.outcomes]
        stored.insert(new, outcomes, self.integration.pk, self.now)

    def _stale_at(self, row: Row) -> datetime | None:
        # Renewals do not move it (that would be an index entry each time): whoever finds it due looks when the alert was last seen.
        if row.state.status == "resolved" or row.state.ends_at:
            return None
        return row.stale_at or stale_at(self.integration, row.state.last_seen)

    def _write_early(self) -> None:
        if not self.new_early:
            return
        EarlyResolution.objects.filter(integration=self.integration, received_at__lt=self.now - EARLY).delete()
        EarlyResolution.objects.bulk_create(
            self.new_early.values(), update_conflicts=True, unique_fields=["integration", "dedup_key"], update_fields=["at", "received_at"]
        )


def _line(row: Row | None, change: Change, why: str) -> dict[str, object]:
    if row and change is Change.OPENED:
        held = f"held back by {row.suppressed_by}" if row.suppressed_by else row.group_reason if row.lead_id else ""
        why = "; ".join(one for one in (held, why) if one)
    return {"alert": row.id if row else None, "change": str(change), "reason": why}


def _add_labels(row: Row) -> None:
    if row.added_labels and not row.added_labels.items() <= row.state.labels.items():
        row.state = replace(row.state, labels={**row.state.labels, **row.added_labels})


def apply(alert: Row | Alert, decision: Decision, labels: dict[str, str], named: str) -> None:
    """Put a routing decision on an alert (not saved). `named`: the service that the message names, if none of ours is called so."""
    alert.service_id, alert.severity, alert.severity_reason = decision.service_id, decision.severity, decision.severity_reason
    alert.suppressed_by, alert.trace = decision.suppressed_by, list(decision.trace)
    alert.rule_id, alert.policy_id, alert.group_minutes = decision.rule_id, decision.policy_id, decision.group_minutes
    alert.route, alert.links = dict(decision.path), [{"text": text, "url": url} for text, url in decision.links]
    alert.added_labels = dict(decision.labels)
    shared = {**labels, **decision.labels}
    alert.group_key = key_of(decision.rule_id, decision.group_by, shared, named, service=decision.service_id is not None)


def stale_at(integration: Integration, seen: datetime) -> datetime | None:
    """When somebody is asked about an alert that was last seen then, or when it ends without a question; None: never."""
    hours = STALE_HOURS if integration.stale_hours is None else integration.stale_hours
    known = [one for one in (hours, integration.auto_resolve_hours) if one]
    return seen + timedelta(hours=min(known)) if known else None


def _load(integration: Integration, readings: Iterable[Reading]) -> tuple[dict[str, Row], list[int]]:
    keys = {event.dedup_key for reading in readings for event in reading.events if event.status in ("firing", "resolved", "acknowledged")}
    found, free = stored.newest(integration.pk, list(keys)) if keys else ([], [])
    return {row.state.dedup_key: row for row in found}, free


def _early(integration: Integration, readings: Iterable[Reading], known: dict[str, Row]) -> dict[str, EarlyResolution]:
    if not getattr(integration, "has_early", True):  # the claim of its events has looked
        return {}
    fresh = {event.dedup_key for reading in readings for event in reading.events if event.status == "firing"} - known.keys()
    return {row.dedup_key: row for (row,) in EARLY_OF.all(integration.pk, list(fresh))} if fresh else {}


def _kind_of(event: Event) -> str:
    said = str(event.details.get("kind") or event.details.get("type") or "").lower()
    if said in ("deployment", "infrastructure", "other"):
        return said
    words = f"{event.title} {event.labels.get('source', '')}".lower()
    return "infrastructure" if any(word in words for word in _INFRASTRUCTURE) else "deployment"


def expire_due(now: datetime, limit: int = 200) -> list[Row]:
    """Resolve alerts that their source did not renew in time; those with events still waiting are left until these are folded."""
    rows = stored.expired(now, queries.waiting_integrations(), limit)
    for row in rows:
        row.state, row.stale_at, row.asked_at, row.changed = expire(row.state, now), None, None, True
    stored.update(rows)
    return rows
