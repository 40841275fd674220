"""What does the organisation do about the events that came in? Reads them, folds them into alerts, and reaches whom the severity demands."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from django.db import InterfaceError, OperationalError, close_old_connections, connection, transaction

from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.alerts import operations as alerts
from tocsin.alerts import operations_deliveries, queries
from tocsin.alerts.models import Alert, Integration, RawEvent
from tocsin.alerts.operations import Effect
from tocsin.domain.alerts import Change
from tocsin.domain.procedure.model import Procedure
from tocsin.lib.due import Loop
from tocsin.procedures import operations as procedures
from tocsin.response import act_on_alert, alert_effects, watch_heartbeats
from tocsin.response.acknowledge import acknowledge_alert
from tocsin.response.read_event import read
from tocsin.timeline.operations import announce

log = logging.getLogger(__name__)
BATCH = 200


def take() -> int:
    """Fold what waits, a batch of each integration in turn, then let alerts run out and silences end; how much was done."""
    done, failed = 0, None
    for integration_id in queries.waiting_integrations():
        try:
            done += _take_of(integration_id)
        except (OperationalError, InterfaceError) as error:  # the others go on; where it is the database itself they fail as well
            log.warning("the events of integration %d wait: %s", integration_id, error)
            failed = error
            if not connection.in_atomic_block:
                close_old_connections()
    overdue = queries.overdue()
    done += (_expire() if overdue.expired else 0) + (_release() if overdue.ended else 0)
    if overdue.unattended:
        alerts.attend()
    if failed and not done:
        raise failed
    return done


def _take_of(integration_id: int) -> int:
    with transaction.atomic():
        if not queries.claim(integration_id):
            return 0
        rows = queries.waiting_events(integration_id, BATCH)
        if not rows:
            return 0
        now, integration = clock.now(), Integration.objects.select_related("service").get(pk=integration_id)
        try:
            with transaction.atomic():
                _receive(integration, rows, now)
        except (OperationalError, InterfaceError):
            raise  # the database, not the events: all of it again, later
        except Exception:
            log.exception("a batch of %d events of integration %d failed; each is tried alone", len(rows), integration_id)
            for row in rows:
                _receive_alone(integration, row, now)
        return len(rows)


def _receive_alone(integration: Integration, row: RawEvent, now: datetime) -> None:
    try:
        with transaction.atomic():
            _receive(integration, [row], now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("event %d of integration %d cannot be folded", row.pk, integration.pk)
        alerts.mark_failed(row, f"It could not be folded: {type(error).__name__}: {error}", now)


def _receive(integration: Integration, rows: Sequence[RawEvent], now: datetime) -> None:
    procedure = procedures.document(procedures.current())
    for acts, group in groupby(rows, key=lambda row: row.protocol == act_on_alert.PROTOCOL):
        if acts:
            for row in group:
                act_on_alert.carry_out(integration, row, procedure=procedure, now=now)
        else:
            _fold(integration, list(group), procedure, now)


def _fold(integration: Integration, rows: Sequence[RawEvent], procedure: Procedure, now: datetime) -> None:
    readings = [read(integration, row) for row in rows]
    operations_deliveries.drop_repeated(integration, readings, now)
    watch_heartbeats.hear_watchdogs(integration, readings, now)
    effects = alerts.fold_events(integration, readings, procedure=procedure, now=now)
    for effect in effects:
        _carry_out(effect, integration, procedure, now)
    announce(*(("alerts", "board") if effects else ("alerts",)))


def _carry_out(effect: Effect, integration: Integration, procedure: Procedure, now: datetime) -> None:
    if effect.change is Change.OPENED:
        alert_effects.opened(effect.alert, procedure, accepted_at=effect.raw.received_at, now=now)
    elif effect.change is Change.WORSENED:
        alert_effects.worsened(effect.alert, procedure, now=now)
    elif effect.change is Change.RESOLVED:
        alert_effects.resolved(effect.alert, "resolved by its source", now=now)
    elif effect.change is Change.ACKNOWLEDGED:
        acknowledge_alert(alert=effect.alert, by=Actor(None, integration.name, "source"), now=now, via="source")


def _expire() -> int:
    with transaction.atomic():
        now = clock.now()
        ended = alerts.expire_due(now)
        for alert in ended:
            _end(alert, now)
        return len(ended)


def _end(alert: Alert, now: datetime) -> None:
    try:
        with transaction.atomic():
            alert_effects.resolved(alert, "not renewed by its source in time", now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # its pages go on; the others end all the same
        log.exception("what follows from the end of alert %d failed", alert.pk)


def _release() -> int:
    with transaction.atomic():
        now = clock.now()
        procedure = procedures.document(procedures.current())
        released = alerts.release(now, procedure)
        for alert in released:
            alert_effects.released(alert, procedure, now=now)
        return len(released)


def _next_due() -> datetime | None:
    times = [at for at in (queries.next_expiry(), queries.next_silence_end()) if at]
    return min(times, default=None)


LOOP = Loop(alerts.LOOP_NAME, take, _next_due)
