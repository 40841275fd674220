"""How is work that falls due carried out, on time, for ever, by any number of processes?

A loop takes what is due from rows that are the truth (`FOR UPDATE SKIP LOCKED`), and sleeps until the earliest due time, a second
at most. `wake` only makes it look sooner: losing a notification costs at most that second.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from tocsin.lib.database import tell
from tocsin.lib.database.base import HEARD, OWN
from tocsin.lib.database.shared import borrowed

log = logging.getLogger(__name__)

CHANNEL = "tocsin_due"
LONGEST_SLEEP = 1.0  # seconds
LOOKS_WITHIN = timedelta(seconds=2 * LONGEST_SLEEP)  # so soon a loop has looked by itself
LONGEST_BACK_OFF = 30.0  # seconds, after repeated failures
LONGEST_AWAY = 2.0  # seconds, while the database is away: the work that waited goes on that soon after its return (R13)


@dataclass(frozen=True)
class Loop:
    """`take` carries out what is due and returns how much that was; `next_due` is the earliest time something is due, or how long that is from
    now; None for nothing.

    `threads`: so many of a worker carry it out side by side, as several workers do. `shares`: it asks so little that it needs no session of
    its own in the database; one that pages wait for has one.
    """

    name: str
    take: Callable[[], int]
    next_due: Callable[[], datetime | timedelta | None]
    threads: int = 1
    shares: bool = True


def wake(name: str, *, at: datetime | None = None, now: datetime | None = None) -> None:
    """Tell the loop of that name, in every process, that there is something to do once the current transaction commits. What is due `at` a
    time that comes only after the loop has looked by itself need not be told."""
    if at and now and at - now >= LOOKS_WITHIN:
        return
    tell(CHANNEL, name)


def is_woken(name: str) -> bool:
    """Whether the current transaction is about to wake the loop of that name."""
    return (CHANNEL, name) in _session().to_tell


def let_sleep(name: str) -> None:
    """What the loop of that name would do about the current transaction is done already: do not wake it."""
    _session().to_tell.pop((CHANNEL, name), None)


def _session() -> Any:
    return connection


class Bell(Event):
    """What wakes one thread of a loop."""

    asleep = False

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until it rings or so many seconds have passed."""
        self.asleep = True
        try:
            return super().wait(timeout)
        finally:
            self.asleep = False


_bells: dict[str, list[Bell]] = {}


def bell(name: str) -> Bell:
    """A bell that rings when this process or another one wakes the loop of that name."""
    made = Bell()
    _bells.setdefault(name, []).append(made)
    HEARD[CHANNEL] = ring
    return made


def ring(name: str) -> None:
    """Wake one thread of that loop in this process: one that sleeps, so that nobody stands in its way; all where none sleeps."""
    bells = _bells.get(name, [])
    sleeping = next((one for one in bells if one.asleep and not one.is_set()), None)
    for one in [sleeping] if sleeping else bells:
        one.set()


def hear(name: str, session: int) -> None:
    """A session of the database has woken the loop of that name."""
    if session not in OWN:
        ring(name)


def ring_all() -> None:
    """Wake every loop of this process."""
    for bells in _bells.values():
        for one in bells:
            one.set()


def run(loop: Loop, stop: Event, woken: Event) -> None:
    """Carry out a loop until `stop` is set; setting `woken` makes it look at once. An error is logged and backed off, it never ends the loop."""
    failures = 0
    while not stop.is_set():
        woken.clear()  # before looking: what is set while we look is looked at again
        with borrowed() if loop.shares else nullcontext():
            try:
                close_old_connections()
                pause = 0.0 if loop.take() else _pause(loop.next_due())
                failures = 0
            except Exception as error:
                failures += 1
                away = isinstance(error, OperationalError | InterfaceError)
                pause = min(LONGEST_AWAY if away else LONGEST_BACK_OFF, 0.5 * 2 ** min(failures, 6))
                # Once with its whole story: a loop that meets the same wall for ten minutes would fill the log with it.
                log.error("the loop %s failed, next try in %.1f s: %s", loop.name, pause, error, exc_info=not away or failures == 1)
                _drop_connection()
        if failures:
            stop.wait(pause)  # a wake-up does not cut the back-off short
        elif pause:
            woken.wait(pause)


def _pause(due: datetime | timedelta | None) -> float:
    if due is None:
        return LONGEST_SLEEP
    if isinstance(due, timedelta):
        seconds = due.total_seconds()
    else:
        with connection.cursor() as cursor:  # its clock decides how long that is, not this machine's
            cursor.execute("SELECT extract(epoch FROM %s::timestamptz - (SELECT clock_timestamp() + shift FROM clock_shift))", [due])
            seconds = float(cursor.fetchone()[0])
    return min(LONGEST_SLEEP, max(0.005, seconds))


def _drop_connection() -> None:
    try:
        connection.close()
    except Exception:
        log.warning("a broken database connection could not be closed", exc_info=True)
