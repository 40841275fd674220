"""How do messages in chats come to say who has it? One edit after the other, outside any transaction."""

from __future__ import annotations

import logging

from tocsin import clock
from tocsin.domain.ports import Outcome, Receipt
from tocsin.domain.ports_chat import Editing
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.due import Loop
from tocsin.paging import messages
from tocsin.paging import operations_chats as chats
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Notification

log = logging.getLogger(__name__)


def take() -> int:
    """Change what is due to be changed; how many messages."""
    rows = chats.claim(clock.now())
    for row in rows:
        chats.settle(row, _show(row), clock.now())
    return len(rows)


def _show(row: Notification) -> Receipt:
    note, account = chats.note(row), row.account
    if not note or account is None or account.removed_at:
        return Receipt(Outcome.DELIVERED, "there is nothing to change")
    gateway = GATEWAYS[account.kind]
    if not isinstance(gateway, Editing):
        return Receipt(Outcome.FAILED, f"{gateway.label} cannot change messages")
    try:
        return gateway.edit(providers.account(account), row.provider_id, messages.message(row, clock.now()), note)
    except Exception as error:
        log.exception("the gateway %s failed", account.kind)
        return Receipt(Outcome.RETRY, f"the channel failed: {type(error).__name__}")


LOOP = Loop(chats.LOOP, take, chats.next_due)
