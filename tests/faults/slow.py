"""A database that answers everything 200 ms later: a proxy between it and the product."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
import time
from pathlib import Path

from tests.database import Server
from tests.faults.house import House
from tests.faults.processes import fresh
from tests.faults.table import line


class LatePostgres:
    """A real PostgreSQL behind a socket that hands its answers on `delay` seconds after they came, in order."""

    SOCKET = ".s.PGSQL.5432"

    def __init__(self) -> None:
        self.delay = 0.0
        self.server = Server()
        self.server.start()
        self.folder = Path(tempfile.mkdtemp(prefix="tocsin-late-"))
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"
        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        async def listen() -> None:
            self.listening = await asyncio.start_unix_server(self._serve, str(self.folder / self.SOCKET))
            ready.set()

        threading.Thread(target=lambda: (self.loop.create_task(listen()), self.loop.run_forever()), daemon=True).start()
        assert ready.wait(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up, down = await asyncio.open_unix_connection(str(self.server.folder / self.SOCKET))
        await asyncio.gather(self._relay(reader, down, late=False), self._relay(up, writer, late=True), return_exceptions=True)

    async def _relay(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, late: bool) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def hand_on() -> None:
            with contextlib.suppress(OSError):
                while True:
                    at, data = await waiting.get()
                    await asyncio.sleep(max(0.0, at - self.loop.time()))
                    if not data:
                        break
                    sink.write(data)
                    await sink.drain()
            sink.close()

        task = asyncio.create_task(hand_on())
        data = b"-"
        while data:
            try:
                data = await source.read(65536)
            except OSError:
                data = b""
            waiting.put_nowait((self.loop.time() + (self.delay if late else 0.0), data))
        await task

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.server.stop()


@line("database", "each of its answers comes 200 ms later", "events are accepted and paged; late by more than 30 s: the alarm goes out")
def late(_: House) -> str:
    from tests.scenarios.test_self_watch import Outside

    database, outside = LatePostgres(), Outside()
    try:
        house = House(TOCSIN_DATABASE_URL=database.url, TOCSIN_ALARM=f"{outside.url}/alarm")
        try:
            keys = [house.person() for _ in range(5)]
            house.person()
            usual = house.works_again()
            database.delay = 0.2
            time.sleep(1)
            accepted, paged = [], []
            for key in keys:
                title, begun = fresh("late"), time.monotonic()
                status = house.send(title, key=key)
                accepted.append(time.monotonic() - begun)
                assert status == 202, status
                paged.append(house.paged(title, 60)[0]["heard_at"] - begun)
            database.delay = 0.0
            house.person()
            after = house.works_again()
            assert max(paged) <= 30 or outside.alarms, (paged, outside.alarms)
            assert max(accepted) <= 5, accepted
            alarms = f"alarms: {[one['kinds'] for one in outside.alarms]}" if outside.alarms else "no alarm"
            return f"accepted after at most {max(accepted):.1f} s, paged after {min(paged):.1f} to {max(paged):.1f} s ({usual:.1f} s before, {after:.1f} s after), {alarms}"
        finally:
            house.close()
    finally:
        database.stop()
        outside.server.shutdown()
        outside.server.server_close()
