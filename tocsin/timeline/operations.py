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
    board: bool = False,
) -> Entry:
    """Append one entry and tell live pages (`board`: the war board too). Call it inside the transaction that makes the change it tells."""
    entry = Entry.objects.create(
        at=now, kind=kind, text=text[:20_000], actor=by.user, actor_label=by.label[:200], via=by.via,
        incident_id=incident_id, alert_id=alert_id, team_id=team_id, data=data or {}, key=key,
    )  # fmt: skip
    about = (("incident", incident_id), ("alert", alert_id), ("team", team_id))
    announce(*(f"{kind}:{id}:{entry.id}" for kind, id in about if id), *(["board"] if board else []))
    return entry


def announce(*topics: str) -> None:
    """Tell live pages at commit that these topics changed ("incident:12:345", "alert:7:346", "board", "schedule:3"), in one round trip."""
    if not topics:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, topic) FROM unnest(%s::text[]) AS topic", [LIVE_CHANNEL, list(topics)])
