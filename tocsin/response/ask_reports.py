"""What became of the pages that a provider took and never spoke of again? It is asked after a minute; after three the next method is used."""

from __future__ import annotations

import logging
import time

from tocsin import clock
from tocsin.domain.ports import Asking, Report
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.due import Loop
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_reports as reports
from tocsin.paging.models import Notification

log = logging.getLogger(__name__)
ASKING_SECONDS = 10.0  # then it is looked again which pages have waited for too long: a provider that hangs must not delay that


def take() -> int:
    """Use the next method where no report came in time, and ask for the others; how many were looked at."""
    done = reports.give_up(clock.now())
    until = time.monotonic() + ASKING_SECONDS
    for row in reports.to_ask(clock.now()):
        done += 1
        if time.monotonic() < until and (report := _ask(row)) and row.account:
            reports.take_report(row.pk, row.account, report, clock.now())
    return done


def _ask(row: Notification) -> Report | None:
    gateway = GATEWAYS.get(row.account.kind) if row.account and row.provider_id else None
    if row.account is None or not isinstance(gateway, Asking):
        return None
    try:
        return gateway.ask(providers.account(row.account), row.provider_id)
    except Exception:
        log.exception("the gateway %s could not be asked", row.account.kind)
        return None


LOOP = Loop(reports.LOOP, take, reports.next_due, threads=2)
