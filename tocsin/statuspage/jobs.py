"""Which work of the status page may wait a moment? Publishing: after each update, and when a day ends, for the bars."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.statuspage import operations, operations_maintenance, publishing
from tocsin.statuspage.models import StatusPage

QUEUE = "publish"


@app.task(name="tocsin.statuspage.publish", queue=QUEUE, retry=RetryStrategy(max_attempts=20, wait=3))
def publish() -> None:
    """Write the files from what the database says now. Running it more often than needed changes nothing."""
    publishing.publish_now()


@app.periodic(cron="* * * * *", periodic_id="statuspage")
@app.task(name="tocsin.statuspage.refresh", queue=QUEUE)
def refresh(timestamp: int) -> None:
    """Publish where nothing was published yet, where the files are gone, where a day has ended since, and as maintenance begins and ends."""
    now = clock.now()
    operations.default_page()
    pages = list(StatusPage.objects.all())
    moved = operations_maintenance.advance(now)
    if moved or not (publishing.folder() / "index.html").is_file() or any(_old(page, now) for page in pages):
        publishing.publish_now()


def _old(page: StatusPage, now) -> bool:
    zone = ZoneInfo(page.time_zone)
    return page.published_at is None or page.published_at.astimezone(zone).date() != now.astimezone(zone).date()
