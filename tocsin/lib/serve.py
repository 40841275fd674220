"""How is an ASGI application served over HTTP? By uvicorn, with the limits on a request's head that it lacks.

Parser and loop are C (httptools, uvloop), and the application runs where the bytes arrive: no other thread is woken for a request.

An application may have two attributes more than ASGI knows. `stopping` is called when the process is told to stop, so that it can end streams
that would go on for ever. `whole`, a pair of path prefixes and a function, takes POST requests that arrived in one piece: most of what an
intake gets, and more than half of the time that such a request took went into the frame of an ASGI request (`docs/explanation/performance.md`).
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

LARGEST_HEAD = 64 * 1024  # bytes of the request line and all headers
HEAD_SECONDS = 10.0  # from the connection, or the first byte of a request, to the end of its headers
IDLE_SECONDS = 75  # a connection is kept for the next request
STOP_SECONDS = 8  # what is in flight when the process is told to stop may take so long
BACKLOG = 2048
Headers = list[tuple[bytes, bytes]]
TakeWhole = Callable[[bytes, bytes, Headers, bytes], Awaitable[tuple[int, Headers, bytes]]]  # (path, query, headers, body): the answer
FAILED: tuple[int, Headers, bytes] = (500, [(b"content-length", b"0")], b"")
log = logging.getLogger(__name__)


class _Whole:
    """A request that is taken as a whole, with as much of uvicorn's cycle of request and response as its protocol looks at."""

    more_body = disconnected = response_complete = False

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive, self.message_event = keep_alive, _NOBODY_WAITS


class _NobodyWaits:
    def set(self) -> None:
        """Nobody waits for more of a request that is there."""


_NOBODY_WAITS = _NobodyWaits()


class Limited(HttpToolsProtocol):
    """One connection. The head of a request is limited in size and time; limits on bodies are the application's."""

    heading = False  # a head has begun and is not whole
    head = 0  # bytes of it so far
    slow: asyncio.TimerHandle | None = None  # ends the connection while a head is waited for
    held: list[bytes] | None = None  # the body of a request that may come in one piece

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Whoever connects has to send a head in time."""
        super().connection_made(transport)
        self.slow = self.loop.call_later(HEAD_SECONDS, self.end, b"408 Request Timeout")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes arrived; as long as no head is whole they are counted."""
        super().data_received(data)
        if self.transport.is_closing():
            self.held = None
            return
        if self.held is not None:  # the rest of its body comes later
            self._as_usual()
        if not self.heading:
            return
        if self.slow is None:
            self.slow = self.loop.call_later(HEAD_SECONDS, self.end, b"408 Request Timeout")
        self.head += len(data)
        if self.head > LARGEST_HEAD:
            self.end(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.heading = True

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_time()
        if self._may_be_whole():
            self.held = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self.held is not None:
            self.held.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self.held is None:
            super().on_message_complete()
            return
        body, self.held = b"".join(self.held), None
        cycle = _Whole(self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive())
        self.cycle = cycle  # type: ignore[assignment]
        target = httptools.parse_url(self.url)
        task = self.loop.create_task(self._take_whole(cycle, target.path, target.query or b"", self.headers, body))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _may_be_whole(self) -> bool:
        takes = getattr(self.app, "whole", None)
        return (
            takes is not None and self.url.startswith(takes[0]) and self.parser.get_method() == b"POST" and not self.expect_100_continue
            and not self.parser.should_upgrade() and (self.cycle is None or self.cycle.response_complete)
        )  # fmt: skip

    def _as_usual(self) -> None:
        """It did not come in one piece: an ordinary request, with what there is of its body."""
        pieces, self.held = self.held, None
        super().on_headers_complete()
        for piece in pieces or ():
            super().on_body(piece)

    async def _take_whole(self, cycle: _Whole, path: bytes, query: bytes, headers: Headers, body: bytes) -> None:
        take: TakeWhole = self.app.whole[1]  # type: ignore[attr-defined]
        try:
            status, more, said = await take(path, query, headers, body)
        except Exception:
            log.exception("a request failed")
            status, more, said = FAILED
        if cycle.disconnected or self.transport.is_closing():
            return
        lines = [STATUS_LINE[status], *(b"%s: %s\r\n" % pair for pair in (*self.server_state.default_headers, *more))]
        lines.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        self.transport.write(b"".join(lines) + said)
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def shutdown(self) -> None:
        """The process is told to stop: an application with a `stopping` function hears of it, for streams that would go on for ever."""
        if (stopping := getattr(self.app, "stopping", None)) is not None:
            stopping()
        super().shutdown()

    def end(self, status: bytes) -> None:
        """Say why, and close the connection."""
        self._in_time()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
            self.transport.close()

    def _in_time(self) -> None:
        self.heading = False
        if self.slow is not None:
            self.slow.cancel()
            self.slow, self.head = None, 0


class _Several(Multiprocess):
    """Processes that serve side by side; one that dies is started again, unless one said that starting is of no use."""

    refused = False

    def handle_usr1(self) -> None:
        """A child says that this program must not be started as it is."""
        self.refused = True
        self.should_exit.set()


def configured(application: Any, processes: int = 1) -> uvicorn.Config:
    """uvicorn's settings for an application, given as itself or as `module:name`."""
    return uvicorn.Config(
        application, workers=processes, http=Limited, ws="none", loop="uvloop", interface="asgi3", lifespan="on", log_config=None,
        log_level="error", access_log=False, proxy_headers=False, server_header=False, backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS, timeout_graceful_shutdown=STOP_SECONDS,
    )  # fmt: skip


def serve(application: str, host: str, port: int, processes: int = 1) -> bool:
    """Serve `module:name` until told to stop. Whether it should have been: False where a child refused to (SIGUSR1).

    The address is taken before the application is loaded, so that whoever comes in between waits a moment instead of being refused.
    """
    config = configured(application, processes)
    config.host, config.port = host, port
    listening = config.bind_socket()  # where that fails it says why and ends the process
    listening.listen(BACKLOG)
    if processes == 1:
        uvicorn.Server(config).run([listening])
        return True
    several = _Several(config, [listening])
    several.run()
    return not several.refused


if __name__ == "__main__":  # python -m tocsin.lib.serve MODULE:NAME PORT, for tests and measurements of one part alone
    serve(sys.argv[1], "127.0.0.1", int(sys.argv[2]))
