"""How do turns and hours of another product become ours? Pure, and the same for each of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY = 24 * 60
WEEK = 7 * DAY
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Unsaid(Exception):
    """This cannot be said here; the words name what."""


def is_zone(name: str) -> bool:
    """Whether a time zone has that name here."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def local(instant: str, zone: str) -> str:
    """An instant ("2024-01-01T08:00:00Z") as the clock of that zone shows it: "2024-01-01T09:00:00"."""
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="seconds")


def hours(start: int, length: int) -> list[dict[str, Any]]:
    """The restrictions of a stretch of the week, cut at midnights: from minute `start` of the week (0 is Monday's midnight) for `length` minutes."""
    found: list[dict[str, Any]] = []
    while length > 0:
        day, minute = divmod(start % WEEK, DAY)
        piece = min(length, DAY - minute)
        found.append({"weekdays": [day], "from": _clock(minute), "until": _clock((minute + piece) % DAY)})
        start, length = start + piece, length - piece
    return found


def together(restrictions: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, with one line for all weekdays that have the same hours."""
    days: dict[tuple[str, str], set[int]] = {}
    for one in restrictions:
        days.setdefault((one["from"], one["until"]), set()).update(one["weekdays"])
    return [{"weekdays": sorted(found), "from": start, "until": end} for (start, end), found in days.items()]


def covered(restrictions: Iterable[dict[str, Any]]) -> set[int]:
    """The minutes of the week, in steps of five, in which a rotation with these restrictions has somebody; all without any."""
    found: set[int] = set()
    rows = list(restrictions)
    for one in rows:
        start, end = _minute(one["from"]), _minute(one["until"])
        for day in one["weekdays"]:
            found.update((day * DAY + minute) % WEEK for minute in range(start, end if end > start else end + DAY, 5))
    return found if rows else set(range(0, WEEK, 5))


def apart(rotations: Iterable[dict[str, Any]]) -> bool:
    """Whether never two of these rotations have somebody at the same time: then one schedule can hold them all."""
    seen: set[int] = set()
    for rotation in rotations:
        theirs = covered(rotation["restrictions"])
        if seen & theirs:
            return False
        seen |= theirs
    return True


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _minute(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)
