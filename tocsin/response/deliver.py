"""How do pages leave the house? Claim, send outside any transaction, settle; each channel in a lane of its own.

A lane has its own threads, so that a provider that hangs fills its own lane and no other (R11).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction

from tocsin import clock
from tocsin.domain import providers as rules
from tocsin.domain.delivery import SEND_LIMIT_SECONDS
from tocsin.domain.ports import Alone, AtServices, Message, Notifier, Outcome, Receipt
from tocsin.integrations.registry import GATEWAYS, NOTIFIERS, through_accounts
from tocsin.lib import due
from tocsin.lib.database.shared import borrowed
from tocsin.lib.due import Loop
from tocsin.paging import (
    messages,
    operations_canary,
    operations_claims,
    operations_mail,
    operations_notifications,
    operations_services,
    operations_settling,
)
from tocsin.paging import operations_providers as providers
from tocsin.paging.addresses import address_of
from tocsin.paging.models import ContactMethod, Notification, Provider
from tocsin.procedures import operations as procedures
from tocsin.response import catch_up
from tocsin.response.send_post import send_post

log = logging.getLogger(__name__)
FULL_LANE_PAUSE = timedelta(milliseconds=200)
SETTLE_SECONDS = 60.0  # a claim that has fallen back by then has another fence: settling it does nothing
LANE_WIDTH = 8  # sends at the same time per channel


def send(row: Notification, now: datetime) -> Receipt:
    """One attempt, outside any transaction. Whatever goes wrong in a notifier becomes a receipt. `now`: when it was claimed, so that nothing
    need be asked of the database before the call."""
    if row.kind == operations_canary.KIND:
        return operations_canary.caught(row)
    if reason := operations_claims.unusable(row):
        return Receipt(Outcome.FAILED, reason)
    if row.target:
        return _post(row)
    try:
        notifier = NOTIFIERS[row.method_kind]
    except KeyError:
        return Receipt(Outcome.FAILED, f"there is no channel {row.method_kind}")
    try:
        address = address_of(row.contact_method) if row.contact_method else ""
        message = messages.message(row, now)
        accounts = _accounts(row, notifier, address) if through_accounts(row.method_kind) else None
    except Exception as error:
        log.exception("page %s could not be written", row.pk)
        return Receipt(Outcome.RETRY, f"the page could not be written: {type(error).__name__}")
    if accounts is not None:
        return _through_accounts(row, notifier, address, message, accounts)
    try:
        return notifier.send(address, message, key=messages.key(row))
    except Exception as error:
        log.exception("the notifier %s failed", row.method_kind)
        return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")


def _post(row: Notification) -> Receipt:
    try:
        return send_post(row, messages.message(row, clock.now()))
    except Exception as error:
        log.exception("the post to %s failed", row.whom)
        return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")


def _through_accounts(row: Notification, notifier: Notifier, address: str, message: Message, accounts: list[Provider]) -> Receipt:
    """The same through these accounts of a channel, one after the other while each fails in a way that another may mend; at last without one,
    where the channel can do that."""
    own = isinstance(notifier, AtServices)  # the receipts name the service themselves
    missing = (
        "an administrator has switched off the service" if own else f"no account at a provider serves {row.method_kind} to this address"
    )
    receipt = Receipt(Outcome.FAILED, missing if own else f"{missing}; an administrator can add one")
    until = time.monotonic() + SEND_LIMIT_SECONDS / 2  # a further account gets its own time limit: together they stay within one send
    for provider in accounts:
        if row.kind not in operations_notifications.PAGES and provider.budget and providers.used(provider, clock.now()) >= provider.budget:
            receipt = Receipt(Outcome.REFUSED, f"{provider.name}: its budget of 31 days is used; only pages go out")
            continue
        try:
            account = providers.account(provider, callback=messages.callback(row, provider))
            receipt = GATEWAYS[provider.kind].send(account, address, message, key=messages.key(row))
        except Exception as error:
            log.exception("the gateway %s failed", provider.kind)
            receipt = Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")
        receipt = replace(receipt, reason=receipt.reason if own else f"{provider.name}: {receipt.reason}", account=provider.pk)
        _judge(provider, receipt)
        if not rules.another(receipt.outcome) or time.monotonic() > until:
            return receipt
    if isinstance(notifier, Alone) and not (row.kind == "test" and row.account):
        return _alone(notifier, row, address, message) or receipt
    return receipt


def _judge(provider: Provider, receipt: Receipt) -> None:
    """What becomes of the account's standing is no reason to lose the receipt: what has gone out would go out twice."""
    try:
        providers.judge(provider, receipt, clock.now())
    except Exception:
        log.warning("how the account %s did could not be kept", provider.pk, exc_info=True)


def _alone(notifier: Alone, row: Notification, address: str, message: Message) -> Receipt | None:
    try:
        return notifier.alone(address, message, key=messages.key(row))
    except Exception as error:
        log.exception("the notifier %s failed", row.method_kind)
        return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")


def _accounts(row: Notification, notifier: Notifier, address: str) -> list[Provider]:
    """The accounts to try, best first; a test of one account goes through that alone."""
    if isinstance(notifier, AtServices):
        service = operations_services.keep(notifier, address, clock.now())
        return [service] if service.enabled else []
    if row.kind == "test" and row.account and row.account.enabled and row.account.removed_at is None:
        return [row.account]
    if row.method_kind == operations_mail.CHANNEL:
        operations_mail.keep(clock.now())
    return providers.usable(row.method_kind, address, clock.now())


def settle(row: Notification, receipt: Receipt) -> str:
    """Store what became of it. While the database is away it is tried again: what was sent must not count as unknown and go out twice."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            return operations_settling.settle(row.id, row.fence, receipt, clock.now())
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > until:
                raise
            log.warning("page %s cannot be settled yet: the database does not answer", row.id)
            connection.close()
            time.sleep(0.5)


def take_inline() -> int:
    """Send everything that is due, one after the other, in this thread; how much that was. For tests and one-off commands."""
    if catch_up.PAGES.closed():
        return 0
    now = clock.now()
    done = operations_settling.take_back(presence.is_gone, now)
    for kind in operations_claims.kinds_due(now):
        for row in operations_claims.claim(kind, LANE_WIDTH, presence.owner(), now):
            settle(row, send(row, now))
            done += 1
    return done


@dataclass
class Lane:
    """The threads of one channel and what they are sending: (row id, fence) → since when, by the monotonic clock."""

    kind: str
    pool: ThreadPoolExecutor = field(init=False)
    sending: dict[tuple[int, int], float] = field(default_factory=dict)
    given_up: set[tuple[int, int]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(LANE_WIDTH, thread_name_prefix=f"lane-{self.kind}")

    @property
    def free(self) -> int:
        return LANE_WIDTH - len(self.sending)

    def submit(self, row: Notification, now: datetime) -> None:
        """Send a claimed row in one of this lane's threads."""
        with self.lock:
            self.sending[row.id, row.fence] = time.monotonic()
        self.pool.submit(self._work, row, now)

    def _work(self, row: Notification, now: datetime) -> None:
        try:
            with borrowed():
                close_old_connections()
                receipt = send(row, now)
            with self.lock:
                self.given_up.add((row.id, row.fence))  # its result is known: it cannot become overdue any more
            with borrowed():
                settle(row, receipt)
        except Exception:
            log.exception("page %s could not be settled; its lease brings it back", row.id)
        finally:
            with self.lock:
                self.sending.pop((row.id, row.fence), None)
                self.given_up.discard((row.id, row.fence))

    def overdue(self) -> list[tuple[int, int]]:
        """What has just passed the time limit: (row id, fence). Its thread stays taken until the provider lets go."""
        now = time.monotonic()
        with self.lock:
            late = [which for which, since in self.sending.items() if now - since > SEND_LIMIT_SECONDS and which not in self.given_up]
            self.given_up.update(late)
        return late


class Presence:
    """A database session that lives as long as this process: whoever sees it gone knows that what we had claimed is nobody's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wrapper: Any = None
        self.name = ""
        self.names: set[str] = set()  # sessions of ours that the database ended: what they claimed is still being sent here
        self.pid = 0

    def owner(self) -> str:
        """The mark that this process leaves on what it claims."""
        with self.lock:
            if self.wrapper is None or self.pid != os.getpid() or not (self.wrapper.is_silent() or self.wrapper.is_usable()):
                if self.pid != os.getpid():
                    self.names.clear()
                self.wrapper = connection.copy()
                self.pid = os.getpid()
                with self.wrapper.cursor() as cursor:
                    cursor.execute("SELECT pid, extract(epoch FROM backend_start)::text FROM pg_stat_activity WHERE pid = pg_backend_pid()")
                    backend, started = cursor.fetchone()
                self.name = f"{backend}@{started}/{os.uname().nodename[:40]}"
                self.names.add(self.name)
            return self.name

    def is_gone(self, owner: str) -> bool:
        """Whether the database session of that mark has ended."""
        if owner in self.names:
            return False
        backend, _, started = owner.partition("/")[0].partition("@")
        if not backend.isdigit():
            return True
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND extract(epoch FROM backend_start)::text = %s", [int(backend), started]
            )
            return cursor.fetchone() is None


presence = Presence()
_lanes: dict[str, Lane] = {}
_open = False  # whether this process sends


def open_lanes() -> None:
    """This process sends: what a transaction of its own makes due may be claimed in it."""
    global _open
    _open = True


@cache
def _prepare() -> None:
    """What the first page of a process would wait for: the session that marks its claims, the parts that speak to the channels in use, and
    the procedure in force."""
    presence.owner()
    for kind in set(ContactMethod.objects.filter(removed_at=None).values_list("kind", flat=True).distinct()):
        NOTIFIERS.get(kind)
    for kind in set(Provider.objects.filter(removed_at=None).values_list("kind", flat=True)):
        GATEWAYS.get(kind)
    procedures.document(procedures.current())


def claim_own(now: datetime) -> None:
    """Claim in the caller's transaction, at its end, the pages that it has made due, and hand them to the lanes once it is committed: a page
    is spared a second commit and the way through the loop. Where the lanes are closed or full it is the loop that finds them."""
    if not _open or not due.is_woken(operations_notifications.LOOP) or not catch_up.PAGES.is_open():
        return
    full = [lane.kind for lane in list(_lanes.values()) if lane.free <= 0]
    rows, left = operations_claims.claim_any_within(LANE_WIDTH * 4, lambda kind: _lane(kind).free, full, presence.owner(), now)
    transaction.on_commit(partial(_submit, rows, now))
    if not left and not full:
        due.let_sleep(operations_notifications.LOOP)


def _submit(rows: list[Notification], now: datetime) -> None:
    for row in rows:
        _lane(row.method_kind).submit(row, now)


def _lane(kind: str) -> Lane:
    return _lanes.get(kind) or _lanes.setdefault(kind, Lane(kind))


def take() -> int:
    """Hand what is due to the lanes, as much as each has room for; how many rows were handed over or taken back."""
    if _open:
        _prepare()
    if catch_up.PAGES.closed():
        return 0
    now = clock.now()
    clock.real()  # asked here once a minute, so that no lane has to
    done, failed = 0, None
    for kind in operations_claims.kinds_due(now):
        lane = _lane(kind)
        if lane.free <= 0:
            continue
        try:
            for row in operations_claims.claim(kind, lane.free, presence.owner(), now):
                lane.submit(row, now)
                done += 1
        except Exception as error:  # the other channels go on (R11); where it is the database they fail as well
            log.warning("pages by %s could not be claimed: %s", kind, error)
            failed = error
    # New pages went first; now what did not come back.
    done += operations_settling.take_back(presence.is_gone, now)
    for lane in list(_lanes.values()):
        for id, fence in lane.overdue():
            receipt = Receipt(Outcome.UNKNOWN, f"no answer within {SEND_LIMIT_SECONDS} s")
            done += bool(operations_settling.settle(id, fence, receipt, now))
    if failed and not done:
        raise failed
    return done


def next_due() -> datetime | None:
    """When something must be sent next; what waits for a full lane is looked at again a little later, not all the time."""
    earliest = operations_claims.next_due()
    now = clock.now()
    if earliest is not None and earliest <= now and any(lane.free <= 0 for lane in _lanes.values()):
        return now + FULL_LANE_PAUSE
    return earliest


LOOP = Loop(operations_notifications.LOOP, take, catch_up.PAGES.next_due(next_due), shares=False)
