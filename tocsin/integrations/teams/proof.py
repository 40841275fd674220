"""Does a call really come from the Bot Connector, for our bot, from Teams, and from our own organisation?

A token (JWT) signed by a key that Microsoft publishes; it proves who calls, from which `serviceUrl`, not the body. Each key says for which
channels it may speak. learn.microsoft.com: Authentication with the Bot Connector API, "Connector to bot".
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import jwt

from tocsin.domain.ports import Account, Callback, ForgedError
from tocsin.lib import http

ISSUER = "https://api.botframework.com"
CHANNEL = "msteams"  # the same bot may be open to others, where people can call themselves whatever they like
SKEW = 300  # seconds by which clocks may differ
KEYS_KEPT = 24 * 3600.0  # seconds
KEYS_AGAIN = 60.0  # seconds after which a key that is not known is looked for anew
KEYS_LIMIT = 4.0  # seconds for each of two calls while the Bot Connector waits for our answer
LARGEST_KEYS = 512 * 1024  # bytes
MOST_KEYS = 100


@dataclass
class Keys:
    """The published keys, by the address of the metadata that leads to them; each process asks for itself."""

    known: dict[str, tuple[float, dict[str, dict[str, Any]]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, metadata: str, name: str) -> dict[str, Any]:
        """The key of that name. Raises ForgedError where there is none."""
        with self.lock:
            at, keys = self.known.get(metadata, (0.0, {}))
            age = time.monotonic() - at if keys else KEYS_KEPT
            if age >= KEYS_KEPT or (name not in keys and age >= KEYS_AGAIN):
                keys = self._fetch(metadata) or keys  # while Microsoft is away, those that are known stay good
                self.known[metadata] = (time.monotonic(), keys)
        if not keys:
            raise ForgedError("the call could not be checked: Microsoft's keys cannot be read now")
        if name not in keys:
            raise ForgedError("the token is signed by a key that Microsoft does not publish")
        return keys[name]

    def _fetch(self, metadata: str) -> dict[str, dict[str, Any]]:
        try:
            place = _read(metadata)["jwks_uri"]
            found = _read(str(place))["keys"][:MOST_KEYS]
            return {str(key["kid"]): key for key in found if isinstance(key, dict) and "kid" in key and key.get("kty") == "RSA"}
        except (http.BlockedError, http.UnreachableError, ValueError, RecursionError, KeyError, TypeError):
            return {}


keys = Keys()


def _read(url: str) -> Any:
    return json.loads(http.request("GET", url, time_limit=KEYS_LIMIT, size_limit=LARGEST_KEYS).body)


def prove(account: Account, call: Callback, activity: dict[str, Any]) -> None:
    """Raises ForgedError. The signature comes first; nothing of the activity counts before that."""
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ForgedError("there is no token of the Bot Connector")
    try:
        key = keys.find(account.values["keys"], str(jwt.get_unverified_header(token).get("kid") or ""))
        claims = jwt.decode(
            token, jwt.PyJWK(key, algorithm="RS256"), algorithms=["RS256"], audience=account.values["app_id"].lower(), issuer=ISSUER,
            options={"require": ["exp", "iss", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )  # fmt: skip
    except jwt.PyJWTError as error:
        raise ForgedError(f"the token is not the Bot Connector's for this bot: {error}") from error
    now = call.at.timestamp()  # the library would ask the machine's clock
    if not _number(claims["exp"]) > now - SKEW or not _number(claims.get("nbf", now)) <= now + SKEW:
        raise ForgedError("the token has expired, or is not valid yet")
    if str(claims.get("serviceurl") or "").rstrip("/") != str(activity.get("serviceUrl") or "-").rstrip("/"):
        raise ForgedError("the token was made for another serviceUrl")
    endorsed = key.get("endorsements")
    if activity.get("channelId") != CHANNEL or not isinstance(endorsed, list) or CHANNEL not in endorsed:
        raise ForgedError("the call does not come from Teams")
    if _tenant(activity) != account.values["tenant"].lower():
        raise ForgedError("the call comes from another organisation (tenant) than the account's")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int) else float("nan")


def _tenant(activity: dict[str, Any]) -> str:
    data = activity.get("channelData")
    tenant = data.get("tenant") if isinstance(data, dict) else None
    return str(tenant.get("id") or "").lower() if isinstance(tenant, dict) else ""
