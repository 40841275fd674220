"""May an integration send that many events now? A bucket of tokens each: it fills at a rate, and holds as many as may come at once."""

from __future__ import annotations

import math

LONGEST_WAIT = 60  # seconds


class ThrottledError(Exception):
    """The integration sends more than it may; `seconds` until it may again."""

    def __init__(self, rate: int, seconds: int) -> None:
        super().__init__(f"This integration sends more than {rate:,} events a second; send it again.")
        self.seconds = seconds


class Bucket:
    """The tokens of one integration: `rate` events a second, `burst` at once. Full at first."""

    __slots__ = ("at", "burst", "rate", "tokens")

    def __init__(self, rate: int, burst: int, now: float) -> None:
        self.rate, self.burst, self.tokens, self.at = rate, burst, float(burst), now

    def change(self, rate: int, burst: int) -> None:
        """Other limits from now on; what was spent stays spent."""
        self.tokens = min(float(burst), self.tokens + max(0, burst - self.burst))
        self.rate, self.burst = rate, burst

    def take(self, events: int, now: float) -> None:
        """Take a token for each event. A request is never cut: while there is a token it comes in whole, and what it took too much is
        missing later. Raises ThrottledError."""
        self.look(now)
        self.tokens -= events

    def look(self, now: float) -> None:
        """Take nothing. Raises ThrottledError where nothing could be taken."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            raise ThrottledError(self.rate, min(LONGEST_WAIT, math.ceil((1 - self.tokens) / self.rate)))
