"""Who answers a request? Intake, live streams and the published status page are plain ASGI; the rest is Django, in threads.

The server limits neither the size nor the time of a body (D8): here Django's requests are read whole, within limits, before they take a
thread. Django's own ASGI handler is several times slower for synchronous views than threads behind a2wsgi.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, MutableMapping
from threading import Event, Thread
from typing import Any

from tocsin.cli.session import set_up
from tocsin.cli.web import die_with_parent, refuse_to_start

die_with_parent()
set_up("web")

from a2wsgi import WSGIMiddleware  # noqa: E402 - what follows needs Django's settings
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

try:  # now, not at the first request: a route without a permission must never be served
    import tocsin.urls  # noqa: F401
except ImproperlyConfigured as error:
    refuse_to_start(str(error))

from tocsin.intake import canary  # noqa: E402
from tocsin.intake.addresses import WHOLE, is_ours  # noqa: E402
from tocsin.intake.app import app as intake  # noqa: E402
from tocsin.intake.app import take_whole  # noqa: E402
from tocsin.live.app import app as live  # noqa: E402
from tocsin.live.app import hub  # noqa: E402
from tocsin.response.self_watch import Watch  # noqa: E402
from tocsin.web import health  # noqa: E402
from tocsin.web.public import app as public  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

THREADS = 8  # as many connections to the database
WAITING = 200  # requests that may wait for a thread; the next one is told to come again
LARGEST_BODY = 4 * 1024 * 1024
LONGEST_BODY = 15.0  # seconds

django = WSGIMiddleware(get_wsgi_application(), workers=THREADS)  # type: ignore[arg-type]
gc.freeze()  # what is loaded by now stays: the collector need not look through it again and again
_waiting = 0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The whole house as one ASGI application."""
    if scope["type"] == "lifespan":
        return await _lifespan(scope, receive, send)
    if scope["type"] != "http":
        return None
    path: str = scope["path"]
    if is_ours(scope["method"], path) and not _heartbeats(path):
        return await intake(scope, receive, send)
    if path == "/live":
        return await live(scope, receive, send)
    if path == "/status" or path.startswith("/status/"):
        return await public(scope, receive, send)
    if path == "/healthz":
        return await _answer(send, 200, b'{"status":"alive"}\n')
    if path == "/readyz":
        status, body = await asyncio.to_thread(health.ready)
        return await _answer(send, status, body)
    if path == "/metrics":
        return await _answer(send, 200, await asyncio.to_thread(health.metrics), health.METRICS_TYPE)
    return await _django(scope, receive, send)


# See lib/serve.
app.stopping = hub.end_streams  # type: ignore[attr-defined]
app.whole = (WHOLE, take_whole)  # type: ignore[attr-defined]


def _heartbeats(path: str) -> bool:
    """Opsgenie's heartbeats are set up by Django, and pinged at the intake."""
    return path.startswith("/v2/heartbeats") and not path.rstrip("/").endswith("/ping")


async def _django(scope: Scope, receive: Receive, send: Send) -> None:
    global _waiting
    if _waiting >= WAITING:
        return await _problem(send, 503, "Too many requests wait already; try again in a second.", ((b"retry-after", b"1"),))
    _waiting += 1
    try:
        try:
            async with asyncio.timeout(LONGEST_BODY):
                body = await _body(scope, receive)
        except TimeoutError:
            return await _problem(send, 408, f"The body did not arrive within {LONGEST_BODY:.0f} seconds.")
        if body is None:
            return await _problem(send, 413, f"The body is larger than {LARGEST_BODY // 1024 // 1024} MB.")
        await django(scope, _replay(body, receive), send)  # type: ignore[arg-type]
    finally:
        _waiting -= 1


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body; None when it is too large."""
    announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not announced.isdigit() or int(announced) > LARGEST_BODY:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Scope:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _answer(
    send: Send, status: int, body: bytes, kind: bytes = b"application/json", more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _problem(send: Send, status: int, detail: str, more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    body = f'{{"type":"about:blank","title":"Request refused","status":{status},"detail":"{detail}"}}\n'.encode()
    await _answer(send, status, body, b"application/problem+json", more)


async def _lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin and end the parts that have a life of their own (pools, listeners)."""
    parts = [_Part(part, scope) for part in (intake, live)]
    await receive()
    for part in parts:
        await part.tell("startup")
    stopping = Event()
    Thread(target=Watch("web").run, args=(stopping,), name="watch", daemon=True).start()
    flying = asyncio.ensure_future(canary.fly(intake))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    stopping.set()
    flying.cancel()
    for part in reversed(parts):
        with contextlib.suppress(Exception):
            await asyncio.wait_for(part.tell("shutdown"), 5)
    await send({"type": "lifespan.shutdown.complete"})


class _Part:
    """One part's lifespan; a part that knows none raises or returns at once and is left in peace, as ASGI says."""

    def __init__(self, part: Callable[..., Awaitable[None]], scope: Scope) -> None:
        self.inbox: asyncio.Queue[Scope] = asyncio.Queue()
        self.outbox: asyncio.Queue[Scope] = asyncio.Queue()
        self.task = asyncio.ensure_future(part(dict(scope), self.inbox.get, self.outbox.put))

    async def tell(self, what: str) -> None:
        if self.task.done():
            return
        await self.inbox.put({"type": f"lifespan.{what}"})
        answer = asyncio.ensure_future(self.outbox.get())
        await asyncio.wait({answer, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            return
        if (said := answer.result())["type"].endswith(".failed"):
            raise RuntimeError(said.get("message", "a part could not start"))
