"""Is everything that was accepted on its way? Once a minute: events without an outcome, escalations, pages and promises that stand still.

The auditor mends nothing. It says so in the log, in the metrics, and to the administrators: a loop that is alive but does not do its work,
or a row that it cannot take, must not go unnoticed.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from tocsin import clock
from tocsin.lib.due import Loop
from tocsin.response import administrators

log = logging.getLogger(__name__)
EVERY = 60.0  # seconds
# What stands still, in words, and how it is counted. Each is quick on millions of rows: only what is open is looked at, or what is new.
QUESTIONS = (
    (
        "events",
        "accepted events have no outcome after a minute",
        "SELECT count(*) FROM alerts_rawevent WHERE state = 'new' AND received_at < tocsin_now() - interval '1 minute'",
    ),
    (
        "failed_events",
        "accepted events could not be folded in the last hour; they can be replayed",
        "SELECT count(*) FROM alerts_rawevent WHERE id > (SELECT coalesce(max(id), 0) - 20000 FROM alerts_rawevent) AND state = 'refused'"
        " AND error LIKE 'It could not be folded%' AND processed_at > tocsin_now() - interval '1 hour'",
    ),
    (
        "escalations",
        "running escalations have no next step, or one that is more than a minute late",
        "SELECT count(*) FROM paging_escalation WHERE (status = 'running' AND due_at IS NULL)"
        " OR due_at < tocsin_now() - interval '1 minute'",
    ),
    (
        "pages",
        "pages have no final state after 15 minutes, or are more than a minute late",
        "SELECT count(*) FROM paging_notification WHERE due_at IS NOT NULL AND kind IN ('page', 'fallback', 'post')"
        " AND (sent_at < tocsin_now() - interval '15 minutes' OR (sent_at IS NULL AND due_at < tocsin_now() - interval '1 minute'))",
    ),
    (
        "promises",
        "promises should have been looked at more than a minute ago",
        "SELECT count(*) FROM obligations_obligation WHERE state = 'open' AND next_at < tocsin_now() - interval '1 minute'",
    ),
)


@dataclass(frozen=True)
class Look:
    """When this process's auditor last looked, by the monotonic clock, and what it found in words."""

    at: float
    findings: tuple[str, ...] = ()


last: Look | None = None


@dataclass(frozen=True)
class Finding:
    """So many of that kind stand still."""

    kind: str
    count: int
    words: str

    def __str__(self) -> str:
        return f"{self.count} {self.words}"


def counts() -> list[tuple[str, int]]:
    """How much stands still, by kind."""
    found = []
    with connection.cursor() as cursor:
        for kind, _, query in QUESTIONS:
            cursor.execute(query)
            found.append((kind, int(cursor.fetchone()[0])))
    return found


def audit(now: datetime) -> list[Finding]:
    """Look once. What is found is logged, and told to the administrators once an hour for each kind."""
    words = {kind: text for kind, text, _ in QUESTIONS}
    found = [Finding(kind, count, words[kind]) for kind, count in counts() if count]
    for finding in found:
        log.error("the auditor found that %s", finding)
        with transaction.atomic():
            _tell(finding, now)
    return found


def _tell(finding: Finding, now: datetime) -> None:
    text = f"{finding}.\n`tocsin doctor` says more; /metrics has the figures."
    administrators.tell(f"Tocsin itself needs attention: {finding}", text, identity=f"audit:{finding.kind}:{now:%Y%m%d%H}", now=now)


class _Auditor:
    """When it last looked, by the monotonic clock; the first time a minute after the start, when the loops have caught up."""

    def __init__(self) -> None:
        self.looked = time.monotonic()

    def take(self) -> int:
        """Look, if it is time to. Never more work at once: 0."""
        global last
        if time.monotonic() - self.looked >= EVERY:
            self.looked = time.monotonic()
            found = audit(clock.now())
            last = Look(time.monotonic(), tuple(str(finding) for finding in found or ()))
        return 0


LOOP = Loop("auditor", _Auditor().take, lambda: None)
