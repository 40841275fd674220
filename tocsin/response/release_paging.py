"""What is overdue while paging is held back, and how does an administrator let it go on?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tocsin.accounts.actor import Actor
from tocsin.lib.refusal import Refused
from tocsin.obligations.models import Obligation
from tocsin.paging import operations_state
from tocsin.paging.models import Escalation, Notification, PagingState

SHOWN = 200  # of each


@dataclass(frozen=True)
class Overdue:
    """What would be carried out at once: steps of escalations, pages to people, promises; the longest due first, at most 200 of each."""

    steps: list[Escalation]
    pages: list[Notification]
    promises: list[Obligation]


def overdue(now: datetime) -> Overdue:
    """What waits now."""
    promises = Obligation.objects.filter(state=Obligation.State.OPEN, next_at__lte=now).order_by("next_at", "id")[:SHOWN]
    return Overdue(operations_state.overdue_steps(now, SHOWN), operations_state.overdue_pages(now, SHOWN), list(promises))


def release(*, by: Actor, now: datetime) -> PagingState:
    """Let paging go on: current state is looked at first, then pages go out merged, saying how late they are."""
    if not by.is_administrator:
        raise Refused("Only administrators release paging.", status=403, code="forbidden")
    return operations_state.release(by=by, now=now)
