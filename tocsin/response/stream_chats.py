"""What do people answer in chats that we hold a connection to? Each worker holds one for each such account; the chat gives each answer to one of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import close_old_connections, connection

from tocsin import clock
from tocsin.domain.ports import Account, Outcome, Receipt, Reply, Said
from tocsin.domain.ports_chat import Streaming
from tocsin.integrations.registry import GATEWAYS, STREAMED
from tocsin.lib.due import Loop
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Provider
from tocsin.response.hear_provider import take_replies

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before a connection that failed is tried again, doubled each time
GOOD_AFTER = 60.0  # a connection that held so long did not fail: the next one follows at once
STOPS_WITHIN = 5.0


@dataclass
class Connection:
    """The thread of one account. `values` are those that it was begun with."""

    values: dict[str, str]
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def over(self) -> bool:
        return self.thread is not None and not self.thread.is_alive()


_held: dict[int, Connection] = {}


def take() -> int:
    """Begin the connections that are missing and end those that are not wanted any more, or not with these values; how many."""
    wanted = {row.pk: row for row in Provider.objects.filter(kind__in=STREAMED, enabled=True, removed_at=None)}
    accounts = {id: found for id, row in wanted.items() if (found := _account(row))}
    done = 0
    for id, held in list(_held.items()):
        if held.over or id not in accounts or dict(accounts[id].values) != held.values:
            held.stop.set()
            del _held[id]
            done += not held.over
    for id, account in accounts.items():
        if id not in _held:
            held = _held[id] = Connection(dict(account.values))
            held.thread = threading.Thread(target=_hold, args=(wanted[id], account, held.stop), name=f"stream {id}", daemon=True)
            held.thread.start()
            done += 1
    return done


def _account(row: Provider) -> Account | None:
    gateway, account = GATEWAYS[row.kind], providers.account(row)
    return account if isinstance(gateway, Streaming) and gateway.streams(account) else None


def end_all() -> None:
    """Let go of every connection of this process; for its end, and for tests."""
    for held in _held.values():
        held.stop.set()
    for held in _held.values():
        if held.thread:
            held.thread.join(STOPS_WITHIN)
    _held.clear()


def _hold(row: Provider, account: Account, stop: threading.Event) -> None:
    pause = FIRST_PAUSE
    try:
        while not stop.is_set():
            since = time.monotonic()
            receipt = once(row, account, stop)
            close_old_connections()
            if stop.is_set():
                return
            log.info("the connection to the account %s ended: %s", row.pk, receipt.reason)
            if receipt.outcome is Outcome.REFUSED:
                providers.judge(row, receipt, clock.now())
            held = time.monotonic() - since > GOOD_AFTER
            pause = FIRST_PAUSE if held else min(LONGEST_PAUSE, pause * 2)
            stop.wait(0 if held else pause)
    finally:
        connection.close()


def once(row: Provider, account: Account, stop: threading.Event) -> Receipt:
    """One connection from its beginning to its end. Whatever goes wrong in the gateway becomes a receipt."""
    gateway = GATEWAYS[row.kind]
    assert isinstance(gateway, Streaming)

    def carry_out(replies: Sequence[Reply]) -> list[Said]:
        if not connection.in_atomic_block:
            close_old_connections()  # hours may have passed since the last one
        return take_replies(replies, row, clock.now())

    try:
        return gateway.stream(account, carry_out, stop.is_set)
    except Exception as error:
        log.exception("the gateway %s failed", row.kind)
        return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")


def next_due() -> datetime | None:
    """It looks by itself each second."""
    return None


LOOP = Loop("streams", take, next_due)
