"""How is something put on the record? The only file that writes the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.lib.database import tell
from tocsin.timeline.models import Entry

LIVE_CHANNEL = "tocsin_live"
COLUMNS = ("at", "kind", "incident_id", "alert_id", "team_id", "actor_id", "actor_label", "via", "text", "data", "key")
APPEND = f"INSERT INTO timeline_entry ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))}) RETURNING id"  # noqa: S608 - only names


class Line(msgspec.Struct):
    """One entry about one alert, by Tocsin itself."""

    kind: str
    text: str
    alert_id: int
    data: dict[str, Any] = {}
    key: bool = False


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
    about = (("incident", incident_id), ("alert", alert_id), ("team", team_id))
    values: list[Any] = [Jsonb(entry.data) if name == "data" else getattr(entry, name) for name in COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(APPEND, values)
        (entry.id,) = cursor.fetchone()
    entry._state.adding = False
    tell(LIVE_CHANNEL, *(f"{kind}:{id}:{entry.id}" for kind, id in about if id), *(["board"] if board else []))
    return entry


APPEND_MANY = """
    INSERT INTO timeline_entry (at, kind, alert_id, actor_label, via, text, data, key)
    SELECT %s, u.kind, u.alert_id, %s, 'system', u.text, u.data, u.key
    FROM json_to_recordset(%s::json) AS u(kind text, alert_id bigint, text text, data jsonb, key boolean)
"""


def record_of_alerts(lines: Sequence[Line], *, now: datetime) -> None:
    """Append what Tocsin itself says of many alerts, in one statement. Nobody is told: say to live pages what changed by `announce`."""
    if lines:
        with connection.cursor() as cursor:
            cursor.execute(APPEND_MANY, [now, SYSTEM.label, msgspec.json.encode(lines).decode()])


def announce(*topics: str) -> None:
    """Tell live pages at commit that these topics changed ("incident:12:345", "alert:7:346", "board", "schedule:3")."""
    tell(LIVE_CHANNEL, *topics)
