"""How do messages come to say who has it, and calls to end? One after the other, outside any transaction."""

from __future__ import annotations

import logging

from tocsin import clock
from tocsin.domain.ports import Account, Changing, Outcome, Receipt, Sent
from tocsin.integrations.registry import GATEWAYS, NOTIFIERS
from tocsin.lib.due import Loop
from tocsin.paging import messages
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_shown as shown
from tocsin.paging.addresses import address_of
from tocsin.paging.models import Notification

log = logging.getLogger(__name__)


def take() -> int:
    """Change what is due to be changed; how many messages."""
    rows = shown.claim(clock.now())
    for row in rows:
        shown.settle(row, _show(row), clock.now())
    return len(rows)


def _show(row: Notification) -> Receipt:
    note, provider = shown.note(row), row.account
    if not note or (provider and provider.removed_at) or (row.method_kind == shown.CALLED and row.state != Notification.State.ACCEPTED):
        return Receipt(Outcome.DELIVERED, "there is nothing to change")
    door = GATEWAYS[provider.kind] if provider else NOTIFIERS[row.method_kind]
    if not isinstance(door, Changing):
        return Receipt(Outcome.FAILED, f"{door.label} cannot change messages")
    account = providers.account(provider) if provider else Account(0, door.label, {})
    try:
        address = address_of(row.contact_method) if row.contact_method else str((row.target or {}).get("address") or "")
        sent = Sent(address, row.provider_id, messages.key(row))
        return door.change(account, sent, messages.message(row, clock.now()), note)
    except Exception as error:
        log.exception("what was sent by %s could not be changed", row.method_kind)
        return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")


LOOP = Loop(shown.LOOP, take, shown.next_due, threads=2)
