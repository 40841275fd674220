"""What if a mail comes back that was no page? Its follower is told by mail no more; whoever invites sees it at the invitation."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts import operations_tokens as tokens
from tocsin.domain.ports import Outcome, Report
from tocsin.incidents import operations_work as work


@transaction.atomic
def take(report: Report, now: datetime) -> None:
    """Keep what a mail service says of such a mail; what arrived, or may arrive yet, changes nothing."""
    kind, _, number = report.about.rpartition("-")
    if kind == "follower" and report.gone:
        work.undeliverable(int(number), report.reason, now=now)
    if kind == "invitation" and (report.gone or report.outcome is Outcome.FAILED):
        tokens.invitation_failed(int(number), report.reason)
