"""What time is it? The only module that reads the clock, and it reads the database's.

Every decision is taken against the database's transaction time, so that machines whose own clocks disagree still agree.
Tests move it by writing an interval into the one row of `clock_shift`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db import connection

_own = False  # this process has no database: it goes by its machine's clock


def of_this_machine() -> None:
    """Go by this machine's clock from now on: for the watch on another host, which has no database."""
    global _own
    _own = True


def now() -> datetime:
    """The database's time at the start of the current transaction, aware, in UTC, with the test shift added."""
    if _own:
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tocsin_now()")
        return cursor.fetchone()[0]


_real: tuple[float, float] | None = None  # the database's seconds minus the monotonic ones, and until when that is believed


def real() -> int:
    """The database's own time, in seconds since 1970, without the test shift: what strangers compare with their clocks. It is asked once a
    minute and counted on by the monotonic clock, so that nothing stands between a page and its call."""
    global _real
    if _own:
        return int(now().timestamp())
    if _real is None or time.monotonic() > _real[1]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            _real = (cursor.fetchone()[0] - time.monotonic(), time.monotonic() + 60)
    return int(_real[0] + time.monotonic())


def shift(by: timedelta) -> None:
    """Move the clock of everybody who asks this database by `by` from real time (for tests and drills; not reachable from any surface)."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE clock_shift SET shift = %s", [by])  # type: ignore[list-item]  # psycopg takes a timedelta; the stubs do not know it
