"""When does folding rest, so that accepting has the processor? While more comes in than is folded, and nothing has waited for long.

A burst is accepted first and folded afterwards: what was accepted is safe, and what is not accepted has to be sent again. A sender who goes on
for longer than that has its events folded at full speed all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 20.0  # nothing rests that has waited for longer
REST_TIMES = 5.0  # as long as the batch took, so many times
LONGEST_REST = 1.0  # seconds


class Pace:
    """The rests of one worker, by integration. What other workers do is not looked at. Not `active`: nothing rests."""

    def __init__(self, *, active: bool = True, seconds: Callable[[], float] = time.monotonic) -> None:
        self.active, self.seconds = active, seconds
        self._accepted: tuple[int, float] | None = None
        self._until: dict[int, float] = {}
        self._held: set[int] = set()

    @contextmanager
    def held(self, integration: int) -> Iterator[None]:
        """While a thread folds that integration's events the others of this process leave it alone: the claim would only send them away."""
        self._held.add(integration)
        try:
            yield
        finally:
            self._held.discard(integration)

    def is_held(self, integration: int) -> bool:
        """Whether a thread of this process is folding that integration's events."""
        return integration in self._held

    def rests(self, integration: int) -> bool:
        """Whether that integration's events wait a moment longer."""
        return self._until.get(integration, 0.0) > self.seconds()

    def left(self) -> float | None:
        """Seconds until the first rest ends; None where nobody rests."""
        now = self.seconds()
        self._until = {one: until for one, until in self._until.items() if until > now}
        return min((until - now for until in self._until.values()), default=None)

    def folded(self, integration: int, requests: int, took: float, waited: float, accepted: int) -> None:
        """So many requests were folded in `took` seconds, the oldest had waited for `waited`; `accepted`: the number of the newest request of all."""
        before, now = self._accepted, self.seconds()
        self._accepted = accepted, now
        if not self.active or before is None or waited > PATIENCE_SECONDS:
            return
        # How much came in is known only since the last batch, and says something only if that was just now.
        if now - before[1] < took + 2 * LONGEST_REST and accepted - before[0] > requests:
            self._until[integration] = now + min(REST_TIMES * took, LONGEST_REST)
