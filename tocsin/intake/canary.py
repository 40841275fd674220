"""Who sends the test event each minute? The web process, to the intake's own application: as a request of a sender, without the network."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.db import close_old_connections

from tocsin import clock
from tocsin.paging import operations_canary
from tocsin.response.canary import EVENT

log = logging.getLogger(__name__)
EVERY, AGAIN = 60.0, 10.0  # seconds between two, and after one that was not accepted
App = Callable[..., Awaitable[None]]


async def fly(app: App) -> None:
    """Send one each minute, for ever."""
    while True:
        accepted = False
        try:
            accepted = await _send(app) == 202
        except Exception as error:  # the database is away, or the key cannot be made: the silence of the canary raises the alarm
            log.warning("the canary was not sent: %s: %s", type(error).__name__, error)
        await asyncio.sleep(EVERY if accepted else AGAIN)


def _key() -> str:
    try:
        return operations_canary.key(clock.now())
    finally:
        close_old_connections()


async def _send(app: App) -> int:
    """The status that it was answered with."""
    path = f"/in/{await asyncio.to_thread(_key)}"
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(EVENT)).encode())]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": EVENT, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status
