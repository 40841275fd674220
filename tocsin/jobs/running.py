"""How does a worker process carry out jobs, for ever, and give back those of workers that died?"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from threading import Event
from typing import Any

from django.db import close_old_connections
from procrastinate import App, PsycopgConnector
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.utils import connector_params

from tocsin.jobs import QUEUES
from tocsin.lib.database.shared import borrowed

log = logging.getLogger(__name__)

CONCURRENCY = 3
LONGEST_JOB_AT_THE_END = 20.0  # seconds that a running job gets when the worker is told to stop
RESCUE_EVERY = 60.0
BACK_OFF = 5.0


def run(stop: Event, name: str) -> None:
    """Carry out jobs until `stop` is set. Procrastinate's worker ends by itself when the database is away (D7): it is started again."""
    while not stop.is_set():
        try:
            asyncio.run(_work(stop, name))
        except Exception:
            log.exception("the job worker ended and starts again in %.0f s", BACK_OFF)
        stop.wait(0 if stop.is_set() else BACK_OFF)


async def _work(stop: Event, name: str) -> None:
    # An App of its own: the one of Django keeps the connector that defers jobs inside Django's transactions.
    connector = PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=CONCURRENCY + 1, max_idle=30.0)
    app = django_app.with_connector(connector)
    async with app.open_async():
        work = asyncio.create_task(
            app.run_worker_async(
                queues=list(QUEUES),
                name=name,
                concurrency=CONCURRENCY,
                install_signal_handlers=False,
                delete_jobs="successful",
                shutdown_graceful_timeout=LONGEST_JOB_AT_THE_END,
                task_middleware=[_fresh_connection],
            )
        )
        rescue = asyncio.create_task(_rescue(app))
        try:
            while not stop.is_set() and not work.done():
                await asyncio.sleep(0.2)
        finally:
            rescue.cancel()
            work.cancel()
            await asyncio.gather(work, rescue, return_exceptions=True)
        if not stop.is_set() and not work.cancelled() and (error := work.exception()):
            raise error


def _fresh_connection(call: Any, context: Any, worker: Any) -> Any:
    """Around each job: no connection is used that broke, or grew old, in an earlier one."""
    with borrowed():
        close_old_connections()
        try:
            return call()
        finally:
            close_old_connections()


async def _rescue(app: App) -> None:
    """A killed worker's jobs stay "doing" for ever; give them back (jobs may run twice, so each is written to bear that)."""
    while True:
        for job in await app.job_manager.get_stalled_jobs():
            log.warning("job %s (%s) was left by a worker that died and is tried again", job.id, job.task_name)
            await app.job_manager.retry_job(job, retry_at=datetime.now(UTC))
        await asyncio.sleep(RESCUE_EVERY)
