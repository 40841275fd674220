"""How is something put on the record? The only file that writes the timeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.lib.database import large_cursor, tell
from tocsin.timeline.models import Entry

LIVE_CHANNEL = "tocsin_live"
COLUMNS = ("at", "kind", "incident_id", "alert_id", "team_id", "actor_id", "actor_label", "via", "text", "data", "key")
APPEND = f"INSERT INTO timeline_entry ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) RETURNING id"  # noqa: S608 - only names


class Line(msgspec.Struct):
    """One entry whose number nobody needs, so that it can be written with others; by Tocsin itself unless it says otherwise."""

    kind: str
    text: str
    alert_id: int | None = None
    data: dict[str, Any] = {}
    key: bool = False
    incident_id: int | None = None
    actor_id: int | None = None
    actor_label: str = SYSTEM.label
    via: str = SYSTEM.via
    told: bool = False


class _Gathered(threading.local):
    lines: list[Line] | None = None
    at: datetime | None = None


_gathered = _Gathered()


@contextmanager
def gathered(now: datetime) -> Iterator[None]:
    """What is noted in here is written at its end, in one statement and in its order. Only around what does not go on after an error: nothing
    is written then."""
    if _gathered.lines is not None:  # they are gathered already
        yield
        return
    _gathered.lines, _gathered.at = [], now
    try:
        yield
        _write_gathered()
    finally:
        _gathered.lines = None


def _write_gathered() -> None:
    if _gathered.lines and _gathered.at:
        lines, _gathered.lines = _gathered.lines, []
        _append(lines, _gathered.at)


def note(kind: str, text: str, *, by: Actor, now: datetime, alert_id: int | None, incident_id: int | None, data: dict[str, Any]) -> None:
    """As `record`, where nobody needs the entry: it is written with others where they are gathered."""
    if _gathered.lines is None:
        record(kind, text, by=by, now=now, alert_id=alert_id, incident_id=incident_id, data=data)
        return
    actor = by.user.pk if by.user else None
    _gathered.lines.append(Line(kind, text[:20_000], alert_id, data, False, incident_id, actor, by.label[:200], by.via, told=True))


def record(
    kind: str,
    text: str,
    *,
    by: Actor,
    now: datetime,
    incident_id: int | None = None,
    alert_id: int | None = None,
    team_id: int | None = None,
    data: dict[str, Any] | None = None,
    key: bool = False,
    board: bool = False,
) -> Entry:
    """Append one entry and tell live pages (`board`: the war board too). Call it inside the transaction that makes the change it tells."""
    entry = Entry(
        at=now, kind=kind, text=text[:20_000], actor=by.user, actor_label=by.label[:200], via=by.via,
        incident_id=incident_id, alert_id=alert_id, team_id=team_id, data=data or {}, key=key,
    )  # fmt: skip
    _write_gathered()  # what was noted before it comes before it
    about = (("incident", incident_id), ("alert", alert_id), ("team", team_id))
    values: list[Any] = [Jsonb(entry.data) if name == "data" else getattr(entry, name) for name in COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(APPEND, values)
        (entry.id,) = cursor.fetchone()
    entry._state.adding = False
    tell(LIVE_CHANNEL, *(f"{kind}:{id}:{entry.id}" for kind, id in about if id), *(["board"] if board else []))
    return entry


APPEND_MANY = """
    INSERT INTO timeline_entry (at, kind, incident_id, alert_id, actor_id, actor_label, via, text, data, key)
    SELECT %s, u.kind, u.incident_id, u.alert_id, u.actor_id, u.actor_label, u.via, u.text, u.data, u.key
    FROM json_to_recordset(%s::json) AS u(kind text, incident_id bigint, alert_id bigint, actor_id bigint, actor_label text, via text, text text,
        data jsonb, key boolean)
    RETURNING id
"""


def record_of_alerts(lines: Sequence[Line], *, now: datetime) -> None:
    """Append what Tocsin itself says of many alerts, in one statement. Nobody is told: say to live pages what changed by `announce`."""
    if _gathered.lines is not None:
        _gathered.lines.extend(lines)
    elif lines:
        _append(lines, now)


def _append(lines: Sequence[Line], now: datetime) -> None:
    with large_cursor() as cursor:
        cursor.execute(APPEND_MANY, [now, msgspec.json.encode(lines).decode()])
        for line, (id,) in zip(lines, cursor.fetchall(), strict=True):
            if line.told:
                tell(
                    LIVE_CHANNEL,
                    *(f"{kind}:{about}:{id}" for kind, about in (("incident", line.incident_id), ("alert", line.alert_id)) if about),
                )


def announce(*topics: str) -> None:
    """Tell live pages at commit that these topics changed ("incident:12:345", "alert:7:346", "board", "schedule:3")."""
    tell(LIVE_CHANNEL, *topics)
