"""How late is the oldest row that each loop of the paging path should have taken? Quick on millions of rows: only what is open is looked at."""

from __future__ import annotations

from django.db import connection

QUERY = """SELECT 'raw_events', coalesce(extract(epoch FROM tocsin_now() - min(received_at)), 0) FROM alerts_rawevent WHERE state = 'new'
UNION ALL SELECT 'escalations', coalesce(greatest(0, extract(epoch FROM tocsin_now() - min(due_at))), 0) FROM paging_escalation
UNION ALL SELECT 'notifications', coalesce(greatest(0, extract(epoch FROM tocsin_now() - min(due_at))), 0) FROM paging_notification
UNION ALL SELECT 'promises', coalesce(greatest(0, extract(epoch FROM tocsin_now() - min(next_at))), 0) FROM obligations_obligation
WHERE state = 'open'"""


def by_loop() -> dict[str, float]:
    """Seconds by loop; 0 where nothing is late."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY)
        return {loop: float(late) for loop, late in cursor.fetchall()}
