"""Which requests to take a shift has time overtaken, and what do outside calendars say by now?"""

from __future__ import annotations

from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.oncall import operations_calendars, operations_people


@app.periodic(cron="53 * * * *", periodic_id="oncall")
@app.task(name="tocsin.oncall.expire_requests", queue="reminders", queueing_lock="oncall.expire_requests")
def expire_requests(timestamp: int) -> None:
    """Answer requests whose span is over as expired."""
    operations_people.expire_requests(clock.now())


@app.periodic(cron="* * * * *", periodic_id="calendars")
@app.task(name="tocsin.oncall.read_calendars", queue="collect", queueing_lock="oncall.read_calendars")
def read_calendars(timestamp: int) -> None:
    """Read each outside calendar that is due."""
    while (row := operations_calendars.take_due(clock.now())) is not None:
        operations_calendars.read(row, clock.now())
