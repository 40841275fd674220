"""How did a component fare on each of the last 90 days, and how much of the time was it up?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WORSE = ("operational", "under_maintenance", "degraded_performance", "partial_outage", "major_outage")  # the last is the worst
DOWN = {"partial_outage": 0.3, "major_outage": 1.0}  # how much of its time counts as down, as Statuspage counts it
NO_DATA = "no_data"
DAYS = 90


@dataclass(frozen=True, slots=True)
class Change:
    """The component's status became `after` at `at`; before it was `before`."""

    at: datetime
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Day:
    """The worst status of one day ("no_data" before the component existed) and the seconds it was partly and wholly down."""

    day: date
    status: str
    partial_seconds: float = 0
    major_seconds: float = 0


@dataclass(frozen=True, slots=True)
class History:
    """The days, oldest first, and the share of the known time that it was up, in percent; None where nothing is known."""

    days: tuple[Day, ...]
    percent: float | None

    @property
    def words(self) -> str:
        """The share for people: "99.91% up". Never rounded up to 100 while something was down."""
        if self.percent is None:
            return "no data yet"
        if self.percent >= 100:
            return "100% up"
        return f"{min(int(self.percent * 100) / 100, 99.99):.2f}% up"


def history(changes: Sequence[Change], current: str, created_at: datetime, now: datetime, zone: str, days: int = DAYS) -> History:
    """The history from the component's changes in order of time; `current` is its status where nothing has changed."""
    spans = _spans(changes, current, created_at, now)
    here = ZoneInfo(zone)
    today = now.astimezone(here).date()
    rows, known, down = [], 0.0, 0.0
    for back in range(days - 1, -1, -1):
        day = today - timedelta(days=back)
        row, seconds = _day(day, spans, here)
        rows.append(row)
        known += seconds
        down += row.partial_seconds * DOWN["partial_outage"] + row.major_seconds * DOWN["major_outage"]
    return History(tuple(rows), 100 * (1 - down / known) if known else None)


def _spans(changes: Sequence[Change], current: str, created_at: datetime, now: datetime) -> list[tuple[datetime, datetime, str]]:
    """From, until, status: without gaps from the component's creation to now."""
    spans, start, status = [], created_at, changes[0].before if changes else current
    for change in changes:
        if change.at > start:
            spans.append((start, min(change.at, now), status))
            start = change.at
        status = change.after
    spans.append((start, max(now, start), status))
    return spans


def _day(day: date, spans: Sequence[tuple[datetime, datetime, str]], zone: ZoneInfo) -> tuple[Day, float]:
    """The day's row, and how many seconds of it are known."""
    first = datetime.combine(day, time(), zone).timestamp()
    last = datetime.combine(day + timedelta(days=1), time(), zone).timestamp()
    worst, seen, seconds = -1, 0.0, dict.fromkeys(WORSE, 0.0)
    for start, end, status in spans:
        begin, finish = max(first, start.timestamp()), min(last, end.timestamp())
        # what is the case now counts from its first moment, before any time has passed
        if finish > begin or (start == spans[-1][0] and finish == begin and first <= begin < last):
            worst = max(worst, WORSE.index(status))
            seconds[status] += finish - begin
            seen += finish - begin
    status = WORSE[worst] if worst >= 0 else NO_DATA
    return Day(day, status, seconds["partial_outage"], seconds["major_outage"]), seen


def worst(statuses: Sequence[str]) -> str:
    """The worst of some statuses; operational where there are none."""
    return max(statuses, key=WORSE.index, default="operational")
