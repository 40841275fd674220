"""How do open pages learn that something changed? Server-sent events: GET /live?topics=incident:12,board.

Plain ASGI, for signed-in people, same permissions as the pages. `changed` names a topic and carries the id of the timeline entry;
after a gap the browser says the last id it saw and hears what it missed. `beat` carries the server's time every five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from tocsin.live import audience
from tocsin.live.hub import Hub, Listener, event

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

AGAIN_EVERY = 10.0  # seconds after which a stream's session and permissions are looked at again
hub = Hub()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """One stream."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await hub.close()
        return await send({"type": "lifespan.shutdown.complete"})
    if scope["method"] != "GET":
        return await _refuse(send, 405, b"Only GET.")
    headers = {name.lower(): value for name, value in scope["headers"]}
    query = parse_qs(scope["query_string"][:2000].decode("latin-1"))
    wanted = [topic for topic in ",".join(query.get("topics", [])).split(",") if topic]
    after = _number(headers.get(b"last-event-id", b"").decode("latin-1") or query.get("after", [""])[0])
    cookies = headers.get(b"cookie", b"")[:8000].decode("latin-1")
    since = _time(query.get("since", [""])[0])
    reader = await _ask(cookies, wanted)
    if reader is None:
        return await _refuse(send, 401, b"Sign in first.")
    if hub.full(reader.user_id):
        return await _refuse(send, 503, b"Too many open pages; this one does not update by itself.", (b"retry-after", b"30"))
    await _stream(reader, lambda: _ask(cookies, wanted), (after, since), receive, send)


async def _stream(
    reader: audience.Reader,
    ask: Callable[[], Awaitable[audience.Reader | None]],
    seen: tuple[int | None, datetime | None],
    receive: Receive,
    send: Send,
) -> None:
    listener = Listener(reader.user_id, reader.topics)
    hub.join(listener)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        missed = await asyncio.get_running_loop().run_in_executor(audience.threads, audience.missed, reader.topics, *seen)
        first = b"retry: 3000\n\n" + b"".join(event("changed", topic, number) for topic, number in missed)
        await send({"type": "http.response.body", "body": first, "more_body": True})
        checked = asyncio.get_running_loop().time()
        while not gone.done() and not listener.slow:
            message = await _next(listener, gone)
            if message:
                await send({"type": "http.response.body", "body": message, "more_body": True})
            if asyncio.get_running_loop().time() - checked > AGAIN_EVERY:
                checked = asyncio.get_running_loop().time()
                again = await ask()
                if again is None or again.topics != reader.topics:  # signed out, or what they may see changed: come again
                    break
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        hub.leave(listener)
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone


HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
]


async def _next(listener: Listener, gone: asyncio.Future[None]) -> bytes:
    """The next messages, as many as are there; empty when the reader is gone."""
    waiting = asyncio.ensure_future(listener.queue.get())
    either: set[asyncio.Future[Any]] = {waiting, gone}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        return b""
    messages = [waiting.result()]
    while not listener.queue.empty():
        messages.append(listener.queue.get_nowait())
    return b"".join(messages)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _ask(cookies: str, wanted: list[str]) -> audience.Reader | None:
    return await asyncio.get_running_loop().run_in_executor(audience.threads, audience.admit, cookies, wanted)


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # a plus sign in an address reads as a space
    except ValueError:
        return None
    return at if at.tzinfo else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


async def _refuse(send: Send, status: int, sentence: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(sentence)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence})
