"""What did people do with pages whose provider may not reach us? It is asked, for as long as an answer would change something."""

from __future__ import annotations

import logging

from tocsin import clock
from tocsin.domain.ports import Polling, Reply, Report
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.due import Loop
from tocsin.paging import operations_polling as polling
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_reports as reports
from tocsin.paging import operations_shown as shown
from tocsin.paging.models import Notification
from tocsin.response.answer_page import answer

log = logging.getLogger(__name__)


def take() -> int:
    """Ask about those that are due; how many."""
    rows = polling.to_look(clock.now())
    for row in rows:
        gateway = GATEWAYS.get(row.account.kind) if row.account and row.provider_id else None
        if not isinstance(gateway, Polling) or shown.note(row):
            polling.rest(row)
            continue
        try:
            _look_after(row, gateway)
        except Exception:
            log.exception("page %s could not be asked about; it is tried again", row.pk)
    return len(rows)


def _look_after(row: Notification, gateway: Polling) -> None:
    assert row.account is not None
    match gateway.look(providers.account(row.account), row.provider_id):
        case Report() as report:
            reports.take_report(row.pk, row.account, report, clock.now())
        case Reply() as reply:
            answer(reply, channel=row.method_kind, page=row, now=clock.now())


LOOP = Loop(polling.LOOP, take, polling.next_due, threads=2)
