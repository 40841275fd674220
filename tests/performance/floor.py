"""What is the least that a durable intake in Python on PostgreSQL has to do? This, and nothing else: no key, no routing, no paging.

    python -m tests.performance.floor PORT DATABASE_URL

Reads an array of alerts, keeps each as a row, keeps one row for each identity with a count and its first alert, and answers after the commit.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

import asyncpg
import httptools
import msgspec
import uvloop

TABLES = """
CREATE TABLE IF NOT EXISTS kept (id bigserial PRIMARY KEY, labels text NOT NULL, at timestamptz NOT NULL DEFAULT now(), body jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS identity (labels text PRIMARY KEY, times bigint NOT NULL, last timestamptz NOT NULL, body jsonb NOT NULL)
  WITH (fillfactor = 70);
"""
WRITE = """
WITH kept AS (INSERT INTO kept (labels, body) SELECT labels, body::jsonb FROM unnest($1::text[], $2::text[]) AS u(labels, body))
INSERT INTO identity AS i SELECT labels, times, now(), body::jsonb FROM unnest($3::text[], $4::bigint[], $5::text[]) AS u(labels, times, body)
ON CONFLICT (labels) DO UPDATE SET times = i.times + excluded.times, last = excluded.last
"""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MOST = 256
SECONDS = 1800.0


class Waiting:
    """Requests that are read and not yet stored."""

    def __init__(self) -> None:
        self.requests: list[tuple[Any, list[Any]]] = []
        self.some = asyncio.Event()

    def take(self) -> list[tuple[Any, list[Any]]]:
        taken, self.requests = self.requests[:MOST], self.requests[MOST:]
        if not self.requests:
            self.some.clear()
        return taken


class Taker(asyncio.Protocol):
    """One connection."""

    def __init__(self, waiting: Waiting) -> None:
        self.waiting, self.parts = waiting, []  # type: ignore[var-annotated]

    def connection_made(self, transport: Any) -> None:
        self.transport, self.parser = transport, httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        body, self.parts = b"".join(self.parts), []
        self.waiting.requests.append((self.transport, msgspec.json.decode(body)))
        self.waiting.some.set()


async def write(waiting: Waiting, address: str) -> None:
    """Store what waits, for ever."""
    connection = await asyncpg.connect(address)
    while True:
        await waiting.some.wait()
        taken = waiting.take()
        if not taken:
            continue
        alerts = [alert for _, found in taken for alert in found]
        keys = ["\x1f".join(f"{name}={value}" for name, value in sorted(alert["labels"].items())) for alert in alerts]
        bodies = [msgspec.json.encode(alert).decode() for alert in alerts]
        times, first = Counter(keys), dict(zip(reversed(keys), reversed(bodies), strict=True))
        ordered = sorted(times)  # one order of locks
        await connection.execute(WRITE, keys, bodies, ordered, [times[key] for key in ordered], [first[key] for key in ordered])
        for transport, _ in taken:
            transport.write(ANSWER)


async def main(port: int, address: str) -> None:
    """Listen on loopback, half an hour at most."""
    connection = await asyncpg.connect(address)
    await connection.execute(TABLES)
    await connection.close()
    waiting = Waiting()
    writers = [asyncio.create_task(write(waiting, address)) for _ in range(2)]
    await asyncio.get_running_loop().create_server(lambda: Taker(waiting), "127.0.0.1", port)
    done, _ = await asyncio.wait(writers, timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), sys.argv[2]))
