"""How are many alerts read and written at once? As rows of plain values: one statement for a batch, no model object for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from tocsin.alerts.models import RawEvent
from tocsin.domain.alerts import AlertState, Change
from tocsin.lib import together
from tocsin.lib.database import large_cursor

_STATE = {
    "dedup_key": "text", "status": "text", "title": "text", "source_severity": "text", "link": "text", "runbook": "text", "labels": "jsonb",
    "details": "jsonb", "started_at": "timestamptz", "first_seen": "timestamptz", "last_seen": "timestamptz", "last_event_at": "timestamptz",
    "ends_at": "timestamptz", "resolved_at": "timestamptz", "event_count": "bigint", "openings": "timestamptz[]", "reopened": "int",
    "calm_at": "timestamptz",
}  # fmt: skip
_OWN = {
    "integration_id": "bigint", "first_raw_event_id": "bigint", "last_raw_event_id": "bigint", "service_id": "bigint", "severity": "text",
    "severity_reason": "text", "suppressed_by": "text", "trace": "jsonb", "route": "jsonb", "rule_id": "bigint", "policy_id": "bigint", "links": "jsonb",
    "added_labels": "jsonb", "lead_id": "bigint", "member_count": "int", "cause_at": "timestamptz", "cause_severity": "text",
    "group_key": "text", "group_minutes": "int", "group_reason": "text", "stale_at": "timestamptz", "asked_at": "timestamptz",
}  # fmt: skip
_COLUMNS = {"id": "bigint", **_STATE, **_OWN}
_FIXED = ("id", "dedup_key", "integration_id", "first_raw_event_id", "first_seen")  # never change
_HEAVY = ("details", "trace", "route")  # not read with the rest, and written only where something new is known
_LOADED = [name for name in _COLUMNS if name not in _HEAVY]
_JSON = [name for name in _LOADED if _COLUMNS[name] == "jsonb"]


@dataclass(slots=True, eq=False)
class Row:
    """An alert while a batch is folded: what the monitor says (`state`), what was decided about it, and what became of it here.

    `was`: its state when it was read; `held`: it was held back before it was judged anew; `trace` and `route` None and empty details: as they
    are stored.
    """

    state: AlertState
    integration_id: int
    first_raw_event_id: int | None
    last_raw_event_id: int | None
    id: int = 0
    service_id: int | None = None
    severity: str = ""
    severity_reason: str = ""
    suppressed_by: str = ""
    trace: list[str] | None = None
    route: dict[str, object] | None = None
    rule_id: int | None = None
    policy_id: int | None = None
    links: list[dict[str, str]] = field(default_factory=list)
    added_labels: dict[str, str] = field(default_factory=dict)
    lead_id: int | None = None
    member_count: int = 0
    cause_at: datetime | None = None
    cause_severity: str = ""
    group_key: str = ""
    group_minutes: int | None = None
    group_reason: str = ""
    stale_at: datetime | None = None
    asked_at: datetime | None = None
    was: AlertState | None = None
    accepted_at: datetime | None = None
    new: bool = False
    changed: bool = False
    worsened: bool = False
    held: bool = False

    @property
    def firing(self) -> bool:
        return self.state.status == "firing"

    @property
    def released(self) -> bool:
        """Nothing holds it back any more, and it fires."""
        return self.held and not self.new and self.firing and not self.suppressed_by

    @property
    def leader(self) -> int:
        """The alert that is paged for it."""
        return self.lead_id or self.id


class Outcome(NamedTuple):
    """What became of one raw event: a line for each event in it, and why the body could not be read."""

    raw: RawEvent
    lines: Sequence[dict[str, object]]
    error: str = ""


_SELECT = ", ".join(f"a.{name}::text" if _COLUMNS[name] == "jsonb" else f"a.{name}" for name in _LOADED)
_MADE_OF_STATE = [name for name in AlertState.__dataclass_fields__ if name != "details"]
_values_of_state = attrgetter(*_STATE)
_values_of_row = attrgetter(*_OWN)
_RECORD = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
# The first one at or after the key, looked at afterwards: in that order only the index of keys can be read. Asked for the last one that has
# the key, PostgreSQL may as well walk the primary key back to the first alert ever, once for each key.
_NEWEST = (
    f"SELECT {_SELECT} FROM alerts_alert a WHERE a.id = ANY(ARRAY(SELECT found.id FROM unnest(%s::text[]) AS key CROSS JOIN LATERAL"  # noqa: S608
    " (SELECT k.id, k.dedup_key FROM alerts_alert k WHERE k.integration_id = %s AND k.dedup_key >= key ORDER BY k.dedup_key, k.id DESC LIMIT 1)"
    " found WHERE found.dedup_key = key)) ORDER BY a.id FOR UPDATE"
)
FEW = 10  # keys
_FREE = (
    "SELECT nextval(pg_get_serial_sequence('alerts_alert', 'id')) FROM unnest(%s::text[]) AS key"
    " WHERE NOT EXISTS (SELECT 1 FROM alerts_alert k WHERE k.integration_id = %s AND k.dedup_key = key)"
)
_EXPIRED = (
    f"SELECT {_SELECT} FROM alerts_alert a WHERE a.status = 'firing' AND a.ends_at <= %s AND a.integration_id <> ALL(%s::bigint[])"  # noqa: S608
    " ORDER BY a.ends_at LIMIT %s FOR UPDATE SKIP LOCKED"
)
_OUTCOMES = (
    "UPDATE alerts_rawevent r SET state = u.state, outcomes = u.outcomes, error = u.error, processed_at = %s, attempts = r.attempts + 1"
    " FROM json_to_recordset(%s::json) AS u(id bigint, state text, outcomes jsonb, error text) WHERE r.id = u.id"
)
_INSERT = (
    f"WITH made AS (INSERT INTO alerts_alert ({', '.join(_COLUMNS)}, verdict, verdict_note)"  # noqa: S608
    f" SELECT {', '.join(_COLUMNS)}, '', '' FROM json_to_recordset(%s::json) AS u({_RECORD})),"
    f" heard AS (UPDATE alerts_integration SET last_event_at = %s WHERE id = %s) {_OUTCOMES}"
)
_SETS = ", ".join(
    f"{name} = coalesce(u.{name}, a.{name})" if name in _HEAVY else f"{name} = u.{name}" for name in _COLUMNS if name not in _FIXED
)
_UPDATE = f"UPDATE alerts_alert a SET {_SETS} FROM json_to_recordset(%s::json) AS u({_RECORD}) WHERE a.id = u.id"  # noqa: S608


def number(rows: Sequence[Row], ids: list[int]) -> None:
    """Give new rows their ids, so that they can name each other before they are written: the free ones that were read with the others, then
    further ones."""
    while rows and ids:
        rows[0].id, rows = ids.pop(0), rows[1:]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('alerts_alert', 'id')) FROM generate_series(1, %s)", [len(rows)])
            for row, (id,) in zip(rows, cursor.fetchall(), strict=True):
                row.id = id


def newest(integration_id: int, keys: list[str]) -> tuple[list[Row], list[int]]:
    """The newest alert of each of these keys, locked; and free ids for keys that have none, where they are few: one may be a page, which has
    no time to ask once more."""
    questions: list[tuple[str, tuple[Any, ...]]] = [(_NEWEST, (keys, integration_id))]
    if len(keys) <= FEW:
        questions.append((_FREE, (keys, integration_id)))
    found, *free = together.several(*questions)
    return [_row(values) for values in found], [id for rows in free for (id,) in rows]


def expired(now: datetime, except_integrations: Sequence[int], limit: int) -> list[Row]:
    """Alerts that should have been renewed by now, locked; the longest due first."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRED, [now, list(except_integrations), limit])
        return [_row(values) for values in cursor.fetchall()]


def _row(values: tuple[Any, ...]) -> Row:
    known = dict(zip(_LOADED, values, strict=True))
    for name in _JSON:
        known[name] = msgspec.json.decode(known[name])
    known["openings"] = tuple(known["openings"])
    state = AlertState(details={}, **{name: known.pop(name) for name in _MADE_OF_STATE})
    return Row(state=state, was=state, **known)


def _plain(row: Row) -> dict[str, Any]:
    plain = dict(zip(_STATE, _values_of_state(row.state), strict=True))
    plain.update(zip(_OWN, _values_of_row(row), strict=True))
    plain["id"] = row.id
    if not row.new and not plain["details"]:
        plain["details"] = None
    return plain


def insert(rows: Sequence[Row], outcomes: Sequence[Outcome], integration_id: int, now: datetime) -> None:
    """Write new rows, what became of the raw events (of one, at least), and when the integration's last one came, in one statement."""
    alerts, told = msgspec.json.encode([_plain(row) for row in rows]).decode(), msgspec.json.encode(_plain_outcomes(outcomes)).decode()
    with large_cursor() as cursor:
        cursor.execute(_INSERT, [alerts, outcomes[-1].raw.received_at, integration_id, now, told])


def update(rows: Sequence[Row]) -> None:
    """Write changed rows, in one statement."""
    _write(_UPDATE, rows)


def _write(statement: str, rows: Sequence[Row]) -> None:
    if rows:
        with large_cursor() as cursor:
            cursor.execute(statement, [msgspec.json.encode([_plain(row) for row in rows]).decode()])


def write_outcomes(done: Sequence[Outcome], now: datetime) -> None:
    """Give raw events their outcomes: done, or refused where the body or an item of it cannot be read."""
    with large_cursor() as cursor:
        cursor.execute(_OUTCOMES, [now, msgspec.json.encode(_plain_outcomes(done)).decode()])


def _plain_outcomes(done: Sequence[Outcome]) -> list[dict[str, Any]]:
    rows = []
    for raw, lines, error in done:
        refused = [str(line["reason"]) for line in lines if line["change"] == Change.REFUSED]
        state = RawEvent.State.REFUSED if error or refused else RawEvent.State.DONE
        rows.append({"id": raw.pk, "state": state.value, "outcomes": lines, "error": (error or "; ".join(refused))[:1000]})
    return rows
