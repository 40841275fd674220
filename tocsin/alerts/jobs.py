"""When are old raw events deleted, when are many taken in again, and when are routing rules tried?"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.accounts.operations import organisation
from tocsin.alerts import operations_deliveries, operations_old, operations_replay, trying
from tocsin.procedures import operations as procedures

log = logging.getLogger(__name__)
MOST_SECONDS = 45.0  # of one run; what is left waits for the next, a minute later
SWEEP_EVERY = timedelta(hours=1)
REPLAY_SECONDS = 20.0  # of one job of a replay; the next job goes on
REPLAY_PAUSE = 0.1  # while others wait to be read


@app.periodic(cron="* * * * *", periodic_id="alerts")  # each minute, so that it keeps up with a storm that goes on for days
@app.task(name="tocsin.alerts.forget_events", queue="default", queueing_lock="alerts.forget_events")
def forget_events(timestamp: int) -> None:
    """Delete raw events that are older, or more, than the organisation keeps, in batches of their own transactions."""
    now, row, kept = clock.now(), operations_old.retention(), organisation()
    until = time.monotonic() + MOST_SECONDS
    read_before, refused_before = now - timedelta(days=kept.event_days), now - timedelta(days=kept.refused_event_days)
    run = _Run(until)
    if row.swept_at is None or row.swept_at <= now - SWEEP_EVERY:
        # Once an hour from the first one on: what was refused grew old too, and what was read late is behind the mark.
        row.looked_until = run.forget(0, read_before=read_before, refused_before=refused_before)
        row.swept_at = row.swept_at if run.cut_off else now
    else:
        row.looked_until = run.forget(row.looked_until, read_before=read_before)
    if (too_much := operations_old.held_bytes() - kept.event_gigabytes * operations_old.GIGABYTE) > 0:
        before = run.bytes
        row.looked_until = run.forget(row.looked_until, read_before=now, bytes_at_most=too_much)
        if (left := too_much - (run.bytes - before)) > 0 and not run.cut_off:  # nothing is left but what could not be read
            run.forget(0, read_before=now, refused_before=now, bytes_at_most=left)
    operations_old.note(row, deleted=run.events, behind=run.cut_off, held=operations_old.held_bytes(), now=now)
    if run.events:
        log.info("%d raw events are deleted", run.events)


class _Run:
    """One run: batch after batch, with a rest half as long as the work in between, until its time is over."""

    def __init__(self, until: float) -> None:
        self.until, self.events, self.bytes, self.cut_off = until, 0, 0, False

    def forget(self, after: int, *, bytes_at_most: int | None = None, **which: Any) -> int:
        """Delete what `operations_old.forget_events` would; the number of the last event that was looked at."""
        before = self.bytes
        while not self.cut_off:
            began = time.monotonic()
            left = None if bytes_at_most is None else bytes_at_most - (self.bytes - before)
            batch = operations_old.forget_events(after, bytes_at_most=left, **which)
            after, self.events, self.bytes = batch.after, self.events + batch.events, self.bytes + batch.bytes
            if batch.ended:
                break
            self.cut_off = time.monotonic() >= self.until
            time.sleep(min(1.0, (time.monotonic() - began) / 2))  # the paging loops and the database's other users go first
        return after


@app.periodic(cron="46 * * * *", periodic_id="deliveries")
@app.task(name="tocsin.alerts.forget_deliveries", queue="default", queueing_lock="alerts.forget_deliveries")
def forget_deliveries(timestamp: int) -> None:
    """Delete the names of deliveries that are older than a day, in batches of their own transactions."""
    until = time.monotonic() + MOST_SECONDS
    while operations_deliveries.forget_deliveries(clock.now()) and time.monotonic() < until:
        continue


@app.task(name="tocsin.alerts.try_rules", queue="default")
def try_rules(trial_id: int) -> None:
    """Find out what other routing rules would have made of the last days."""
    trying.run(trial_id, procedures.ask_in_force(), clock.now())


@app.task(name="tocsin.alerts.replay_events", queue="default", retry=RetryStrategy(max_attempts=100, wait=10))
def replay_events(replay_id: int) -> None:
    """Take many events in once more; a run that was cut off goes on where it was."""
    until = time.monotonic() + REPLAY_SECONDS
    while (taken := operations_replay.take_piece(replay_id, clock.now())) is not None:
        if time.monotonic() >= until:
            replay_events.defer(replay_id=replay_id)
            return
        time.sleep(0 if taken else REPLAY_PAUSE)
