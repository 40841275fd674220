"""Which escalations are due, and what happens to them? The loop that starts steps on time."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from tocsin import clock
from tocsin.alerts.models import Alert
from tocsin.incidents.models import Incident
from tocsin.lib.conflicts import again_on_conflict
from tocsin.lib.due import Loop
from tocsin.paging import operations
from tocsin.paging.models import Escalation
from tocsin.response import administrators, catch_up

log = logging.getLogger(__name__)
GIVEN_UP_AFTER = 3  # failures in a row; then the fallback people are paged
AGAIN_AFTER = 60  # further failures, which are five minutes
_failures: Counter[int] = Counter()  # of escalations that could not be carried out, one after the other


def take() -> int:
    """Carry out every escalation that is due, each in a transaction of its own; how many were done."""
    if catch_up.STEPS.closed():
        return 0
    now = clock.now()
    done = 0
    for id, begins_anew in operations.due_now(now):
        try:
            done += _carry_out(id, begins_anew, now)
            _failures.pop(id, None)
        except Exception as error:
            log.exception("escalation %s could not be carried out; it is tried again in 5 s", id)
            operations.postpone(id, now)
            if not isinstance(error, OperationalError | InterfaceError):  # the database: nothing is wrong with this one
                _failed(id, error)
    return done


@again_on_conflict
@transaction.atomic
def _carry_out(id: int, begins_anew: bool, now: datetime) -> bool:
    """One of them. What begins anew does so under the lock that every verb takes first: whoever answers or ends it at this moment comes
    before or after, never between the old run and the new one."""
    if begins_anew and not _hold_subject(id):
        return False
    return operations.take_due(id, now)


def _hold_subject(id: int) -> bool:
    """Lock the incident and the alert of an escalation; whether nobody else holds them."""
    incident, alert = Escalation.objects.values_list("incident_id", "alert_id").get(pk=id)
    return _hold(Incident.objects.filter(pk=incident or 0)) and _hold(Alert.objects.filter(pk=alert or 0))


def _hold(rows: QuerySet[Any]) -> bool:
    return rows.select_for_update(skip_locked=True, of=("self",)).exists() or not rows.exists()


def _failed(id: int, error: Exception) -> None:
    """It is not late, since it is put off each time, so nothing else notices; and nobody would be woken (R6, R22)."""
    _failures[id] += 1
    if _failures[id] % AGAIN_AFTER != GIVEN_UP_AFTER:
        return
    try:
        with transaction.atomic():
            now = clock.now()
            operations.page_fallback_of(id, f"paging cannot go on as its policy says ({type(error).__name__})", now)
    except Exception:
        log.exception("the fallback people of escalation %s could not be paged either", id)
    administrators.tell_of_failure("escalation", id, error, "Its fallback people are paged instead.", clock.now())


LOOP = Loop(operations.LOOP, take, catch_up.STEPS.next_due(operations.next_due), shares=False)
