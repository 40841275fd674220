"""What does a worker process do? It runs the loops of the paging path, each in a thread, and the jobs; and it says that it lives."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from threading import Event, Thread
from typing import Any

log = logging.getLogger(__name__)

BEAT_EVERY = 5.0
LONGEST_STOP = 25.0
# Seconds for which a thread at work keeps the interpreter from the others. A page asks the database a few dozen times and waits for its turn
# after each answer: with Python's 5 ms a storm that is being folded would cost it a tenth of a second and more.
SWITCH = 0.0005


class Worker:
    """The threads of one worker process. A thread that ends before its time is started again."""

    def __init__(self) -> None:
        self.stop = Event()
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
        self.rounds: dict[str, float] = {}
        self.started = time.monotonic()
        self.threads: dict[str, tuple[Thread, Any]] = {}

    def run(self) -> None:
        """Work until told to stop; returns within 25 s of that."""
        from tocsin.jobs import running
        from tocsin.lib import due, http
        from tocsin.response.deliver import open_lanes
        from tocsin.response.loops import AUDITOR, LOOPS
        from tocsin.response.self_watch import Watch

        http.prepare()
        open_lanes()
        sys.setswitchinterval(SWITCH)
        gc.freeze()  # what is loaded by now stays: the collector need not look through it again and again
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())
        for loop in (*LOOPS, AUDITOR):
            for place in range(loop.threads):
                name, bell = f"loop {loop.name}" + (f" {place + 1}" if place else ""), due.bell(loop.name)
                self._keep(name, lambda loop=loop, bell=bell: due.run(self._watched(loop), self.stop, bell))
        self._keep("listen", self._listen)
        self._keep("jobs", lambda: running.run(self.stop, self.name))
        self.watch = Watch("worker", self._silent)
        self._keep("watch", lambda: self.watch.run(self.stop))
        Thread(target=_publish_status_page, name="status page", daemon=True).start()
        log.info("the worker %s runs %s", self.name, ", ".join(loop.name for loop in (*LOOPS, AUDITOR)))
        self._beat_until_stopped()
        self._finish()

    def _keep(self, name: str, work: Any) -> None:
        thread = Thread(target=work, name=name, daemon=True)
        self.threads[name] = (thread, work)
        thread.start()

    def _watched(self, loop: Any) -> Any:
        def take() -> int:
            taken = loop.take()
            self.rounds[loop.name] = time.monotonic()
            return taken

        return replace(loop, take=take)

    def _silent(self) -> dict[str, float]:
        """Seconds since each loop last went round, counted from our start where it never did."""
        from tocsin.response.loops import AUDITOR, LOOPS

        return {loop.name: time.monotonic() - self.rounds.get(loop.name, self.started) for loop in (*LOOPS, AUDITOR)}

    def _listen(self) -> None:
        """Wake the loops that NOTIFY names. While the connection is lost they look by themselves each second."""
        import psycopg
        from django.db import connection

        from tocsin.lib import due

        settings = {key: value for key, value in connection.get_connection_params().items() if key not in ("cursor_factory", "context")}
        while not self.stop.is_set():
            try:
                with psycopg.connect(**settings, autocommit=True) as listening:
                    listening.execute(f"LISTEN {due.CHANNEL}".encode())
                    due.ring_all()
                    while not self.stop.is_set():
                        for message in listening.notifies(timeout=1.0):
                            due.hear(message.payload, message.pid)
            except psycopg.Error as error:
                log.warning("the wake-up connection is lost: %s", error)
                self.stop.wait(1.0)

    def _beat_until_stopped(self) -> None:
        from django.db import Error, close_old_connections, connection

        from tocsin.jobs import heartbeat
        from tocsin.lib.database.shared import borrowed

        while not self.stop.is_set():
            with borrowed():
                try:
                    close_old_connections()
                    heartbeat.beat(self.name, {name: round(time.monotonic() - at, 1) for name, at in self.rounds.items()})
                except Error as error:
                    log.warning("the heartbeat could not be written: %s", error)
                    with contextlib.suppress(Error):
                        connection.close()
            for name, (thread, work) in list(self.threads.items()):
                if not thread.is_alive():
                    log.error("the thread %s ended and is started again", name)
                    self._keep(name, work)
            self.stop.wait(BEAT_EVERY)

    def _finish(self) -> None:
        from django.db import Error

        from tocsin.jobs import heartbeat
        from tocsin.lib import due

        until = time.monotonic() + LONGEST_STOP
        due.ring_all()
        for name, (thread, _) in self.threads.items():
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                log.warning("the thread %s is still at work and is left; its claim falls back by itself", name)
        with contextlib.suppress(Error):
            heartbeat.leave(self.name)
        log.info("the worker %s has stopped", self.name)


def _publish_status_page() -> None:
    """Write the public page once at the start: there is one before anything happened, and after an upgrade or a restore it is today's."""
    from django.db import connection

    from tocsin.statuspage import publishing

    try:
        publishing.publish_now()
    except Exception:  # paging goes on without it, and the job that looks each minute tries again
        log.exception("the status page could not be published at the start")
    finally:
        connection.close()


def main() -> None:
    """Run one worker in this process."""
    threading.stack_size(512 * 1024)
    Worker().run()
