"""What does the intake of one process hold (pool, writer, keys), and how does it begin and end?"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from pathlib import Path

import asyncpg
import msgspec

from tocsin import postgres
from tocsin.intake import keys as key_rules
from tocsin.intake.headers import kept
from tocsin.intake.request import Answer, Checked, Request
from tocsin.intake.writer import Row, Writer
from tocsin.integrations import signing
from tocsin.lib.sealing import InvalidToken, box

log = logging.getLogger(__name__)
CONNECTIONS = 2  # for keys not in memory, and for pings; the writers, the one that tells the worker and the listener have their own
SETTINGS = {"application_name": "tocsin-intake", "statement_timeout": "5000", "lock_timeout": "5000", "synchronous_commit": "on"}
# Since when pings can come in without a long gap, in real time: what is missing after an outage of ours alarms nobody.
HEARD = """
INSERT INTO heartbeats_hearing (id, at, since) VALUES (1, clock_timestamp(), 'epoch') ON CONFLICT (id) DO UPDATE SET
  since = CASE WHEN heartbeats_hearing.at < clock_timestamp() - interval '2 minutes' THEN clock_timestamp() ELSE heartbeats_hearing.since END,
  at = clock_timestamp()
"""


class State:
    """Pool, writer and keys; made by `start`."""

    def __init__(self) -> None:
        self.pool: asyncpg.Pool | None = None
        self.writer: Writer | None = None
        self.keys = key_rules.Keys()
        self.listener: asyncio.Task[None] | None = None
        self.at_once = 0
        self.held = 0
        # The same by integration; whose key is not known yet, or stands in the body, shares with all of those (None).
        self.at_once_of: Counter[int | None] = Counter()
        self.held_of: Counter[int | None] = Counter()
        self.starting: asyncio.Lock | None = None


state = State()


class UnprovedError(Exception):
    """The integration takes only what its product signed, and this is not; the sentence says what is missing."""


async def integration_of(key: str) -> int | None:
    """The id of the integration that has this key. Raises what asyncpg raises when the database is away and no key was read yet."""
    assert state.pool is not None
    return await state.keys.find(key, state.pool) if key else None


async def store(request: Request, integration: int, protocol: str, checked: Checked, beside: dict[str, str] | None = None) -> Answer:
    """Keep the request as a raw event; the answer is given back after the commit. Raises UnprovedError, ThrottledError, and what Writer.store raises.

    `beside`: what the path says, kept among the headers under names that begin with a colon.
    """
    assert state.writer is not None
    if integration in state.keys.secrets:
        _prove(request, *state.keys.secrets[integration])
    if (bucket := state.keys.buckets.get(integration)) is not None:
        bucket.take(checked.events, time.monotonic())
    kind = request.header(b"content-type")[:200].replace("\0", "")
    headers = kept(request.headers, request.query)
    if beside:
        clean = {name: value.replace("\0", "").encode("utf-8", "replace").decode() for name, value in beside.items()}
        headers = msgspec.json.encode({**msgspec.json.decode(headers), **clean}).decode()
    await state.writer.store(Row(integration, protocol, kind, request.body, checked.dedup_key, headers))
    return checked.accepted


def _prove(request: Request, kind: str, sealed: str) -> None:
    try:
        secret = box(signing.PURPOSE).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise UnprovedError("The signing secret cannot be read any more: set it again on the page of the integration.") from None
    if wrong := signing.complaint(kind, secret, request.header, request.body, time.time()):
        raise UnprovedError(wrong)


def _address() -> str:
    data_dir = Path(os.environ.get("TOCSIN_DATA_DIR") or postgres.default_data_dir())
    return os.environ.get("TOCSIN_DATABASE_URL") or postgres.app_url(data_dir)


async def _connect() -> asyncpg.Connection:
    return await asyncpg.connect(_address(), timeout=2, server_settings=SETTINGS)


async def start(hearing: bool = True) -> None:
    """Make pool, writer and listener; the database need not answer yet. `hearing`: pings come in at this process, so it says that it hears them."""
    state.starting = state.starting or asyncio.Lock()
    async with state.starting:
        if state.writer is not None:
            return
        state.pool = await asyncpg.create_pool(
            _address(), min_size=0, max_size=CONNECTIONS, timeout=3, command_timeout=5, server_settings=SETTINGS
        )
        state.listener = asyncio.create_task(_listen(state.keys, hearing))
        state.writer = Writer(_connect)


async def stop() -> None:
    """Answer what waits and close the connections."""
    if state.listener:
        state.listener.cancel()
    if state.writer:
        await state.writer.stop()
    if state.pool:
        try:
            await asyncio.wait_for(state.pool.close(), 3)
        except TimeoutError:
            state.pool.terminate()
    state.__init__()  # type: ignore[misc]


async def _listen(keys: key_rules.Keys, hearing: bool) -> None:
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
                    if hearing:
                        await connection.execute(HEARD)
                    try:
                        await asyncio.wait_for(changed.wait(), key_rules.REFRESH_SECONDS)
                    except TimeoutError:
                        continue
            finally:
                connection.terminate()
        except Exception as error:  # whatever it was: without this task a key that was taken away would count for ever
            log.warning("the intake's keys could not be read: %s: %s", type(error).__name__, error)
            await asyncio.sleep(1)
