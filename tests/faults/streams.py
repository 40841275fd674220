"""What comes in at the same moment, and who watches when a part stands still."""

from __future__ import annotations

import os
import signal
import threading
import time

from tests.faults.house import House
from tests.faults.processes import fresh
from tests.faults.table import line
from tests.live import until


@line("stream", "100 equal events in parallel", "one alert that counts 100, one page")
def equal(house: House) -> str:
    title, answers = fresh("equal"), []
    threads = [threading.Thread(target=lambda: answers.append(house.send(title))) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [202] * 100, answers
    found = until(lambda: house.rows("SELECT event_count FROM alerts_alert WHERE title = %s", title), lambda rows: rows == [(100,)], 15)
    house.paged(title, 15)
    time.sleep(2)
    assert len(house.phone.pages(title)) == 1
    return f"{len(found)} alert, {found[0][0]} events, 1 page"


@line("self-watch", "the worker stuck but alive (SIGSTOP)", "alarm within 60 s without a write, the outside ping stops")
def stuck(house: House) -> str:
    from tests.scenarios.test_self_watch import Outside

    outside = Outside()
    other = House(TOCSIN_HEARTBEAT_URL=f"{outside.url}/ping", TOCSIN_ALARM=f"{outside.url}/alarm")
    try:
        other.person()
        until(lambda: outside.pings, bool, 90)
        outside.alarms.clear()
        worker = other.pids("worker")[0]
        os.kill(worker, signal.SIGSTOP)
        begun, pings = time.monotonic(), len(outside.pings)
        until(lambda: outside.alarms, bool, 60)
        took = time.monotonic() - begun
        assert len(outside.pings) == pings
        os.kill(worker, signal.SIGCONT)
        return f"alarm after {took:.0f} s ({outside.alarms[0]['kinds'][0]}), no ping since"
    finally:
        other.close()
        outside.server.shutdown()
