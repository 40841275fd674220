"""Who holds the pager now, and where is nobody going to?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tocsin.accounts.models import User
from tocsin.domain import final_schedule as rules
from tocsin.oncall import queries

SHOWN, AHEAD = 12, timedelta(days=7)
LOOK = timedelta(days=8)


def board(now: datetime) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The schedules with who is on call now and until when, and the gaps of the next week."""
    rows: list[dict[str, Any]] = []
    gaps: list[dict[str, Any]] = []
    wanted: set[int] = set()
    for schedule in queries.active()[:SHOWN]:
        value = queries.value(schedule, since=now - LOOK)
        current = next((s for s in rules.shifts(value, now - LOOK, now + LOOK) if s.starts_at <= now < s.ends_at), None)
        until = current.ends_at if current and current.ends_at < now + LOOK else None  # later than that nobody has looked
        rows.append({"schedule": schedule, "shift": current, "until": until})
        if current:
            wanted.add(current.user)
        for gap in rules.gaps(value, now, now + AHEAD)[:1]:
            gaps.append({"schedule": schedule, "starts_at": gap.starts_at, "ends_at": gap.ends_at})
    users = User.objects.in_bulk(wanted)
    for row in rows:
        row["user"] = users.get(row["shift"].user) if row["shift"] else None
    return rows, gaps
