"""How does the intake ask what only Django knows? Reads run in two threads of their own, imported at the first question: taking in needs none of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

THREADS = 2
MOST_READS = 50  # that wait for a thread; the next one is told to come again
_pool = ThreadPoolExecutor(THREADS, "intake-reads")
_waiting = 0


class BusyError(Exception):
    """Too many reads wait."""


async def ask(module: str, name: str, *arguments: Any) -> Any:
    """What a function of a module of this room answers. Raises BusyError, and what it raises."""
    global _waiting
    if _waiting >= MOST_READS:
        raise BusyError
    _waiting += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, _call, module, name, arguments)
    finally:
        _waiting -= 1


def _call(module: str, name: str, arguments: tuple[Any, ...]) -> Any:
    from django.db import close_old_connections

    close_old_connections()
    try:
        return getattr(import_module(f"tocsin.intake.{module}"), name)(*arguments)
    finally:
        close_old_connections()
