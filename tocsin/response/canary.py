"""How is a test event of Tocsin's own folded? As every event is, in a rehearsal that is taken back; then its page is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction

from tocsin.alerts import operations_rows
from tocsin.alerts.models import Integration, RawEvent
from tocsin.alerts.operations_rows import Outcome
from tocsin.paging import operations_canary

log = logging.getLogger(__name__)
Fold = Callable[[Integration, Sequence[RawEvent], datetime], None]
EVENT = b'{"title": "Canary", "status": "firing", "severity": "critical", "dedup_key": "canary"}'


def take(integration: Integration, rows: Sequence[RawEvent], now: datetime, fold: Fold) -> int:
    """Fold what came in; the events before it go. An event that cannot be folded does not fly, which raises the alarm."""
    newest = rows[-1]
    try:
        with transaction.atomic():  # parsed, folded, routed, grouped and paged for as if it were somebody's: then all of it is taken back
            rehearsed = copy(integration)
            rehearsed.kind = "generic"
            fold(rehearsed, [newest], now)
            transaction.set_rollback(True)
    except (OperationalError, InterfaceError):
        raise  # the database: all of it again, later
    except Exception as error:
        log.exception("the canary cannot be folded")
        operations_rows.write_outcomes([Outcome(row, [], f"It could not be folded: {type(error).__name__}") for row in rows], now)
        return len(rows)
    operations_rows.write_outcomes([Outcome(row, [{"change": "ignored", "reason": "canary"}]) for row in rows], now)
    with connection.cursor() as cursor:  # nothing is linked to them: the models would look for it, row by row
        cursor.execute("DELETE FROM alerts_rawevent WHERE integration_id = %s AND id < %s", [integration.pk, newest.pk])
    operations_canary.begin(newest.received_at, now)
    return len(rows)
