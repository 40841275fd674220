"""Has a worker been heard lately? The only file that writes the heartbeats."""

from __future__ import annotations

import json

from django.db import connection

FRESH = 30  # seconds within which a worker counts as alive
FORGOTTEN = 3600  # seconds after which a silent worker's row goes


def beat(name: str, loops: dict[str, float]) -> None:
    """Say that this worker lives, by the database's real clock, and forget those not heard for an hour."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_workerheartbeat (name, started_at, at, loops) VALUES (%s, clock_timestamp(), clock_timestamp(), %s)"
            " ON CONFLICT (name) DO UPDATE SET at = excluded.at, loops = excluded.loops",
            [name[:200], json.dumps(loops)],
        )
        cursor.execute("DELETE FROM jobs_workerheartbeat WHERE at < clock_timestamp() - make_interval(secs => %s)", [FORGOTTEN])


def leave(name: str) -> None:
    """Say that this worker has stopped on purpose."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_workerheartbeat WHERE name = %s", [name[:200]])


def silence() -> float | None:
    """Seconds since any worker was last heard; None if none ever was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - max(at))::float8 FROM jobs_workerheartbeat")
        return cursor.fetchone()[0]
