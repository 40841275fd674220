"""When is what is no longer needed of sign-ins forgotten?"""

from __future__ import annotations

import logging

from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.accounts import operations_old

log = logging.getLogger(__name__)


@app.periodic(cron="17 * * * *", periodic_id="accounts")  # hourly: a worker that is down for one of the minutes delays it by an hour only
@app.task(name="tocsin.accounts.forget_old", queue="default", queueing_lock="accounts.forget_old")
def forget_old(timestamp: int) -> None:
    """Delete old answers, one-time tokens and sessions. Running it more often than needed changes nothing."""
    gone = operations_old.forget_old(clock.now())
    if any(gone.values()):
        log.info("forgotten: %s", ", ".join(f"{count} {what}" for what, count in gone.items()))
