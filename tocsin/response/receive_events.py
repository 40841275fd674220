"""What does the organisation do about the events that came in? Reads them, folds them into alerts, and reaches whom the severity demands."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction

from tocsin import clock
from tocsin.alerts import operations as alerts
from tocsin.alerts import operations_deliveries, operations_silences, queries
from tocsin.alerts.models import Integration, RawEvent
from tocsin.domain.procedure.model import Procedure
from tocsin.heartbeats import queries as heartbeats
from tocsin.incidents import queries as incidents
from tocsin.lib.due import Loop
from tocsin.lib.together import Question
from tocsin.paging import operations_canary
from tocsin.procedures import operations as procedures
from tocsin.response import act_on_alert, alert_effects, canary, causes, deliver, silenced_now, stale, verify_sns, watch_heartbeats
from tocsin.response.pace import Pace
from tocsin.response.read_event import read
from tocsin.timeline.operations import announce

log = logging.getLogger(__name__)
BATCH = 500  # requests in one transaction
BATCH_BYTES = 500_000  # of their bodies: a request of a hundred alerts is a hundred events; others of the same integration wait so long
PACE = Pace(active=settings.PROCESS == "worker")  # in tests and tools nothing rests
Receive = Callable[[Integration, Sequence[RawEvent], datetime], None]


def take() -> int:
    """Fold what waits, a batch of each integration in turn, then let alerts run out and silences begin and end; how much was done."""
    done, failed = 0, None
    waiting = queries.waiting_integrations()
    ready = [one for one in waiting if not PACE.rests(one) and not PACE.is_held(one)]
    if waiting and not ready:
        return 0
    for integration_id in ready:
        try:
            with PACE.held(integration_id):
                done += _take_of(integration_id)
        except (OperationalError, InterfaceError) as error:  # the others go on; where it is the database itself they fail as well
            log.warning("the events of integration %d wait: %s", integration_id, error)
            failed = error
            if not connection.in_atomic_block:
                close_old_connections()
    overdue = queries.overdue()
    done += (_expire() if overdue.expired else 0) + (_silences() if overdue.silences else 0)
    done += (_calm() if overdue.calm else 0) + (stale.take() if overdue.stale else 0)
    if overdue.unattended:
        alerts.attend()
    if failed and not done:
        raise failed
    return done


def _take_of(integration_id: int) -> int:
    try:
        return _take_batch(integration_id, _receive)
    except (OperationalError, InterfaceError):
        raise  # the database, not the events: all of it again, later
    except Exception as error:
        log.warning("a batch of integration %d failed and is taken apart: %s", integration_id, error)
        return _take_batch(integration_id, _receive_halves)


def _take_batch(integration_id: int, receive: Receive) -> int:
    begun = time.monotonic()
    with transaction.atomic():
        taken = queries.claim(integration_id)
        rows = queries.waiting_events(integration_id, BATCH, BATCH_BYTES) if taken else []
        if not taken or not rows:
            return 0
        integration, now = taken
        if integration.kind == operations_canary.KIND:
            return canary.take(integration, rows, now, _receive)
        rows = verify_sns.sift(integration, rows, now)
        if not rows:
            return 0
        receive(integration, rows, now)
        if receive is _receive:  # in the second try the loop claims the pages: events must not wait for a page that cannot be claimed
            deliver.claim_own(now)
    if len(rows) == BATCH or sum(len(row.body) for row in rows) > BATCH_BYTES // 2:
        waited = (now - rows[0].received_at).total_seconds()
        PACE.folded(integration_id, len(rows), time.monotonic() - begun, waited, queries.newest_event())
    return len(rows)


def _receive_halves(integration: Integration, rows: Sequence[RawEvent], now: datetime) -> None:
    """Fold those of which it is known that they fail together."""
    half = len(rows) // 2
    for part in (rows[:half], rows[half:]):
        if part:
            _receive_or_halve(integration, part, now)


def _receive_or_halve(integration: Integration, rows: Sequence[RawEvent], now: datetime) -> None:
    """Fold them; what fails is halved until the bad event stands alone, and its neighbours are folded."""
    try:
        with transaction.atomic():
            _receive(integration, rows, now)
    except (OperationalError, InterfaceError):
        raise  # the database, not the events: all of it again, later
    except Exception as error:
        if len(rows) > 1:
            log.warning("%d events of integration %d failed together and are halved: %s", len(rows), integration.pk, error)
            _receive_halves(integration, rows, now)
            return
        log.exception("event %d of integration %d cannot be folded", rows[0].pk, integration.pk)
        alerts.mark_failed(rows[0], f"It could not be folded: {type(error).__name__}: {error}", now)


def _receive(integration: Integration, rows: Sequence[RawEvent], now: datetime) -> None:
    facts = queries.facts(
        now, Question(procedures.NEWEST), Question(heartbeats.ANY_WATCHDOG, (integration.pk,)), Question(incidents.ANY_WATCHED, (now,))
    )
    version, dogs, watched = facts.also
    procedure = procedures.in_force(version)
    for acts, group in groupby(rows, key=lambda row: row.protocol == act_on_alert.PROTOCOL):
        if acts:
            for row in group:
                act_on_alert.carry_out(integration, row, procedure=procedure, now=now)
        else:
            _fold(integration, list(group), procedure, facts, now, dogs=dogs, watched=watched)


def _fold(
    integration: Integration,
    rows: Sequence[RawEvent],
    procedure: Procedure,
    facts: queries.KnownFacts,
    now: datetime,
    *,
    dogs: bool,
    watched: bool,
) -> None:
    """`dogs`: whether alerts of this integration feed heartbeats. `watched`: whether an incident that is over would open again if its alert
    came back."""
    readings = [read(integration, row) for row in rows]
    operations_deliveries.drop_repeated(integration, readings, now)
    if dogs:
        watch_heartbeats.hear_watchdogs(integration, readings, now)
    done = alerts.fold_events(
        integration, readings, procedure=procedure, now=now, directory=facts.directory,
        place=lambda new: causes.place(new, integration, procedure, facts.grouping, now),
    )  # fmt: skip
    alert_effects.folded(done, integration, procedure, now=now, watched=watched)
    announce(*(("alerts", "board") if any(row.new or row.worsened or not row.firing for row in done.rows) else ("alerts",)))


def _expire() -> int:
    why = "not renewed by its source in time"
    with transaction.atomic():
        now = clock.now()
        ended = alerts.expire_due(now)
        try:
            with transaction.atomic():
                alert_effects.expired(ended, why, now=now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("what follows from the end of %d alerts failed; each is tried alone", len(ended))
            for row in ended:
                _end(row, why, now)
        return len(ended)


def _end(row: alerts.Row, why: str, now: datetime) -> None:
    try:
        with transaction.atomic():
            alert_effects.expired([row], why, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # its pages go on; the others end all the same
        log.exception("what follows from the end of alert %d failed", row.id)


def _silences() -> int:
    with transaction.atomic():
        now = clock.now()
        begun = silenced_now.begin_due(now)
        procedure = procedures.document(procedures.current())
        released = operations_silences.release(now, procedure)
        alert_effects.all_released(released, procedure, now=now)
        return begun + len(released)


def _calm() -> int:
    with transaction.atomic():
        now = clock.now()
        calm = alerts.calm_due(now)
        for alert in calm:
            alert_effects.calm(alert, now=now)
        return len(calm)


def _next_due() -> timedelta | None:
    rest = PACE.left()
    # Something rests: what else falls due is looked at when the rest ends, a second at most. A burst rings a hundred times a second.
    return queries.next_due() if rest is None else timedelta(seconds=rest)


# Two threads: while one folds a storm of one integration, the other takes what the others send.
LOOP = Loop(alerts.LOOP_NAME, take, _next_due, threads=2, shares=False)
