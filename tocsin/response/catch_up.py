"""May the paging loops work now? After Tocsin was away, current state is looked at first; after a restore an administrator releases paging."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import datetime

from django.db import connection

from tocsin.domain import catch_up as rules
from tocsin.domain.catch_up import Stage
from tocsin.paging import operations_state
from tocsin.paging.models import PagingState
from tocsin.response import administrators

LOOK_EVERY = 5.0  # seconds between two looks while paging is at work
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while a machine sleeps
_WAITS = """
SELECT EXISTS (SELECT 1 FROM alerts_rawevent WHERE state = 'new' AND received_at <= %(at)s),
 EXISTS (SELECT 1 FROM paging_escalation WHERE due_at <= %(at)s)
 OR EXISTS (SELECT 1 FROM obligations_obligation WHERE state = 'open' AND next_at <= %(at)s)
"""


class Gate:
    """One loop's question whether it may work. While paging is at work it costs nothing but a look at the clock, most of the time."""

    def __init__(self, *open_in: Stage) -> None:
        self.open_in: Collection[Stage] = open_in
        self.looked: float | None = None  # when it was found at work; None: look again

    def closed(self) -> bool:
        """Whether the loop must wait."""
        clock = time.clock_gettime(_CLOCK)
        if self.looked is not None and clock - self.looked < LOOK_EVERY:
            return False
        stage = operations_state.look(_waits, _told)
        self.looked = clock if stage is Stage.SENDING else None
        return stage not in self.open_in

    def is_open(self) -> bool:
        """Whether paging was found at work a moment ago. Nothing is asked: the loop itself looks every few seconds."""
        return self.looked is not None and time.clock_gettime(_CLOCK) - self.looked < LOOK_EVERY + 2

    def next_due(self, earliest: Callable[[], datetime | None]) -> Callable[[], datetime | None]:
        """The loop's own question, but nothing (so that it looks in a second) while it must wait."""
        return lambda: None if self.looked is None else earliest()

    def forget(self) -> None:
        """Look again at once."""
        self.looked = None


def _waits(at: datetime) -> operations_state.Waits:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS, {"at": at})
        return operations_state.Waits(*cursor.fetchone())


def _told(row: PagingState, now: datetime) -> None:
    """The administrators hear that pages were late, once for each absence."""
    if row.away_from is None or row.returned_at is None:
        return
    away = rules.words(int((row.returned_at - row.away_from).total_seconds()))
    text = (
        f"Paging was away from {row.away_from:%Y-%m-%d %H:%M} to {row.returned_at:%Y-%m-%d %H:%M} UTC. What fell due meanwhile was looked at"
        " again, merged for each person, and goes out now; each page says how late it is."
    )
    administrators.tell(f"Tocsin itself was away for {away}", text, identity=f"away:{int(row.returned_at.timestamp())}", now=now)


STEPS = Gate(Stage.STEPPING, Stage.SENDING)
PROMISES = Gate(Stage.STEPPING, Stage.SENDING)
PAGES = Gate(Stage.SENDING)
