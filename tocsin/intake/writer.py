"""How do accepted requests reach the database? Joined to their neighbours: one statement, one commit, then every sender is answered."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

import asyncpg

from tocsin.intake import headers

log = logging.getLogger(__name__)
WRITERS = 2
MOST_REQUESTS = 256  # in one transaction
MOST_BYTES = 4_000_000  # in one transaction
MOST_WAITING = 5_000  # requests; above that the intake answers that it is overloaded
STATEMENT_SECONDS = 5.0
INSERT = """
WITH stored AS (
  INSERT INTO alerts_rawevent
    (integration_id, protocol, content_type, body, received_at, state, outcomes, error, attempts, dedup_key,
     headers)
  SELECT u.integration, u.protocol, u.content_type, u.body, clock.at, 'new', '[]'::jsonb, '', 0, u.dedup_key,
         u.headers::jsonb
  FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[])
         WITH ORDINALITY AS u(integration, protocol, content_type, body, dedup_key, headers, place),
       (SELECT tocsin_now() AS at) clock
  ORDER BY u.place
)
SELECT pg_notify('tocsin_due', 'raw_events')
"""
# What the database says about a value rather than about itself: the batch is halved until the bad row stands alone.
BAD_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.exceptions.UntranslatableCharacterError)


class OverloadedError(Exception):
    """Too much waits already."""


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


class Writer:
    """The waiting rows and the tasks that store them."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.waiting: deque[Row] = deque()
        self.woken = asyncio.Event()
        self.tasks = [asyncio.create_task(self._run()) for _ in range(WRITERS)]

    async def store(self, row: Row) -> None:
        """Returns after the commit that holds the row. Raises OverloadedError, RejectedError, or what asyncpg raises when the database is away."""
        if len(self.waiting) >= MOST_WAITING:
            raise OverloadedError
        self.waiting.append(row)
        self.woken.set()
        await row.done

    async def stop(self) -> None:
        """Stop; what still waits is answered with an error, never with an acceptance."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        _settle(self.waiting, OverloadedError())

    async def _run(self) -> None:
        while True:
            await self.woken.wait()
            rows = self._next()
            if not self.waiting:
                self.woken.clear()
            if rows:
                try:
                    await self._store(rows)
                except asyncio.CancelledError:
                    _settle(rows, OverloadedError())
                    raise
                except Exception as error:  # the writer must outlive whatever happens to one batch
                    log.exception("a batch of %d requests could not be stored", len(rows))
                    _settle(rows, error)

    def _next(self) -> list[Row]:
        rows: list[Row] = []
        size = 0
        while self.waiting and len(rows) < MOST_REQUESTS and size < MOST_BYTES:
            row = self.waiting.popleft()
            if not row.done.done():  # its sender went away before it was taken: nothing was promised
                rows.append(row)
                size += len(row.body)
        return rows

    async def _store(self, rows: list[Row]) -> None:
        try:
            async with self.pool.acquire(timeout=2) as connection:
                await connection.execute(
                    INSERT, [r.integration for r in rows], [r.protocol for r in rows], [r.content_type for r in rows],
                    [r.body for r in rows], [r.dedup_key for r in rows], [r.headers for r in rows], timeout=STATEMENT_SECONDS,
                )  # fmt: skip
        except BAD_ROW as error:
            if len(rows) == 1:
                log.warning("the database refuses an event of integration %d: %s", rows[0].integration, error)
                _settle(rows, RejectedError(str(error)))
                return
            half = len(rows) // 2
            await self._store(rows[:half])
            await self._store(rows[half:])
            return
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("the database does not take events: %s: %s", type(error).__name__, error)
            _settle(rows, error)
            return
        for row in rows:
            if not row.done.done():
                row.done.set_result(None)


def _settle(rows: list[Row] | deque[Row], error: Exception) -> None:
    for row in rows:
        if not row.done.done():
            row.done.set_exception(error)
