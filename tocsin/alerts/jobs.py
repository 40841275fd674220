"""When are old raw events deleted, and when are routing rules tried?"""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.alerts import operations_old, trying
from tocsin.procedures import operations as procedures

log = logging.getLogger(__name__)
MOST_BATCHES = 200  # 100 000 events a run; what is left waits for the next


@app.periodic(cron="41 * * * *", periodic_id="alerts")  # hourly, so that each run is short and a missed one matters little
@app.task(name="tocsin.alerts.forget_events", queue="default", queueing_lock="alerts.forget_events")
def forget_events(timestamp: int) -> None:
    """Delete raw events that are older than 30 days, in batches of their own transactions."""
    gone = 0
    for _ in range(MOST_BATCHES):
        batch = operations_old.forget_events(clock.now())
        gone += batch
        if batch < operations_old.BATCH:
            break
    if gone:
        log.info("%d raw events older than %d days are deleted", gone, operations_old.EVENTS_KEPT.days)


@app.task(name="tocsin.alerts.try_rules", queue="default")
def try_rules(trial_id: int) -> None:
    """Find out what other routing rules would have made of the last days."""
    trying.run(trial_id, procedures.document(procedures.current()), clock.now())
