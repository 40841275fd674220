"""Which escalations are due, and what happens to them? The loop that starts steps on time."""

from __future__ import annotations

import logging

from django.db import transaction

from tocsin import clock
from tocsin.lib.due import Loop
from tocsin.paging import operations
from tocsin.response import catch_up

log = logging.getLogger(__name__)


def take() -> int:
    """Carry out every escalation that is due, each in a transaction of its own; how many were done."""
    if catch_up.STEPS.closed():
        return 0
    now = clock.now()
    done = 0
    for id in operations.due_ids(now):
        try:
            with transaction.atomic():
                done += operations.take_due(id, now)
        except Exception:
            log.exception("escalation %s could not be carried out; it is tried again in 5 s", id)
            operations.postpone(id, now)
    return done


LOOP = Loop(operations.LOOP, take, catch_up.STEPS.next_due(operations.next_due), shares=False)
