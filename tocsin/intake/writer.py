"""How do accepted requests reach the database? Joined to their neighbours: one statement, one commit, then every sender is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tocsin.intake import headers
from tocsin.intake.turns import OverloadedError, Turns

log = logging.getLogger(__name__)
Connect = Callable[[], Awaitable[Any]]  # a new connection to the database; raises what asyncpg raises
WRITERS = 2  # one writes while the other waits for its commit
MOST_REQUESTS = 256  # in one transaction
MOST_BYTES = 4_000_000  # in one transaction
STATEMENT_SECONDS = 5.0
TELL_EVERY = 0.01  # seconds between two notifications to the worker at least
INSERT = """
INSERT INTO alerts_rawevent
  (integration_id, protocol, content_type, body, received_at, state, outcomes, error, attempts, dedup_key, headers)
SELECT u.integration, u.protocol, u.content_type, u.body, clock.at, 'new', '[]'::jsonb, '', 0, u.dedup_key, u.headers::jsonb
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[])
       WITH ORDINALITY AS u(integration, protocol, content_type, body, dedup_key, headers, place),
     (SELECT tocsin_now() AS at) clock
ORDER BY u.place
"""
# By itself: transactions that notify are committed one after the other, and the events' own share their flush to the disk.
# It promises nothing (the worker looks each second), so it waits for no disk.
TELL = "SELECT set_config('synchronous_commit', 'off', true), pg_notify('tocsin_due', 'raw_events')"
# What the database says about a value rather than about itself: the batch is halved until the bad row stands alone.
BAD_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.exceptions.UntranslatableCharacterError)
AWAY = (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class RejectedError(Exception):
    """The database refuses this one row; its neighbours are stored."""


@dataclass(slots=True)
class Row:
    """One request that waits to be stored; `done` is set after the commit."""

    integration: int
    protocol: str
    content_type: str
    body: bytes
    dedup_key: str
    headers: str = headers.NONE  # JSON
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Line:
    """One connection to the database, kept from statement to statement: a pool would reset it after each, another round trip."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self.connection: Any = None

    async def execute(self, statement: str, *values: Any) -> None:
        """Run it and commit. Raises what asyncpg raises; after anything but a bad value the connection is a new one."""
        if self.connection is None or self.connection.is_closed():
            self.connection = await self.connect()
        try:
            await self.connection.execute(statement, *values, timeout=STATEMENT_SECONDS)
        except BAD_ROW:
            raise
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Give the connection up."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.terminate()


class Writer:
    """The waiting rows, the tasks that store them, and the one that tells the worker."""

    def __init__(self, connect: Connect) -> None:
        self.connect = connect
        self.waiting: Turns[Row] = Turns()
        self.woken, self.stored = asyncio.Event(), asyncio.Event()
        self.tasks = [*(asyncio.create_task(self._run()) for _ in range(WRITERS)), asyncio.create_task(self._tell())]

    async def store(self, row: Row) -> None:
        """Returns after the commit that holds the row. Raises OverloadedError, RejectedError, or what asyncpg raises when the database is away."""
        self.waiting.add(row)
        self.woken.set()
        await row.done

    async def stop(self) -> None:
        """Stop; what still waits is answered with an error, never with an acceptance."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        while rows := self.waiting.take(MOST_REQUESTS, MOST_BYTES):
            _settle(rows, OverloadedError())

    async def _run(self) -> None:
        line = Line(self.connect)
        try:
            while True:
                await self.woken.wait()
                # A sender that went away before its row was taken: nothing was promised.
                rows = [row for row in self.waiting.take(MOST_REQUESTS, MOST_BYTES) if not row.done.done()]
                if not self.waiting.count:
                    self.woken.clear()
                if rows:
                    await self._store_or_settle(line, rows)
        finally:
            line.drop()

    async def _store_or_settle(self, line: Line, rows: list[Row]) -> None:
        try:
            await self._store(line, rows)
        except asyncio.CancelledError:
            _settle(rows, OverloadedError())
            raise
        except Exception as error:  # the writer must outlive whatever happens to one batch
            log.exception("a batch of %d requests could not be stored", len(rows))
            _settle(rows, error)

    async def _store(self, line: Line, rows: list[Row]) -> None:
        try:
            await line.execute(
                INSERT, [r.integration for r in rows], [r.protocol for r in rows], [r.content_type for r in rows],
                [r.body for r in rows], [r.dedup_key for r in rows], [r.headers for r in rows],
            )  # fmt: skip
        except BAD_ROW as error:
            if len(rows) == 1:
                log.warning("the database refuses an event of integration %d: %s", rows[0].integration, error)
                _settle(rows, RejectedError(str(error)))
                return
            half = len(rows) // 2
            await self._store(line, rows[:half])
            await self._store(line, rows[half:])
            return
        except AWAY as error:
            log.warning("the database does not take events: %s: %s", type(error).__name__, error)
            _settle(rows, error)
            return
        self.stored.set()
        for row in rows:
            if not row.done.done():
                row.done.set_result(None)

    async def _tell(self) -> None:
        """Wake the worker at once, and while events stream in at most every hundredth of a second."""
        line = Line(self.connect)
        try:
            while True:
                await self.stored.wait()
                self.stored.clear()
                try:
                    await line.execute(TELL)
                except AWAY as error:
                    log.warning("the worker could not be told of new events: %s: %s", type(error).__name__, error)
                await asyncio.sleep(TELL_EVERY)
        finally:
            line.drop()


def _settle(rows: Iterable[Row], error: Exception) -> None:
    for row in rows:
        if not row.done.done():
            row.done.set_exception(error)
