"""When does something that recurs by an RFC 5545 rule happen, by the wall clock of a zone, whatever summer time does?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

LONGEST_AHEAD = timedelta(days=1830)
MOST_OCCURRENCES = 1_000
LONGEST_RULE = 500
_PARTS = re.compile(r"(FREQ|INTERVAL|COUNT|UNTIL|BYDAY|BYMONTHDAY|BYMONTH|BYSETPOS|WKST)=([A-Z0-9,+-]+)\Z")


def complaint(rule: str) -> str:
    """What is wrong with a rule, as a sentence; nothing when it can be used. An empty rule is once."""
    if not rule:
        return ""
    parts = _parts(rule)
    if parts is None:
        return "It is a rule such as FREQ=WEEKLY;BYDAY=SU;COUNT=10"
    if parts.get("FREQ") not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        return "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY"
    if "COUNT" not in parts and "UNTIL" not in parts:
        return "It must end: say COUNT=10 or UNTIL=20271231T000000"
    if parts.get("UNTIL", "").endswith("Z"):
        return "UNTIL is by the wall clock of the zone, without Z"
    if not 1 <= _number(parts.get("COUNT", "1")) <= MOST_OCCURRENCES or not 1 <= _number(parts.get("INTERVAL", "1")) <= 1000:
        return f"COUNT is from 1 to {MOST_OCCURRENCES:,}, INTERVAL from 1 to 1,000"
    try:
        next(_local(datetime(2026, 1, 1), rule), None)  # noqa: DTZ001 - a wall clock
    except (ValueError, TypeError) as error:
        return f"This is no recurrence: {str(error)[:100]}"
    return ""


def occurrences(start: datetime, rule: str, zone: str) -> Iterator[datetime]:
    """Every start as UTC, the first first. `start` is a wall clock without zone; a clock time that summer time leaves out is an hour later."""
    where = ZoneInfo(zone)
    for local in _local(start, rule):
        yield local.replace(tzinfo=where).astimezone(UTC)


def following(start: datetime, rule: str, zone: str, minutes: int, after: datetime) -> tuple[datetime, datetime] | None:
    """The first occurrence that ends after that moment: its start and end; the end is so many minutes later, whatever the clocks do."""
    length = timedelta(minutes=minutes)
    return next(((at, at + length) for at in occurrences(start, rule, zone) if at + length > after), None)


def _parts(rule: str) -> dict[str, str] | None:
    found = [_PARTS.match(part) for part in rule.upper().split(";")]
    if len(rule) > LONGEST_RULE or not all(found):
        return None
    return {one[1]: one[2] for one in found if one}


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 6 else 0


def _local(start: datetime, rule: str) -> Iterator[datetime]:
    if not rule:
        return iter([start])
    parts = _parts(rule) or {}
    limit = start + LONGEST_AHEAD
    until = min(_until(parts["UNTIL"]), limit) if "UNTIL" in parts else limit
    text = ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("COUNT", "UNTIL"))
    every = rrulestr(f"{text};UNTIL={until:%Y%m%dT%H%M%S}", dtstart=start)  # always with an end: no rule is searched for ever
    return islice(iter(every), _number(parts.get("COUNT", str(MOST_OCCURRENCES))))


def _until(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%S" if "T" in text else "%Y%m%d")  # noqa: DTZ007 - a wall clock
