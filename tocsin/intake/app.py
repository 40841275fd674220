"""Which request is taken in, and how is it answered? The intake's plain ASGI application; a 2xx is sent only after the commit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import asyncpg

from tocsin.intake import addresses, any_source, compression
from tocsin.intake.rate import ThrottledError
from tocsin.intake.request import RETRY_AFTER, Answer, InvalidError, Protocol, Request, Take
from tocsin.intake.state import UnprovedError, start, state, stop
from tocsin.intake.turns import OverloadedError
from tocsin.intake.writer import RejectedError

log = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Whole = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body

BODY_SECONDS = 10.0
MOST_QUERY_FIELDS = 50
DRAINED = 16_000_000  # bytes of a body that is too large; above that the connection ends with the answer
MOST_AT_ONCE = 2_000  # requests being read or stored
MOST_HELD = 96_000_000  # bytes of bodies being read or stored: strangers without a key can send bodies too
MOST_AT_ONCE_OF_ONE, MOST_HELD_OF_ONE = 1_000, 48_000_000  # of one integration: the others always find room
JSON = (b"content-type", b"application/json")
TOO_MANY_FIELDS = "Max number of fields exceeded"  # in the words of urllib.parse, wherever a query or form is taken apart


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The intake's addresses."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["type"] != "http":
        return None
    body = _Streamed(scope["headers"], receive)
    answer = await _answered(scope["method"], _path(scope), scope["headers"], scope["query_string"], body)
    if answer is not None:
        await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer)})
        await send({"type": "http.response.body", "body": answer.body})
    return None


async def take_whole(path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> Whole:
    """The answer to a POST that arrived in one piece: status, headers, body. What `app` would answer, without the frame around it."""
    answer = await _answered("POST", path.decode("latin-1"), headers, query, _Arrived(body))
    assert answer is not None, "only a body that is waited for can stay away"
    return answer.status, _headers(answer), answer.body


async def _answered(method: str, path: str, headers: list[tuple[bytes, bytes]], query: bytes, body: _Body) -> Answer | None:
    found = addresses.find(path)
    if found is None:
        return any_source.refuse("There is nothing at this address.", 404)
    (_, protocol, takes), parts = found
    take = takes.get("GET" if method == "HEAD" else method)
    if take is None:
        return _not_allowed(protocol, takes)
    if query.count(b"&") >= MOST_QUERY_FIELDS:
        return protocol.refuse(f"The query has more than {MOST_QUERY_FIELDS} fields.", 400)
    request = Request(method, path, parts, headers, query)
    sender = state.keys.known.get(request.key())
    if state.at_once >= MOST_AT_ONCE or state.at_once_of[sender] >= MOST_AT_ONCE_OF_ONE:
        return _overloaded(protocol)
    state.at_once += 1
    state.at_once_of[sender] += 1
    try:
        return await _judged(body, request, protocol, take, sender)
    finally:
        state.at_once, state.held = state.at_once - 1, state.held - body.held
        state.at_once_of[sender] -= 1
        state.held_of[sender] -= body.held


def _path(scope: Scope) -> str:
    raw = scope.get("raw_path")  # an encoded slash is a letter of a name there, not a separator
    return raw.decode("latin-1") if raw else scope["path"]


async def _judged(body: _Body, request: Request, protocol: Protocol, take: Take, sender: int | None) -> Answer | None:
    """The answer to a request; None when its sender went away."""
    refuse = protocol.refuse
    try:
        if state.writer is None:
            await start()
        if request.method not in ("GET", "HEAD"):
            throttled = _throttled(sender) if protocol.metered else None
            read = await body.read(protocol.largest, sender, kept=throttled is None)
            if throttled is not None:
                return refuse(str(throttled), protocol.overloaded, throttled.seconds)
            if read is None:
                return None
            request.body = compression.unpacked(read, compression.encoding_of(request.headers), protocol.largest)
        return await take(request)
    except InvalidError as invalid:
        return invalid.answer
    except compression.UnknownEncodingError:
        return refuse("The body is packed in a form that is not taken; send it as it is, or as gzip or deflate.", 415)
    except compression.BrokenPackingError as broken:
        return refuse(f"The body is not whole {broken} data, as its content-encoding says.")
    except (_TooLargeError, compression.UnpackedTooLargeError):
        return refuse(f"The body is larger than {protocol.largest:,} bytes.", 413)
    except OverloadedError:
        return _overloaded(protocol)
    except ThrottledError as throttled:
        return refuse(str(throttled), protocol.overloaded, throttled.seconds)
    except UnprovedError as unproved:
        return refuse(str(unproved), 401)
    except RejectedError as rejected:
        return refuse(f"The event holds a value that cannot be stored: {str(rejected)[:200]}.", 400)
    except _SlowError:
        return refuse(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.", 408)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("an event was not accepted: %s: %s", type(error).__name__, error)
        return refuse("The database does not answer; nothing was accepted.", 503, RETRY_AFTER)
    except (
        Exception
    ) as error:  # asyncpg has errors of its own kind when a connection is cut at the wrong moment: senders come again after a 503
        if str(error) == TOO_MANY_FIELDS:
            return refuse("The query or the form has more fields than are taken.", 400)
        log.exception("an event was not accepted")
        return refuse("It could not be stored; send it again.", 503, RETRY_AFTER)


def _throttled(sender: int | None) -> ThrottledError | None:
    """Known before the body is read, so that a flood costs neither memory nor the reading of its bodies."""
    bucket = None if sender is None else state.keys.buckets.get(sender)
    if bucket is not None:
        try:
            bucket.look(time.monotonic())
        except ThrottledError as throttled:
            return throttled
    return None


def _overloaded(protocol: Protocol) -> Answer:
    return protocol.refuse("Too much is waiting; send it again.", protocol.overloaded, RETRY_AFTER)


def _not_allowed(protocol: Protocol, takes: dict[str, Take]) -> Answer:
    allowed = ", ".join(sorted(takes))
    refused = protocol.refuse(f"Only {allowed} is taken here.", 405)
    return refused._replace(headers=(*refused.headers, (b"allow", allowed.encode())))


# -- reading and answering ----------------------------------------------------------------------------------------------


class _TooLargeError(Exception):
    pass


class _SlowError(Exception):
    pass


class _Body:
    """A body that is read within limits; `held`: the bytes of it that count as held."""

    held = 0

    async def read(self, largest: int, sender: int | None, *, kept: bool = True) -> bytes | None:
        """The whole of it; None when the sender went away. One that is not kept is read to its end all the same. Raises _TooLargeError, _SlowError."""
        raise NotImplementedError

    def hold(self, size: int, sender: int | None) -> None:
        """So many bytes more are held."""
        self.held += size
        state.held += size
        state.held_of[sender] += size


def _refuse_what_cannot_be_held(sender: int | None) -> None:
    if state.held > MOST_HELD or state.held_of[sender] > MOST_HELD_OF_ONE:
        raise OverloadedError


class _Arrived(_Body):
    """It is there already."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def read(self, largest: int, sender: int | None, *, kept: bool = True) -> bytes | None:
        """See _Body."""
        if kept:
            _refuse_what_cannot_be_held(sender)
            if len(self.body) > largest:
                raise _TooLargeError
            self.hold(len(self.body), sender)
        return self.body


class _Streamed(_Body):
    """It arrives in pieces."""

    def __init__(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> None:
        self.headers, self.receive = headers, receive

    async def read(self, largest: int, sender: int | None, *, kept: bool = True) -> bytes | None:
        """See _Body."""
        for name, value in self.headers:
            if name == b"content-length" and (not value.isdigit() or int(value) > DRAINED):
                raise _TooLargeError
        if kept:
            _refuse_what_cannot_be_held(sender)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._pieces(largest, sender, kept)
        except TimeoutError:
            raise _SlowError from None

    async def _pieces(self, largest: int, sender: int | None, kept: bool) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            if size > largest:
                parts.clear()  # what is too large is read to its end all the same: else most clients never see the answer
                if size > DRAINED or not message.get("more_body"):
                    raise _TooLargeError
                continue
            if kept:
                parts.append(part)
                self.hold(len(part), sender)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-length", str(len(answer.body)).encode()), *answer.headers]
    if not any(name == b"content-type" for name, _ in answer.headers):
        headers.append(JSON)
    if answer.retry_after:
        headers.append((b"retry-after", str(answer.retry_after).encode()))
    return headers


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    try:
        await start()
    except Exception as error:  # it starts with the first request then
        log.warning("the intake could not start yet: %s", error)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await stop()
    await send({"type": "lifespan.shutdown.complete"})
