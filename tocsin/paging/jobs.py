"""Which work of paging may wait a moment? Telling a provider where to call us."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.domain.ports import Connecting, Outcome
from tocsin.integrations.registry import GATEWAYS
from tocsin.paging import messages
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Provider


class NotConnectedError(Exception):
    """The provider could not be told; the sentence is on its page, and it is tried again."""


@app.task(name="tocsin.paging.connect", queue="default", retry=RetryStrategy(max_attempts=8, exponential_wait=4))
def connect(provider: int) -> None:
    """Tell the account's provider where to call us. Doing it again changes nothing."""
    row = Provider.objects.filter(pk=provider, removed_at=None, enabled=True).first()
    gateway = GATEWAYS.get(row.kind) if row else None
    if row is None or not isinstance(gateway, Connecting):
        return
    receipt = gateway.connect(providers.account(row), messages.inbound(row))
    providers.judge(row, receipt, clock.now())
    if receipt.outcome in (Outcome.RETRY, Outcome.UNKNOWN):
        raise NotConnectedError(receipt.reason)
