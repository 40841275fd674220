"""Which requests to take a shift has time overtaken?"""

from __future__ import annotations

from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.oncall import operations_people


@app.periodic(cron="53 * * * *", periodic_id="oncall")
@app.task(name="tocsin.oncall.expire_requests", queue="reminders", queueing_lock="oncall.expire_requests")
def expire_requests(timestamp: int) -> None:
    """Answer requests whose span is over as expired."""
    operations_people.expire_requests(clock.now())
