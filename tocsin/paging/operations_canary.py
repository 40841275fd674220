"""How does the canary fly? A test event of Tocsin's own goes the way of a page once a minute, and reaches nobody.

It has one escalation and one notification, used again each time: it leaves no trace in lists, reports or timelines.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Q

from tocsin.accounts.models import User
from tocsin.alerts.models import Integration
from tocsin.domain.ports import Outcome, Receipt
from tocsin.lib import due
from tocsin.paging.models import Escalation, Notification

KIND = "canary"  # of its integration, escalation (track) and notification
IDENTITY = "canary"
LOOP = "escalations"


class Arrival(NamedTuple):
    """How many seconds ago the last canary arrived (None: never), and how long it took from acceptance to delivery."""

    ago: float | None
    took: float | None


def key(now: datetime) -> str:
    """The key of its integration, which is made on first use. The integration is in no list: it counts as removed."""
    row = Integration.objects.filter(kind=KIND).order_by("id").first()
    if row is None:
        row = Integration.objects.create(name="Canary", kind=KIND, key=f"canary-{secrets.token_urlsafe(24)}", removed_at=now)
    return row.key


def begin(accepted_at: datetime, now: datetime) -> None:
    """An event of it was folded: its escalation is due. Call it in the transaction that folds."""
    row = Escalation.objects.select_for_update(of=("self",)).filter(track=KIND).order_by("id").first()
    row = row or Escalation(track=KIND, subject={"title": "Canary"}, reason="test event of Tocsin's own")
    row.status, row.started_at, row.due_at, row.finished_at = Escalation.Status.RUNNING, accepted_at, now, None
    row.save()
    due.wake(LOOP)


def step(escalation: Escalation, now: datetime) -> None:
    """Its escalation is due and locked: the page that reaches nobody is due now."""
    escalation.status, escalation.due_at, escalation.finished_at = Escalation.Status.STOPPED, None, now
    escalation.save(update_fields=["status", "due_at", "finished_at"])
    row = Notification.objects.select_for_update(of=("self",)).filter(identity=IDENTITY).first()
    someone = User.objects.filter(Q(is_active=True), removed_at=None).order_by("id").first()
    if someone is None:
        return  # a house without people: there is nobody to page either
    row = row or Notification(identity=IDENTITY, kind=KIND, method_kind=KIND, title="Canary", text="Test event of Tocsin's own")
    if row.state == Notification.State.SENDING:
        return  # the one before is on its way
    row.user, row.state, row.due_at, row.attempt, row.possible_duplicate = someone, Notification.State.PENDING, now, 0, False
    row.created_at, row.sent_at, row.final_at, row.history = escalation.started_at, None, None, []
    row.save()
    due.wake("notifications")


def caught(row: Notification) -> Receipt:
    """The end of its flight: what every other channel does with a message, without one."""
    return Receipt(Outcome.DELIVERED, "the canary arrived", provider_id=f"canary-{row.fence}")


def arrival() -> Arrival:
    """When the last one arrived."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM tocsin_now() - final_at)::float8, extract(epoch FROM final_at - created_at)::float8"
            " FROM paging_notification WHERE identity = %s AND state = 'delivered'",
            [IDENTITY],
        )
        return Arrival(*(cursor.fetchone() or (None, None)))
