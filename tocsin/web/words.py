"""How are times, durations and numbers written on pages? One way, the one of the design reference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def zone(name: str) -> ZoneInfo:
    """The zone of that name; UTC where the name is unknown."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def duration(span: timedelta) -> str:
    """ "2 min 16 s", "26 min", "1 h 39 min", "3 days": the two largest units; seconds only under ten minutes."""
    seconds = max(int(span.total_seconds()), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if days >= 2:
        return f"{days} days"
    if hours:
        rest = minutes % 60
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    if minutes >= 10:
        return f"{minutes} min"
    if minutes:
        rest = seconds % 60
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{seconds} s"


def left(span: timedelta, due: datetime, now: datetime) -> str:
    """What a running clock shows: "03:58" under an hour, "9 h 20 m" under 48 hours, then the date; late counts up with a plus."""
    late = span < timedelta(0)
    seconds = int(abs(span).total_seconds())
    if seconds < 3600:
        text = f"{seconds // 60:02d}:{seconds % 60:02d}"
    elif seconds < 48 * 3600:
        text = f"{seconds // 3600} h {seconds % 3600 // 60} m"
    elif late:
        text = f"{seconds // 86400} days"
    else:
        return short_date(due, now)
    return f"+{text}" if late else text


def took(span: timedelta) -> str:
    """What a clock that was met shows: "2:16" (minutes and seconds) under an hour, then "1 h 5 m", then days."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} m"
    return f"{seconds // 86400} days"


def promise(span: timedelta) -> str:
    """A promised span in words: "5 min", "1 h", "48 h", "3 days"."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes % 60 == 0 and minutes <= 72 * 60:
        return f"{minutes // 60} h"
    return duration(span)


def short_date(at: datetime, now: datetime) -> str:
    """ "25 Nov" within the year, else "25 Nov 2027"."""
    return f"{at.day} {at:%b}" if at.year == now.year else f"{at.day} {at:%b %Y}"


def moment(at: datetime, now: datetime, where: str = "UTC") -> str:
    """ "03:35" today, "25 Nov 03:35" on another day, in the reader's zone."""
    local, today = at.astimezone(zone(where)), now.astimezone(zone(where))
    return f"{local:%H:%M}" if local.date() == today.date() else f"{short_date(local, today)} {local:%H:%M}"


def full(at: datetime) -> str:
    """ "23 Nov 2026, 03:31:02 UTC": the whole truth, for titles and hover."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M:%S} UTC"
