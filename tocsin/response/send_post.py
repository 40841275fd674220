"""How does a post of an escalation reach its room or web address? One attempt, outside any transaction."""

from __future__ import annotations

from dataclasses import replace

from tocsin import clock
from tocsin.domain.ports import Message, Outcome, Receipt
from tocsin.integrations.registry import GATEWAYS, NOTIFIERS
from tocsin.paging import messages
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Notification, Provider


def send_post(row: Notification, message: Message) -> Receipt:
    """A signed POST to a web address, or a message through the account that the policy names."""
    target, key = row.target or {}, messages.key(row)
    if target.get("kind") == "webhook":
        return NOTIFIERS["webhook"].send(target["address"], message, key=key)
    account = Provider.objects.filter(pk=target.get("id") or 0, removed_at=None, enabled=True).first()
    if account is None or account.kind not in GATEWAYS:
        return Receipt(Outcome.FAILED, "the chat account was removed or switched off")
    receipt = GATEWAYS[account.kind].send(
        providers.account(account, callback=messages.callback(row, account)), target["address"], message, key=key
    )
    providers.judge(account, receipt, clock.now())
    return replace(receipt, reason=f"{account.name}: {receipt.reason}", account=account.pk)
