"""How is something put on the record? The only file that writes the timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from tocsin.accounts.actor import Actor
from tocsin.timeline.models import Entry

LIVE_CHANNEL = "tocsin_live"


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
) -> Entry:
    """Append one entry and tell live pages. Call it inside the transaction that makes the change it tells about."""
    entry = Entry.objects.create(
        at=now, kind=kind, text=text[:20_000], actor=by.user, actor_label=by.label[:200], via=by.via,
        incident_id=incident_id, alert_id=alert_id, team_id=team_id, data=data or {}, key=key,
    )  # fmt: skip
    if incident_id:
        announce(f"incident:{incident_id}:{entry.id}")
    if alert_id:
        announce(f"alert:{alert_id}:{entry.id}")
    if team_id:
        announce(f"team:{team_id}:{entry.id}")
    return entry


def announce(topic: str) -> None:
    """Tell live pages at commit that `topic` changed ("incident:12:345", "alert:7:346", "board", "schedule:3")."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, topic])
