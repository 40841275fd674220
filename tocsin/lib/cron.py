"""When is a cron expression due next? In the zone's own hours: "0 9 * * *" stays at nine when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

LONGEST_CRON = 100  # characters


def complaint(expression: str) -> str:
    """What is wrong with an expression, as a sentence; nothing when it can be used."""
    if len(expression) > LONGEST_CRON or len(expression.split()) != 5:
        return "A cron expression has five fields: minute, hour, day of the month, month, weekday. For example: 30 3 * * 1-5"
    try:
        next_run(expression, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    except ValueError as error:
        return f"This is no cron expression: {error}."
    return ""


@lru_cache(maxsize=1000)
def next_run(expression: str, zone: str, after: datetime) -> datetime:
    """The first time after `after` at which it is due, in UTC. Raises ValueError with the reason where there is none."""
    try:
        return croniter(expression, after.astimezone(ZoneInfo(zone))).get_next(datetime).astimezone(UTC)
    except (CroniterError, KeyError, OverflowError) as error:
        raise ValueError(str(error)[:200]) from error
