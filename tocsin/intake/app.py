"""Which request is taken in, and how is it answered? The intake's plain ASGI application; a 2xx is sent only after the commit."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from tocsin import postgres
from tocsin.intake import keys as key_rules
from tocsin.intake import protocols
from tocsin.intake.headers import kept
from tocsin.intake.protocols import Answer, InvalidError
from tocsin.intake.writer import OverloadedError, RejectedError, Row, Writer

log = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

BODY_SECONDS = 10.0
DRAINED = 16_000_000  # bytes of a body that is too large; above that the connection ends with the answer
MOST_AT_ONCE = 2_000  # requests being read or stored
MOST_HELD = 96_000_000  # bytes of bodies being read or stored: strangers without a key can send bodies too
CONNECTIONS = 4  # to the database, one of them for keys not in memory


class State:
    """What the intake of one process holds: pool, writer, keys."""

    def __init__(self) -> None:
        self.pool: asyncpg.Pool | None = None
        self.writer: Writer | None = None
        self.keys = key_rules.Keys()
        self.listener: asyncio.Task[None] | None = None
        self.at_once = 0
        self.held = 0
        self.starting: asyncio.Lock | None = None


_state = State()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The intake's addresses."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["type"] != "http":
        return None
    path, method = scope["path"], scope["method"]
    if method in ("GET", "HEAD"):
        return await _answer(send, _read(path))
    if method != "POST":
        return await _answer(send, protocols.refuse_in("Only POST is taken here.", 405))
    if path.startswith("/in/") or path == "/in":
        refuse, answer = protocols.refuse_in, _take_in
    elif path == "/api/v2/alerts":
        refuse, answer = protocols.refuse_alertmanager, _take_alertmanager
    elif path == "/v2/enqueue":
        refuse, answer = protocols.refuse_pagerduty, _take_pagerduty
    elif path == "/v2/change/enqueue":
        refuse, answer = protocols.refuse_pagerduty, _take_change
    else:
        return await _answer(send, protocols.refuse_in("There is nothing at this address.", 404))
    if _state.at_once >= MOST_AT_ONCE:
        return await _answer(send, _overloaded(refuse))
    _state.at_once += 1
    try:
        result = await _judged(scope, receive, refuse, answer)
    finally:
        _state.at_once -= 1
        _state.held -= scope.get("tocsin.held", 0)
    if result is not None:
        await _answer(send, result)


async def _judged(scope: Scope, receive: Receive, refuse: Any, answer: Any) -> Answer | None:
    """The answer to a request; None when its sender went away."""
    try:
        if _state.writer is None:
            await start()
        largest = protocols.LARGEST_PAGERDUTY if refuse is protocols.refuse_pagerduty else protocols.LARGEST
        body = await _body(scope, receive, largest)
        if body is None:
            return None
        return await answer(scope, body)
    except InvalidError as invalid:
        return invalid.answer
    except _TooLargeError:
        return refuse(f"The body is larger than {largest:,} bytes.", 413)
    except OverloadedError:
        return _overloaded(refuse)
    except RejectedError as rejected:
        return refuse(f"The event holds a value that cannot be stored: {str(rejected)[:200]}.", 400)
    except _SlowError:
        return refuse(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.", 408)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("an event was not accepted: %s: %s", type(error).__name__, error)
        return refuse("The database does not answer; nothing was accepted.", 503, protocols.RETRY_AFTER)
    except Exception:  # asyncpg has errors of its own kind when a connection is cut at the wrong moment: senders come again after a 503
        log.exception("an event was not accepted")
        return refuse("It could not be stored; send it again.", 503, protocols.RETRY_AFTER)


def _overloaded(refuse: Any) -> Answer:
    # Alertmanager's webhook sends again after 5xx alone, PagerDuty's clients after 429 as well.
    return refuse("Too much is waiting; send it again.", 429 if refuse is protocols.refuse_pagerduty else 503, protocols.RETRY_AFTER)


# -- one function for each protocol -------------------------------------------------------------------------------------


async def _take_in(scope: Scope, body: bytes) -> Answer:
    key = key_rules.of_path(scope["path"]) or key_rules.of_request(scope["headers"], scope["query_string"])
    integration = await _integration(key)
    if integration is None:
        return protocols.refuse_in("No integration has this key.", 404)
    checked = protocols.check_in(body)
    return await _store(scope, integration, "in", body, checked)


async def _take_alertmanager(scope: Scope, body: bytes) -> Answer:
    integration = await _integration(key_rules.of_request(scope["headers"], scope["query_string"]))
    if integration is None:
        return protocols.refuse_in("No integration has this key; send it as bearer token or as basic-auth password.", 401)
    checked = protocols.check_alertmanager(body)
    return await _store(scope, integration, "alertmanager_api", body, checked)


async def _take_pagerduty(scope: Scope, body: bytes) -> Answer:
    checked = protocols.check_pagerduty(body, key_rules.of_request(scope["headers"], scope["query_string"]))
    return await _take_keyed(scope, body, checked, "pagerduty")


async def _take_change(scope: Scope, body: bytes) -> Answer:
    checked = protocols.check_pagerduty_change(body, key_rules.of_request(scope["headers"], scope["query_string"]))
    return await _take_keyed(scope, body, checked, "pagerduty_change")


async def _take_keyed(scope: Scope, body: bytes, checked: protocols.Checked, protocol: str) -> Answer:
    integration = await _integration(checked.key)
    if integration is None:
        return protocols.refuse_pagerduty("'routing_key' is not the key of an integration", 403)
    return await _store(scope, integration, protocol, body, checked)


async def _integration(key: str) -> int | None:
    assert _state.pool is not None
    return await _state.keys.find(key, _state.pool) if key else None


async def _store(scope: Scope, integration: int, protocol: str, body: bytes, checked: protocols.Checked) -> Answer:
    assert _state.writer is not None
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    content_type, headers = kind.decode("latin-1")[:200].replace("\0", ""), kept(scope["headers"], scope["query_string"])
    await _state.writer.store(Row(integration, protocol, content_type, body, checked.dedup_key, headers))
    return checked.accepted


# -- reading and answering ----------------------------------------------------------------------------------------------


class _TooLargeError(Exception):
    pass


class _SlowError(Exception):
    pass


async def _body(scope: Scope, receive: Receive, largest: int) -> bytes | None:
    """The whole body; None when the sender went away. Raises _TooLargeError, _SlowError."""
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value) > DRAINED):
            raise _TooLargeError
    parts: list[bytes] = []
    size = 0
    try:
        if _state.held > MOST_HELD:
            raise OverloadedError
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                size += len(part)
                if size > largest:
                    parts.clear()  # what is too large is read to its end all the same: else most clients never see the answer
                    if size > DRAINED or not message.get("more_body"):
                        raise _TooLargeError
                    continue
                parts.append(part)
                _state.held += len(part)
                scope["tocsin.held"] = size
                if not message.get("more_body"):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise _SlowError from None


async def _answer(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", protocols.JSON), (b"content-length", str(len(answer.body)).encode())]
    if answer.retry_after:
        headers.append((b"retry-after", str(answer.retry_after).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _read(path: str) -> Answer:
    if path in ("/-/healthy", "/-/ready"):
        ready = path == "/-/healthy" or _state.keys.loaded
        return Answer(200 if ready else 503, b'"OK"' if ready else b'"Not ready: the database has not answered yet"')
    if path == "/api/v2/status":
        status = {
            "cluster": {"status": "disabled", "peers": []}, "config": {"original": ""}, "uptime": "1970-01-01T00:00:00.000Z",
            "versionInfo": dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision", "version"), "tocsin"),
        }  # fmt: skip
        return Answer(200, msgspec.json.encode(status))
    return protocols.refuse_in(
        "Only POST is taken here." if path.startswith(("/in/", "/v2/", "/api/v2/alerts")) else "There is nothing here.", 405
    )


# -- life ---------------------------------------------------------------------------------------------------------------


def _address() -> str:
    data_dir = Path(os.environ.get("TOCSIN_DATA_DIR") or postgres.default_data_dir())
    return os.environ.get("TOCSIN_DATABASE_URL") or postgres.app_url(data_dir)


async def start() -> None:
    """Make pool, writer and listener; the database need not answer yet."""
    _state.starting = _state.starting or asyncio.Lock()
    async with _state.starting:
        if _state.writer is not None:
            return
        settings = {"application_name": "tocsin-intake", "statement_timeout": "5000", "lock_timeout": "5000", "synchronous_commit": "on"}
        _state.pool = await asyncpg.create_pool(
            _address(), min_size=0, max_size=CONNECTIONS, timeout=3, command_timeout=5, server_settings=settings
        )
        _state.listener = asyncio.create_task(_listen(_state.keys))
        _state.writer = Writer(_state.pool)


async def stop() -> None:
    """Answer what waits and close the connections."""
    if _state.listener:
        _state.listener.cancel()
    if _state.writer:
        await _state.writer.stop()
    if _state.pool:
        try:
            await asyncio.wait_for(_state.pool.close(), 3)
        except TimeoutError:
            _state.pool.terminate()
    _state.__init__()  # type: ignore[misc]


async def _listen(keys: key_rules.Keys) -> None:
    """Keep the keys fresh: at each notification, and every half minute; for ever."""
    while True:
        try:
            connection = await asyncpg.connect(_address(), timeout=3, server_settings={"application_name": "tocsin-intake-keys"})
            try:
                changed = asyncio.Event()
                await connection.add_listener(key_rules.CHANNEL, lambda *_, told=changed: told.set())
                while True:
                    changed.clear()
                    await keys.load(connection)
                    try:
                        await asyncio.wait_for(changed.wait(), key_rules.REFRESH_SECONDS)
                    except TimeoutError:
                        continue
            finally:
                connection.terminate()
        except Exception as error:  # whatever it was: without this task a key that was taken away would count for ever
            log.warning("the intake's keys could not be read: %s: %s", type(error).__name__, error)
            await asyncio.sleep(1)


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
