"""How is a heartbeat pinged? By the addresses of Tocsin, Opsgenie, healthchecks.io and Better Stack; answered after the commit, one statement each."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec

from tocsin.intake.request import LARGEST, Answer, Protocol, Request, json_answer
from tocsin.intake.state import integration_of, state
from tocsin.intake.writer import OverloadedError

log = logging.getLogger(__name__)
LONGEST_PING = 100_000  # bytes of a body that are kept
LONGEST_NAME = 100
MOST_PINGS_WAITING = 500  # in this process; above that they are answered that it is overloaded
SHORTEST_WANTED, LONGEST_WANTED = 10, 366 * 86_400  # seconds of ?period=
TEXT = ((b"content-type", b"text/plain; charset=utf-8"),)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,9})([smhd]?)")

_OF = (
    "SELECT h.id, h.integration_id FROM heartbeats_heartbeat h JOIN alerts_integration i ON i.id = h.integration_id"
    " WHERE h.removed_at IS NULL AND i.enabled AND i.removed_at IS NULL AND "
)
BY_TOKEN = _OF + "h.token = $7::uuid"
BY_NAME = _OF + "h.integration_id = $7::bigint AND lower(h.name) = lower($8::text)"
# Without a name: the one that there is, else the one called "default".
_ALONE = "1 = (SELECT count(*) FROM heartbeats_heartbeat o WHERE o.integration_id = $7::bigint AND o.removed_at IS NULL)"
ONLY = f"{_OF} h.integration_id = $7::bigint AND (lower(h.name) = 'default' OR {_ALONE})"
STORE = """
WITH found AS ({found}), stored AS (
  INSERT INTO heartbeats_ping (integration_id, heartbeat_id, name, wanted, kind, exit_code, run, method, agent, body, at, taken)
  SELECT integration_id, id, '', '{{}}'::jsonb, $1, $2, $3, $4, $5, $6, tocsin_now(), false FROM found RETURNING 1
)
SELECT count(*), pg_notify('tocsin_due', 'heartbeats') FROM stored
"""
MAKE = """
WITH stored AS (
  INSERT INTO heartbeats_ping (integration_id, heartbeat_id, name, wanted, kind, exit_code, run, method, agent, body, at, taken)
  VALUES ($7::bigint, NULL, $8, $9::jsonb, $1, $2, $3, $4, $5, $6, tocsin_now(), false)
)
SELECT pg_notify('tocsin_due', 'heartbeats')
"""
ADOPTS = "SELECT EXISTS (SELECT 1 FROM heartbeats_adoption WHERE integration_id = $1)"
KNOWS_ANY = "SELECT EXISTS (SELECT 1 FROM heartbeats_heartbeat WHERE integration_id = $1 AND removed_at IS NULL)"

_waiting = 0
_in_turn = asyncio.Semaphore(1)  # so that pings leave a connection to keys


class Signal(NamedTuple):
    """What a ping says."""

    kind: str = "ping"
    exit_code: int | None = None


def refuse(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """A refusal in a line of text."""
    return Answer(status, sentence.encode(), retry_after, TEXT)


def refuse_opsgenie(sentence: str, status: int = 400, retry_after: int = 0) -> Answer:
    """Opsgenie says no with a message."""
    return json_answer(status, retry_after, message=sentence, took=0.0, requestId=str(uuid.uuid4()))


PROTOCOL = Protocol(refuse, LARGEST, metered=False)
OPSGENIE = Protocol(refuse_opsgenie, LARGEST, 429, metered=False)
HEARD = Answer(200, b"OK", 0, TEXT)
UNKNOWN = "No heartbeat has this address."


def signal_of(word: str) -> Signal | None:
    """start, fail, log, success, or an exit code from 0 to 255; None for anything else."""
    word = word.strip().lower()
    if word in ("", "success", "complete", "ping"):
        return Signal()
    if word in ("start", "run", "fail", "log"):
        return Signal("start" if word == "run" else word)
    return Signal("ping", int(word)) if word.isascii() and word.isdigit() and int(word[:6]) <= 255 else None


# -- addresses ------------------------------------------------------------------------------------------------------------


async def take_in(request: Request) -> Answer:
    """/in/{key}/heartbeat[/{name}[/{signal}]]: of one integration; without a name its only one, which the first ping makes."""
    integration = await integration_of(request.key())
    if integration is None:
        return refuse("No integration has this key.", 404)
    return await _named(request, integration, request.parts.get("name", ""), request.parts.get("signal", ""))


async def take_ping(request: Request) -> Answer:
    """/ping/{token}[/{signal}], and /ping/{key}/{name}[/{signal}] for an integration's key, as healthchecks.io has them."""
    token = _uuid(request.parts["token"])
    word = request.parts.get("name", "")
    if token is None:
        integration = await integration_of(request.parts["token"])
        if integration is None or not word:
            return refuse(UNKNOWN, 404)
        return await _named(request, integration, word, request.parts.get("signal", ""))
    signal = signal_of(word)
    if signal is None or request.parts.get("signal"):
        return refuse("After the address may follow /start, /fail, /log or an exit code from 0 to 255.", 404)
    return HEARD if await _store(request, signal, BY_TOKEN, token) else refuse(UNKNOWN, 404)


async def take_opsgenie(request: Request) -> Answer:
    """/v2/heartbeats/{name}/ping: as at Opsgenie it says PONG to every name, known or not."""
    integration = await integration_of(request.key())
    if integration is None:
        return refuse_opsgenie("Could not authenticate", 401)
    name = _name(request.parts["name"])
    if not await _store(request, Signal(), BY_NAME, integration, name):
        if name and await _asked(ADOPTS, integration):
            await _make(request, Signal(), integration, name)
        else:
            log.warning("integration %d pinged a heartbeat that does not exist: %r", integration, name)
    return json_answer(202, result="PONG - Heartbeat received", took=0.0, requestId=str(uuid.uuid4()))


async def _named(request: Request, integration: int, name: str, word: str) -> Answer:
    signal = signal_of(word)
    if signal is None:
        return refuse("After the name may follow /start, /fail, /log or an exit code from 0 to 255.", 404)
    name = _name(name)
    if await (_store(request, signal, BY_NAME, integration, name) if name else _store(request, signal, ONLY, integration)):
        return HEARD
    if not name and await _asked(KNOWS_ANY, integration):
        return refuse("This integration has several heartbeats: name one, /in/KEY/heartbeat/NAME.", 404)
    if name and _field(request, "create") not in ("1", "true") and not await _asked(ADOPTS, integration):
        return refuse("This integration has no heartbeat of that name; ?create=1 makes it.", 404)
    await _make(request, signal, integration, name or "default")
    return HEARD


# -- storing --------------------------------------------------------------------------------------------------------------


async def _store(request: Request, signal: Signal, found: str, *which: Any) -> bool:
    """Keep the ping of that heartbeat; False where there is none."""
    return bool(await _run(STORE.format(found=found), *_said(request, signal), *which))


async def _make(request: Request, signal: Signal, integration: int, name: str) -> None:
    wanted = {field: seconds for field in ("period", "grace") if (seconds := _seconds(_field(request, field))) is not None}
    await _run(MAKE, *_said(request, signal), integration, name, msgspec.json.encode(wanted).decode())


async def _asked(question: str, integration: int) -> bool:
    return bool(await _run(question, integration))


async def _run(statement: str, *values: Any) -> Any:
    global _waiting
    if _waiting >= MOST_PINGS_WAITING:
        raise OverloadedError
    _waiting += 1
    try:
        assert state.pool is not None
        async with _in_turn, state.pool.acquire(timeout=2) as connection:
            return await connection.fetchval(statement, *values)
    finally:
        _waiting -= 1


def _said(request: Request, signal: Signal) -> tuple[Any, ...]:
    run = _field(request, "rid")[:64]
    return signal.kind, signal.exit_code, run, request.method, _plain(request.header(b"user-agent"))[:200], request.body[:LONGEST_PING]


def _field(request: Request, name: str) -> str:
    if not request.query:
        return ""
    try:
        return _plain(parse_qs(request.query.decode("latin-1"), max_num_fields=50).get(name, [""])[0].strip())
    except ValueError:
        return ""


def _seconds(word: str) -> int | None:
    """90, 90s, 5m, 2h, 1d in seconds; None for what is no length, or too short or too long."""
    found = _SPAN.fullmatch(word.lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    return seconds if SHORTEST_WANTED <= seconds <= LONGEST_WANTED else None


def _name(name: str) -> str:
    return " ".join(_plain(name).replace("/", " ").split())[:LONGEST_NAME]


def _plain(word: str) -> str:
    return "".join(c for c in word if c.isprintable())


def _uuid(word: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(word) if len(word) in (32, 36) and "-" in word else None
    except ValueError:
        return None
