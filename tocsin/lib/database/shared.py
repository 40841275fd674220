"""How do threads that ask the database now and then get along with a few sessions? They borrow one for a moment, the one last used first.

A session costs PostgreSQL 2 to 4 MB; what sleeps most of the time need not hold one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

IDLE_SECONDS = 10.0  # a session that nobody needed for so long is closed


class Shelf:
    """The sessions that nobody uses at the moment, each with since when; the one used last is at the end."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle: list[tuple[Any, float]] = []

    def take(self) -> Any:
        """One for this thread alone, until it is put back."""
        with self.lock:
            if self.idle:
                return self.idle.pop()[0]
        made: Any = connections.create_connection(DEFAULT_DB_ALIAS)
        made.inc_thread_sharing()  # each thread in its turn
        return made

    def put(self, wrapper: Any) -> None:
        """Give it back, and close those that nobody needed lately."""
        now = time.monotonic()
        if wrapper.in_atomic_block:  # its thread was torn out of a transaction
            wrapper.close()
            return
        with self.lock:
            unused = [one for one, since in self.idle if now - since > IDLE_SECONDS]
            self.idle = [(one, since) for one, since in self.idle if now - since <= IDLE_SECONDS]
            self.idle.append((wrapper, now))
        for one in unused:
            one.close()


shelf = Shelf()


@contextmanager
def borrowed() -> Iterator[None]:
    """Within, `connection` of this thread is one that others use before and after. Not across a wait: whoever waits holds it."""
    own = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = wrapper = shelf.take()
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = own
        shelf.put(wrapper)
