"""What does a provider say afterwards about a page, and what if it says nothing? Writes notifications."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from tocsin.domain import delivery as rules
from tocsin.domain.ports import Outcome, Report
from tocsin.lib.conflicts import again_on_conflict
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Escalation, Notification, Provider
from tocsin.paging.operations_notifications import become, line
from tocsin.paging.operations_settling import instead, locked, lose, tell
from tocsin.paging.operations_shown import CALLED

log = logging.getLogger(__name__)
State = Notification.State
LOOP = "reports"
OVER = (Escalation.Status.ACKNOWLEDGED, Escalation.Status.STOPPED)
MOST_NOTED = 60  # lines of a row's history; further calls about it leave no trace in it
AT_ONCE = 20


def notification_of(account: Provider, provider_id: str) -> int | None:
    """The page that this account's provider knows by that name."""
    rows = Notification.objects.filter(account=account, provider_id=provider_id).exclude(provider_id="").order_by("-id")
    return rows.values_list("id", flat=True).first()


@again_on_conflict
@transaction.atomic
def take_report(id: int, account: Provider, report: Report, now: datetime) -> str:
    """Store what the provider says of page `id`: its end, or a line of its history. Returns its state; the next method follows a failure."""
    row, escalations = locked(id)
    other = row.provider_id and report.provider_id and row.provider_id != report.provider_id
    arrived = row.possible_duplicate and report.outcome is Outcome.DELIVERED  # by the attempt before, whose name we never heard
    same = (not other or arrived) and row.account_id in (None, account.pk)
    match rules.after_report(report, row.state, same=same, sequence=row.report_sequence):
        case "delivered":
            become(row, State.DELIVERED, f"{account.name}: {report.reason}", now)
            providers.count(account, "delivered", now)
        case "failed" if row.method_kind == CALLED and escalations and all(one.status in OVER for one in escalations.values()):
            become(row, State.CANCELLED, f"{account.name}: {report.reason}; nobody was needed any more", now)
        case "failed":
            become(row, State.FAILED, f"{account.name}: {report.reason}", now)
            providers.trouble(account, row.outcome, now)
            tell(row, "page_failed", f"{row.whom} could not be reached by {row.method_kind}: {row.outcome}.", now)
            instead(row, escalations, now)
        case "noted":
            _note(row, f"{account.name} says: {report.reason}" + ("" if same else " (of another attempt)"), now)
    if same and row.contact_method and (report.gone or report.stopped) and _is_newer(row):
        lose(row.contact_method, report.reason, now, stopped=report.stopped)
    if same and report.sequence is not None:
        row.report_sequence = max(report.sequence, row.report_sequence or 0)
    row.provider_id = row.provider_id or report.provider_id[:200]
    row.save(update_fields=["report_sequence", "provider_id"])
    return row.state


def _is_newer(row: Notification) -> bool:
    """Whether the page was sent after its address was proved: what is said of older ones was healed by that proof."""
    proved = row.contact_method.verified_at if row.contact_method else None
    return proved is None or (row.sent_at or row.created_at) >= proved


def _note(row: Notification, reason: str, now: datetime) -> None:
    if len(row.history) < MOST_NOTED:
        row.history = [*row.history, line(row.state, reason, now)]
        row.save(update_fields=["history"])


@again_on_conflict
@transaction.atomic
def reached(id: int, why: str, now: datetime) -> None:
    """The person answered: the page is with them, whatever its provider says later."""
    row, _ = locked(id)
    if row.state in (State.SENDING, State.ACCEPTED, State.UNCONFIRMED):
        become(row, State.DELIVERED, why, now)
    else:
        _note(row, why, now)


# -- while no report comes ------------------------------------------------------------------------------------------------


def next_due() -> datetime | None:
    """When a provider must be asked, or nobody waits for it any more."""
    return (
        Notification.objects.filter(report_due_at__isnull=False).order_by("report_due_at").values_list("report_due_at", flat=True).first()
    )


def give_up(now: datetime) -> int:
    """Three minutes without a report that was to be expected: the next method. At last, or where none was: unconfirmed. What is said later
    still counts. For how many."""
    waited = Q(awaits_report=False) | Q(final_at__lte=now - timedelta(seconds=rules.REPORT_LIMIT_SECONDS))
    silent = Notification.objects.filter(waited, report_due_at__lte=now)
    ids = list(silent.order_by("report_due_at").values_list("id", flat=True)[:AT_ONCE])
    for id in ids:
        _give_up(id, now)
    return len(ids)


@again_on_conflict
@transaction.atomic
def _give_up(id: int, now: datetime) -> None:
    row, escalations = locked(id)
    if row.state != State.ACCEPTED or row.report_due_at is None or row.final_at is None:
        return
    match rules.after_silence(row.final_at, now, awaits_report=row.awaits_report):
        case "next method":
            silence = f"no report of delivery within {rules.REPORT_LIMIT_SECONDS // 60} min"
            row.awaits_report, row.outcome = False, f"{row.outcome}; {silence}"[:500]
            row.report_due_at = rules.looked_at(row.final_at, awaits_report=False)
            row.history = [*row.history, line(row.state, silence, now)]
            row.save(update_fields=["awaits_report", "report_due_at", "outcome", "history"])
            instead(row, escalations, now)
        case "unconfirmed":
            silence = f"nobody has said within {rules.UNCONFIRMED_SECONDS // 60} min whether it arrived"
            become(row, State.UNCONFIRMED, f"{row.outcome}; {silence}", now)


@transaction.atomic
def to_ask(now: datetime) -> list[Notification]:
    """The pages whose providers are to be asked now; each is asked again a minute later, by whichever process."""
    rows = Notification.objects.select_for_update(skip_locked=True, of=("self",)).filter(report_due_at__lte=now, awaits_report=True)
    found = list(rows.select_related("account").order_by("report_due_at")[:AT_ONCE])
    for row in found:
        end = (row.final_at or now) + timedelta(seconds=rules.REPORT_LIMIT_SECONDS)
        row.report_due_at = max(now + timedelta(seconds=1), min(now + timedelta(seconds=rules.REPORT_ASKED_SECONDS), end))
        row.save(update_fields=["report_due_at"])
    return found
