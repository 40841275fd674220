"""When is a ping missing, and what does each ping change? A heartbeat is an event whose absence fires an alert.

The first ping starts the clock. A ping of success sets the next expectation; what reports a failure is bad news at once; a start demands
the end within the grace. After an outage of our own an expectation that fell into it is moved on: the ping may have come and found nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from tocsin.domain.calendars import BusinessCalendar, add_business_time

State = Literal["never", "ok", "late", "paused", "failed"]
PingKind = Literal["ping", "start", "fail", "log"]
WORDS: dict[str, str] = {
    "never": "waiting for the first ping", "ok": "on time", "late": "late", "paused": "paused", "failed": "reported a failure",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When pings are expected: every `period` (of business hours, where a calendar is given), or at the times of `next_run`; and how late is fine.

    `next_run` gives the first time after an instant at which a cron expression is due, in UTC.
    """

    period: timedelta
    grace: timedelta
    calendar: BusinessCalendar | None = None
    next_run: Callable[[datetime], datetime] | None = None

    def after(self, at: datetime) -> datetime:
        """When the next ping after that instant is expected."""
        if self.next_run:
            return self.next_run(at)
        return add_business_time(self.calendar, at, self.period) if self.calendar else at + self.period

    def late_at(self, expected_at: datetime) -> datetime:
        """When it is missing, if it has not come until then."""
        return add_business_time(self.calendar, expected_at, self.grace) if self.calendar else expected_at + self.grace


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a heartbeat stands. `missing_at` is when it is late unless something comes; None where nothing is awaited."""

    state: State = "never"
    last_ping_at: datetime | None = None
    started_at: datetime | None = None
    expected_at: datetime | None = None
    missing_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """One sign of life; `exit_code` other than 0 is a failure."""

    kind: PingKind
    at: datetime
    exit_code: int | None = None

    @property
    def failed(self) -> bool:
        """Does it report a failure?"""
        return self.kind == "fail" or (self.kind == "ping" and bool(self.exit_code))


Turn = Literal["", "failed", "recovered"]


def take(pulse: Pulse, ping: Ping, rhythm: Rhythm) -> tuple[Pulse, Turn]:
    """What a ping makes of it, and the news in it. One that is paused, and a mere log line, stay as they are."""
    if pulse.state == "paused" or ping.kind == "log":
        return pulse, ""
    if ping.kind == "start":
        if pulse.state in ("late", "failed"):  # what went wrong is over only when a run has ended well
            return replace(pulse, started_at=ping.at), ""
        first = min(pulse.expected_at or ping.at, ping.at)
        return replace(pulse, started_at=ping.at, missing_at=rhythm.late_at(first)), ""
    if ping.failed:
        return Pulse("failed", ping.at, None, None, None), "failed"
    expected_at = rhythm.after(ping.at)
    news: Turn = "recovered" if pulse.state in ("late", "failed") else ""
    return Pulse("ok", ping.at, None, expected_at, rhythm.late_at(expected_at)), news


def miss(pulse: Pulse, rhythm: Rhythm, now: datetime, *, away_until: datetime | None = None) -> Pulse:
    """What becomes of one whose ping did not come until `missing_at`: late, or excused once where we ourselves were away until `away_until`.

    A ping usually comes about when it is expected; if we were back less than a grace before that, it may have been lost with us.
    """
    if pulse.missing_at is None or pulse.missing_at > now:
        return pulse
    awaited = pulse.missing_at - rhythm.grace
    if away_until and awaited - rhythm.grace < away_until:
        expected_at = rhythm.after(max(away_until, awaited))
        return replace(pulse, started_at=None, expected_at=expected_at, missing_at=rhythm.late_at(expected_at))
    return replace(pulse, state="late", missing_at=None)


def pause(pulse: Pulse) -> Pulse:
    """Nothing is awaited until it is resumed."""
    return Pulse("paused", pulse.last_ping_at)


def resume(pulse: Pulse) -> Pulse:
    """The next ping starts the clock anew."""
    return Pulse("never", pulse.last_ping_at)


def adjust(pulse: Pulse, rhythm: Rhythm) -> Pulse:
    """After a change of its rhythm: what is awaited is counted anew from the last ping."""
    if pulse.state != "ok" or pulse.last_ping_at is None:
        return pulse
    expected_at = rhythm.after(pulse.last_ping_at)
    return replace(pulse, expected_at=expected_at, missing_at=rhythm.late_at(expected_at))
