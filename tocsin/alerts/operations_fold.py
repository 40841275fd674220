"""How do accepted events become alerts? A batch at a time: one query to load, a pure fold, one bulk write."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Max

from tocsin.alerts import queries
from tocsin.alerts.models import Alert, ChangeEvent, EarlyResolution, Integration, RawEvent
from tocsin.domain.alerts import AlertState, Change, Event, expire, fold
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.routing import Decision, Directory, Subject, route
from tocsin.lib.patterns import full_match

EARLY = timedelta(minutes=5)  # for so long the end of an unknown condition is remembered
STATE_FIELDS = tuple(AlertState.__dataclass_fields__)
_UPDATED = {
    "status": "text", "title": "text", "source_severity": "text", "severity": "text", "severity_reason": "text", "link": "text",
    "runbook": "text", "labels": "jsonb", "details": "jsonb", "trace": "jsonb", "started_at": "timestamptz", "last_seen": "timestamptz",
    "last_event_at": "timestamptz", "ends_at": "timestamptz", "resolved_at": "timestamptz", "event_count": "bigint",
    "last_raw_event_id": "bigint", "service_id": "bigint", "suppressed_by": "text", "rule_id": "bigint", "route": "jsonb",
}  # fmt: skip
_INFRASTRUCTURE = ("terraform", "infrastructure", "ansible", "cluster", "node pool", "firewall", "dns", "database migration")


@dataclass(slots=True)
class Reading:
    """One raw event as its source read it. `error` set: nothing could be read."""

    raw: RawEvent
    events: list[Event] = field(default_factory=list)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that people may have to hear of: an alert opened, got worse, was resolved or acknowledged at its source."""

    alert: Alert
    change: Change
    raw: RawEvent


@dataclass(slots=True)
class _Row:
    """The newest alert of a key while a batch is folded."""

    state: AlertState
    alert: Alert
    new: bool = False
    changed: bool = False


def fold_events(integration: Integration, readings: Sequence[Reading], *, procedure: Procedure, now: datetime) -> list[Effect]:
    """Fold what was read into alerts and give every raw event its outcome (R2). Call it in a transaction that has claimed the integration."""
    batch = _Batch(integration, _load(integration, readings), queries.directory(now), procedure, now)
    batch.early = _early(integration, readings, batch.rows)
    for reading in readings:
        batch.take(reading)
    batch.write()
    Integration.objects.filter(pk=integration.pk).update(last_event_at=readings[-1].raw.received_at)
    return [effect for effect in batch.effects if effect.change in _HEARD]


_HEARD = (Change.OPENED, Change.WORSENED, Change.RESOLVED, Change.ACKNOWLEDGED)


class _Batch:
    def __init__(self, integration: Integration, rows: dict[str, _Row], directory: Directory, procedure: Procedure, now: datetime) -> None:
        self.integration, self.rows, self.directory, self.procedure, self.now = integration, rows, directory, procedure, now
        self.ended: list[_Row] = []  # resolved and followed by a new alert of the same key within the batch
        self.early: dict[str, EarlyResolution] = {}
        self.new_early: dict[str, EarlyResolution] = {}
        self.changes: list[ChangeEvent] = []
        self.effects: list[Effect] = []
        self.outcomes: list[tuple[RawEvent, list[tuple[Alert | None, Change, str]], str]] = []

    def take(self, reading: Reading) -> None:
        """Fold the events of one raw event."""
        outcomes = [self._fold(event, reading.raw) for event in reading.events]
        self.outcomes.append((reading.raw, outcomes, reading.error))

    def _fold(self, event: Event, raw: RawEvent) -> tuple[Alert | None, Change, str]:
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
            row.state, row.changed = folded.state, True
            row.alert.last_raw_event = raw
            if folded.change is Change.WORSENED:
                self._judge(row.alert, event, folded.state)
        alert = row.alert if row else None
        if alert and folded.change in _HEARD:
            self.effects.append(Effect(alert, folded.change, raw))
        held = alert.suppressed_by if alert and folded.change is Change.OPENED else ""
        return alert, folded.change, "; ".join(why for why in (folded.reason, f"held back by {held}" if held else "", event.note) if why)

    def _remember(self, event: Event, raw: RawEvent) -> None:
        at = min(event.occurred_at or raw.received_at, raw.received_at)
        self.early[event.dedup_key] = self.new_early[event.dedup_key] = EarlyResolution(
            integration=self.integration, dedup_key=event.dedup_key, at=at, received_at=raw.received_at
        )

    def _open(self, state: AlertState, event: Event, raw: RawEvent, before: _Row | None) -> _Row:
        alert = Alert(integration=self.integration, first_raw_event=raw, last_raw_event=raw)
        self._judge(alert, event, state)
        if before and (before.new or before.changed):
            self.ended.append(before)
        row = self.rows[event.dedup_key] = _Row(state, alert, new=True)
        return row

    def _judge(self, alert: Alert, event: Event, state: AlertState) -> None:
        subject = Subject(
            state.title, state.source_severity, event.severity_word, event.service, state.labels, self.integration.name, self.integration.service_id,
            self.integration.pk, state.status, state.dedup_key, state.details,
        )  # fmt: skip
        apply(alert, route(subject, self.directory, self.procedure, self.now, full_match))

    def _change_event(self, event: Event, raw: RawEvent) -> ChangeEvent:
        named = self.directory.named(event.service)
        return ChangeEvent(
            integration=self.integration, service_id=named.id if named else self.integration.service_id, kind=_kind_of(event),
            summary=event.title, source=event.labels.get("source", "")[:255], at=event.started_at or raw.received_at,
            received_at=raw.received_at, link=event.link, details=event.details, raw_event=raw,
        )  # fmt: skip

    def write(self) -> None:
        """Write alerts, change events and outcomes. Resolved ones go first: only one alert of a key may be open."""
        rows = [*self.ended, *self.rows.values()]
        for row in rows:
            for name in STATE_FIELDS:
                setattr(row.alert, name, getattr(row.state, name))
        write_alerts([row.alert for row in rows if row.changed and not row.new])
        Alert.objects.bulk_create([row.alert for row in rows if row.new])
        ChangeEvent.objects.bulk_create(self.changes)
        self._write_early()
        write_outcomes(
            [
                (raw, [{"alert": alert.pk if alert else None, "change": str(change), "reason": why} for alert, change, why in done], error)
                for raw, done, error in self.outcomes
            ],
            self.now,
        )

    def _write_early(self) -> None:
        if not self.new_early:
            return
        EarlyResolution.objects.filter(integration=self.integration, received_at__lt=self.now - EARLY).delete()
        EarlyResolution.objects.bulk_create(
            self.new_early.values(), update_conflicts=True, unique_fields=["integration", "dedup_key"], update_fields=["at", "received_at"]
        )


def apply(alert: Alert, decision: Decision) -> None:
    """Put a routing decision on an alert (not saved)."""
    alert.service_id, alert.severity, alert.severity_reason = decision.service_id, decision.severity, decision.severity_reason
    alert.suppressed_by, alert.trace = decision.suppressed_by, list(decision.trace)
    alert.rule_id, alert.route = decision.rule_id, dict(decision.path)


def state_of(alert: Alert) -> AlertState:
    """A stored alert as the fold sees it."""
    return AlertState(**{name: getattr(alert, name) for name in STATE_FIELDS})


def _load(integration: Integration, readings: Iterable[Reading]) -> dict[str, _Row]:
    keys = {event.dedup_key for reading in readings for event in reading.events if event.status in ("firing", "resolved", "acknowledged")}
    newest = Alert.objects.filter(integration=integration, dedup_key__in=keys).values("dedup_key").annotate(newest=Max("id"))
    rows = Alert.objects.filter(pk__in=newest.values("newest")).select_for_update(of=("self",)).order_by("pk") if keys else []
    return {alert.dedup_key: _Row(state_of(alert), alert) for alert in rows}


def _early(integration: Integration, readings: Iterable[Reading], known: dict[str, _Row]) -> dict[str, EarlyResolution]:
    fresh = {event.dedup_key for reading in readings for event in reading.events if event.status == "firing"} - known.keys()
    rows = EarlyResolution.objects.filter(integration=integration, dedup_key__in=fresh) if fresh else []
    return {row.dedup_key: row for row in rows}


def write_alerts(alerts: Sequence[Alert]) -> None:
    """Update many alerts in one statement."""
    if not alerts:
        return
    columns: list[list[Any]] = [[alert.pk for alert in alerts]]
    for name, kind in _UPDATED.items():
        values = [getattr(alert, name) for alert in alerts]
        columns.append([json.dumps(value) for value in values] if kind == "jsonb" else values)
    sets = ", ".join(f"{name} = u.{name}{'::jsonb' if kind == 'jsonb' else ''}" for name, kind in _UPDATED.items())
    arrays = ", ".join(["%s::bigint[]", *(f"%s::{'text' if kind == 'jsonb' else kind}[]" for kind in _UPDATED.values())])
    statement = f"UPDATE alerts_alert a SET {sets} FROM unnest({arrays}) AS u(id, {', '.join(_UPDATED)}) WHERE a.id = u.id"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, columns)


def write_outcomes(done: Sequence[tuple[RawEvent, list[dict[str, Any]], str]], now: datetime) -> None:
    """Give raw events their outcomes: done, or refused where the body or an item of it cannot be read."""
    states, errors = [], []
    for _, outcomes, error in done:
        refused = [one["reason"] for one in outcomes if one["change"] == Change.REFUSED]
        states.append(RawEvent.State.REFUSED.value if error or refused else RawEvent.State.DONE.value)
        errors.append((error or "; ".join(refused))[:1000])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_rawevent r SET state = u.state, outcomes = u.outcomes::jsonb, error = u.error, processed_at = %s,"
            " attempts = r.attempts + 1 FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS u(id, state, outcomes, error)"
            " WHERE r.id = u.id",
            [now, [raw.pk for raw, _, _ in done], states, [json.dumps(outcomes) for _, outcomes, _ in done], errors],
        )


def _kind_of(event: Event) -> str:
    said = str(event.details.get("kind") or event.details.get("type") or "").lower()
    if said in ("deployment", "infrastructure", "other"):
        return said
    words = f"{event.title} {event.labels.get('source', '')}".lower()
    return "infrastructure" if any(word in words for word in _INFRASTRUCTURE) else "deployment"


def expire_due(now: datetime, limit: int = 200) -> list[Alert]:
    """Resolve alerts that their source did not renew in time; those with events still waiting are left until these are folded."""
    due = Alert.objects.select_for_update(skip_locked=True, of=("self",)).filter(status=Alert.Status.FIRING, ends_at__lte=now)
    waiting = queries.waiting_integrations()
    alerts = list(due.exclude(integration_id__in=waiting).order_by("ends_at")[:limit])
    for alert in alerts:
        state = expire(state_of(alert), now)
        alert.status, alert.resolved_at, alert.ends_at = state.status, state.resolved_at, state.ends_at
    write_alerts(alerts)
    return alerts
