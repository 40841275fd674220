"""What becomes of pages that go on ringing at their provider? They are looked after until somebody has them, and then ended there."""

from __future__ import annotations

import logging

from tocsin import clock
from tocsin.domain.ports import Lasting, Reply, Report
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.due import Loop
from tocsin.paging import operations_lasting as lasting
from tocsin.paging import operations_providers as providers
from tocsin.paging import operations_reports as reports
from tocsin.paging.models import Notification
from tocsin.response.answer_page import answer

log = logging.getLogger(__name__)


def take() -> int:
    """Look after those that are due; how many."""
    rows = lasting.to_look(clock.now())
    for row in rows:
        gateway = GATEWAYS.get(row.account.kind) if row.account and row.provider_id else None
        if not isinstance(gateway, Lasting):
            lasting.rest(row, ended=True)
            continue
        try:
            _look_after(row, gateway)
        except Exception:
            log.exception("page %s could not be looked after; it is tried again", row.pk)
    return len(rows)


def _look_after(row: Notification, gateway: Lasting) -> None:
    assert row.account is not None
    account = providers.account(row.account)
    if not lasting.is_needed(row):
        if gateway.end(account, row.provider_id, _why(row)):
            lasting.rest(row, ended=True)
        return
    if gateway.looks_every is None:
        lasting.rest(row, ended=False)
        return
    match gateway.look(account, row.provider_id):
        case Report() as report:
            reports.take_report(row.pk, row.account, report, clock.now())
        case Reply() as reply:
            answer(reply, channel=row.method_kind, page=row, now=clock.now())


def _why(row: Notification) -> str:
    run = row.escalation
    if run is not None and run.acknowledged_by and run.acknowledged_at:
        return f"{run.acknowledged_by} has it since {run.acknowledged_at:%H:%M} UTC."
    return "Nobody is needed for this any more."


LOOP = Loop(lasting.LOOP, take, lasting.next_due, threads=2)
