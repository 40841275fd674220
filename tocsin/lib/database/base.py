"""The module that Django looks for behind the setting ENGINE."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterable
from typing import Any

from django.db.backends.postgresql import base
from psycopg.types.datetime import TimestamptzLoader

Django: Any = base.DatabaseWrapper  # the stubs do not know the methods that are made to be overridden
HEARD: dict[str, Callable[[str], None]] = {}  # what this process does at once about what it has told on a channel
OWN: set[int] = set()  # sessions of this process: what they told has been heard here before the database says it
TELL = "SELECT pg_notify(t.channel, t.payload) FROM unnest(%s::text[], %s::text[]) AS t(channel, payload)"


class DatabaseWrapper(Django):  # type: ignore[misc]
    """One connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.health_check_done: bool = False
        self.to_tell: dict[tuple[str, str], None] = {}

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor that reads times with psycopg's C code: Django's own way, Python for each, costs 4 µs a time, a sixth of a heavy page."""
        cursor = super().create_cursor(name)
        if self.timezone_name == "UTC":  # the session's zone, which is what the C code gives them
            cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        return cursor

    def large_cursor(self) -> Any:
        """A cursor that sends values beside the text. Django writes them into it, which copies and scans them several times: for megabytes
        that takes as long as using them."""
        with self.wrap_database_errors:
            self.ensure_connection()
            return self._prepare_cursor(base.ServerBindingCursor(self.connection))  # type: ignore[call-arg]  # the stubs know another parent

    def tell(self, channel: str, payloads: Iterable[str]) -> None:
        """NOTIFY at the end of the transaction, each once; what a savepoint takes back is told all the same, which only makes somebody look."""
        self.to_tell.update({(channel, payload): None for payload in payloads})
        if not self.in_atomic_block:
            _hear(self._tell())

    def _tell(self) -> list[tuple[str, str]]:
        told, self.to_tell = list(self.to_tell), {}
        if told:
            with self.cursor() as cursor:
                cursor.execute(TELL, [[channel for channel, _ in told], [payload for _, payload in told]])
            if HEARD:
                OWN.add(self.connection.info.backend_pid)
        return told

    def _commit(self) -> None:
        told = self._tell()
        super()._commit()
        _hear(told)

    def _rollback(self) -> None:
        self.to_tell.clear()
        super()._rollback()

    def _close(self) -> None:
        self.to_tell.clear()
        super()._close()

    def close_if_health_check_failed(self) -> None:
        """A server that ended, or ends the session, says so: only where something has arrived is it asked, which costs a round trip."""
        if self.connection is not None and self.health_check_enabled and not self.health_check_done and self.is_silent():
            self.health_check_done = True
        super().close_if_health_check_failed()

    def is_silent(self) -> bool:
        """Whether nothing has come from the server: then the session has not ended, as far as this machine knows."""
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)


def _hear(told: Iterable[tuple[str, str]]) -> None:
    for channel, payload in told:
        if channel in HEARD:
            HEARD[channel](payload)
