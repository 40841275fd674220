"""Who pages when the pager is ill? Each worker and web process looks at itself and at the others every few seconds.

It raises the alarm without a write to the database, and a worker tells the outside that all is well: only when the canary arrived and
every check passed. When that ping stops, whoever waits for it outside pages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from django.conf import settings
from django.db import Error, InterfaceError, close_old_connections, connection

from tocsin.accounts.models import User
from tocsin.domain import self_watch as rules
from tocsin.domain.self_watch import Problem, Seen, Told
from tocsin.jobs import heartbeat
from tocsin.lib import http
from tocsin.lib.database.shared import borrowed
from tocsin.paging import operations_canary, operations_state
from tocsin.response import alarm, audit, lateness

log = logging.getLogger(__name__)
LOOK_EVERY = 5.0
PING_EVERY = 60.0
PING_LIMIT = 10.0
_pings = ThreadPoolExecutor(1, thread_name_prefix="outside ping")


class Watch:
    """The eyes of one process. `rounds`: seconds since each of its loops last went round; None in a process that has none (web)."""

    def __init__(self, process: str, rounds: Callable[[], Mapping[str, float]] | None = None) -> None:
        self.process, self.rounds = process, rounds
        self.started = self.answered = self.looked = time.monotonic()
        self.told = Told()
        self.canary_ago: float | None = None  # as the database said; None: none has arrived
        self.pinged: float | None = None  # when a ping was last sent
        self.ping_ok: float | None = None  # and when one was last answered

    def run(self, stop: Event) -> None:
        """Look until told to stop. Whatever goes wrong in a look is a reason to look again."""
        while not stop.wait(LOOK_EVERY):
            with borrowed():
                try:
                    self.round()
                except Exception:
                    log.exception("a look at the state of this process failed")
                finally:
                    close_old_connections()

    def round(self) -> None:
        """One look, and what follows from it."""
        problems = self.look()
        tell, over = self.told.again(problems, time.monotonic())
        if tell or over:
            alarm.raise_alarm(tell, self.process)
        if not problems:
            self._ping()

    def look(self) -> list[Problem]:
        """What is wrong now."""
        # Where this thread itself could not look, the loops could not go round either: they are judged from the next look on.
        asleep, self.looked = time.monotonic() - self.looked > 3 * LOOK_EVERY, time.monotonic()
        rounds = self.rounds() if self.rounds and not asleep else {}
        try:
            close_old_connections()
            seen = self._workers_view(rounds) if self.rounds is not None else Seen(worker=self._silence())
            self.answered = time.monotonic()
        except (Error, InterfaceError) as error:
            log.warning("the database does not answer: %s", type(error).__name__)
            connection.close()
            seen = Seen(database=time.monotonic() - self.answered, rounds=rounds)
        return rules.judge(seen)

    def _silence(self) -> float:
        """Seconds that no worker was heard; since our own start where none ever was."""
        silence = heartbeat.silence()
        alarm.remember()
        own = time.monotonic() - self.started
        return own if silence is None else min(own, silence)

    def _workers_view(self, rounds: Mapping[str, float]) -> Seen:
        own = time.monotonic() - self.started
        self.canary_ago = operations_canary.arrival().ago
        canary = min(own, self.canary_ago) if self.canary_ago is not None else own
        alarm.remember()
        return Seen(
            late=lateness.by_loop(),
            rounds=rounds,
            auditor=min(own, time.monotonic() - audit.last.at) if audit.last else own,
            findings=audit.last.findings if audit.last else (),
            canary=canary if User.objects.filter(is_active=True, removed_at=None).exists() else None,
            held=operations_state.state().held_since is not None,
        )

    def _ping(self) -> None:
        """Tell the outside that all is well, once a minute; an address that does not answer changes nothing here."""
        if self.rounds is None or not settings.HEARTBEAT_URL or self.canary_ago is None or self.canary_ago > rules.CANARY_SILENT:
            return
        if self.pinged is not None and time.monotonic() - self.pinged < PING_EVERY:
            return
        self.pinged = time.monotonic()
        _pings.submit(self._send_ping)

    def _send_ping(self) -> None:
        try:
            answer = http.request("GET", settings.HEARTBEAT_URL, time_limit=PING_LIMIT)
        except (http.BlockedError, http.UnreachableError) as error:
            log.warning("the outside ping could not be sent: %s", error)
            return
        if answer.status < 300:
            self.ping_ok = time.monotonic()
        else:
            log.warning("the outside ping was answered with %d", answer.status)
