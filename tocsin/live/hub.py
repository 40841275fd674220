"""Who hears about a change? One LISTEN connection a process, and a short queue a reader; who cannot keep up is dropped and comes again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from dataclasses import dataclass, field

import asyncpg
from django.conf import settings

from tocsin.live import audience

log = logging.getLogger("tocsin.live")

CHANNEL = "tocsin_live"
MOST_READERS, MOST_OF_ONE, QUEUE = 1000, 30, 100
BEAT, AGAIN = 5.0, 2.0  # seconds between heartbeats; before the next try to connect


@dataclass(eq=False)
class Listener:
    """One open stream."""

    user_id: int
    topics: frozenset[str]
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    slow: bool = False

    def offer(self, message: bytes) -> None:
        """Put it in the queue; a full queue ends the stream, and the browser comes again and asks for what it missed."""
        try:
            self.queue.put_nowait(message)
        except asyncio.QueueFull:
            self.slow = True


def event(name: str, data: str, id: int | None = None) -> bytes:
    """One server-sent event."""
    return (f"id: {id}\n" if id else "").encode() + f"event: {name}\ndata: {data}\n\n".encode()


class Hub:
    """The readers of this process and the one connection that listens for them."""

    def __init__(self) -> None:
        self.by_topic: dict[str, set[Listener]] = defaultdict(set)
        self.readers: set[Listener] = set()
        self.tasks: list[asyncio.Task[None]] = []

    def full(self, user_id: int) -> bool:
        """No room for one more stream, of anybody or of this person."""
        return len(self.readers) >= MOST_READERS or sum(one.user_id == user_id for one in self.readers) >= MOST_OF_ONE

    def join(self, listener: Listener) -> None:
        """Hear about its topics from now on; the first one starts the listening."""
        self.readers.add(listener)
        for topic in listener.topics:
            self.by_topic[topic].add(listener)
        if not self.tasks or any(task.done() for task in self.tasks):
            self.tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._beat())]

    def leave(self, listener: Listener) -> None:
        """The stream ended."""
        self.readers.discard(listener)
        for topic in listener.topics:
            self.by_topic[topic].discard(listener)
            if not self.by_topic[topic]:
                del self.by_topic[topic]

    def end_streams(self) -> None:
        """Open streams end; their readers come again, to whoever listens then."""
        for listener in self.readers:
            listener.slow = True
            with contextlib.suppress(asyncio.QueueFull):
                listener.queue.put_nowait(b"")

    async def close(self) -> None:
        """Stop listening; open streams end."""
        self.end_streams()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []

    def heard(self, payload: str) -> None:
        """Pass on a notification: "incident:12:345" to who follows incident 12, with the id 345; "board" to who follows the board."""
        parts = payload.split(":")
        topic = ":".join(parts[:2])
        number = int(parts[2]) if len(parts) > 2 and parts[2].isdigit() and parts[0] != "person" else None  # a page is no timeline entry
        for listener in list(self.by_topic.get(topic, ())):
            listener.offer(event("changed", topic, number))

    async def _listen(self) -> None:
        while True:
            connection = None
            try:
                connection = await asyncpg.connect(settings.DATABASE_URL, timeout=5, server_settings={"application_name": "tocsin-live"})
                lost = asyncio.Event()
                connection.add_termination_listener(lambda _, lost=lost: lost.set())
                await connection.add_listener(CHANNEL, lambda _connection, _pid, _channel, payload: self.heard(str(payload)))
                for listener in list(self.readers):  # whatever happened while nobody listened
                    listener.offer(event("changed", "all"))
                await lost.wait()
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("live pages do not hear from the database: %s", error)
            finally:
                if connection is not None and not connection.is_closed():
                    connection.terminate()
            await asyncio.sleep(AGAIN)

    async def _beat(self) -> None:
        """The server's time to everybody. Without the database there is none: pages then say that they are stale, which is the truth."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                beat = event("beat", await loop.run_in_executor(audience.threads, audience.server_time))
                for listener in list(self.readers):
                    listener.offer(beat)
            except Exception:
                log.warning("no heartbeat for live pages", exc_info=True)
            await asyncio.sleep(BEAT)
