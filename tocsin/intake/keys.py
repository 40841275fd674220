"""Which integration does a key belong to? All keys are held in memory and kept fresh by NOTIFY and by the clock."""

from __future__ import annotations

import base64
import binascii
import time
from urllib.parse import parse_qs

import asyncpg

from tocsin.intake.rate import Bucket

CHANNEL = "tocsin_integrations"
REFRESH_SECONDS = 30.0  # even when a notification was lost
LOOK_UPS_A_SECOND = 20  # for keys not in memory: one made a moment ago counts at once, guessing gains nothing
LONGEST_KEY = 64
ALL = (
    "SELECT key, id, kind, signing_secret, event_rate, event_burst FROM alerts_integration"
    " WHERE enabled AND (removed_at IS NULL OR kind = 'canary')"
)


def of_request(headers: list[tuple[bytes, bytes]], query: bytes) -> str:
    """The key in the query, `Authorization` (Bearer, GenieKey, Token, Basic), `X-Api-Key` or `X-Routing-Key`; empty where there is none."""
    for name, value in headers:
        if name == b"authorization":
            if found := _authorization(value):
                return found
        elif name in (b"x-api-key", b"x-routing-key"):  # the second: older clients of PagerDuty
            return value.decode("latin-1").strip()
    if query:
        read = parse_qs(query.decode("latin-1"), max_num_fields=50)
        for field in ("token", "integration_key", "routing_key", "key", "apiKey"):
            if field in read:
                return read[field][0].strip()
    return ""


def _authorization(value: bytes) -> str:
    scheme, _, rest = value.decode("latin-1").strip().partition(" ")
    scheme, rest = scheme.lower(), rest.strip()
    if scheme in ("bearer", "geniekey", "token"):
        return rest.removeprefix("token=").strip('"')
    if scheme == "basic":
        try:
            name, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return ""
        return password or name
    return ""


class Keys:
    """Key → integration id, in memory, and each integration's bucket."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.buckets: dict[int, Bucket] = {}  # by integration id
        self.secrets: dict[int, tuple[str, str]] = {}  # kind and sealed secret of those that take only what is signed, by integration id
        self.loaded = False
        self._allowance, self._allowed_at = float(LOOK_UPS_A_SECOND), time.monotonic()

    async def load(self, connection: asyncpg.Connection) -> None:
        """Read all of them."""
        rows = await connection.fetch(ALL)
        self.known = {row["key"]: row["id"] for row in rows}
        self.buckets = {row["id"]: self._bucket(row) for row in rows}
        self.secrets = {row["id"]: (row["kind"], row["signing_secret"]) for row in rows if row["signing_secret"]}
        self.loaded = True

    async def find(self, key: str, pool: asyncpg.Pool) -> int | None:
        """The integration of a key. One not in memory is looked up once, at a bounded rate. Raises what asyncpg raises when nothing is loaded."""
        if (found := self.known.get(key)) is not None:
            return found
        if not 0 < len(key) <= LONGEST_KEY or "\0" in key or (self.loaded and not self._may_look()):
            return None
        async with pool.acquire(timeout=2) as connection:
            if not self.loaded:
                await self.load(connection)
                return self.known.get(key)
            row = await connection.fetchrow(f"{ALL} AND key = $1", key, timeout=2)
        if row is None:
            return None
        self.buckets[row["id"]] = self._bucket(row)
        if row["signing_secret"]:
            self.secrets[row["id"]] = (row["kind"], row["signing_secret"])
        self.known[key] = row["id"]
        return self.known[key]

    def _bucket(self, row: asyncpg.Record) -> Bucket:
        if (bucket := self.buckets.get(row["id"])) is None:
            return Bucket(row["event_rate"], row["event_burst"], time.monotonic())
        bucket.change(row["event_rate"], row["event_burst"])
        return bucket

    def _may_look(self) -> bool:
        now = time.monotonic()
        self._allowance = min(LOOK_UPS_A_SECOND, self._allowance + (now - self._allowed_at) * LOOK_UPS_A_SECOND)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True
