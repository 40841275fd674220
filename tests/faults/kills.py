"""Random kills while events come in: nothing lost, nobody paged who should not be, no page doubled beyond what a crash allows (R1, R7)."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from itertools import count

from tests.faults.house import House
from tests.live import until

SENDERS = 8
PAGED = 100  # of the events are critical, each for a person of their own
VICTIMS = (
    "worker beside",
    "worker beside",
    "worker beside",
    "web",
    "web",
    "database process",
    "database process",
    "supervised worker",
    "database",
)


@dataclass
class Senders:
    """Report all events, each until it was accepted; `titles` are the critical ones."""

    house: House
    events: int
    seconds: float
    keys: list[str]
    quiet_key: str
    accepted: set[int] = field(default_factory=set)
    again: int = 0
    titles: dict[int, str] = field(default_factory=dict)

    def run(self) -> None:
        numbers, begun, lock = count(), time.monotonic(), threading.Lock()
        every = max(1, self.events // len(self.keys))

        def send() -> None:
            connection: http.client.HTTPConnection | None = None
            while (number := next(numbers)) < self.events:
                time.sleep(max(0.0, begun + number * self.seconds / self.events - time.monotonic()))
                critical = number % every == every // 2 and number // every < len(self.keys)
                key = self.keys[number // every] if critical else self.quiet_key
                title = f"kill {number} end"
                if critical:
                    self.titles[number] = title
                labels = {"alertname": title, "severity": "critical" if critical else "info"}
                body = json.dumps(
                    {"alerts": [{"status": "firing", "fingerprint": title, "labels": labels, "annotations": {"summary": title}}]}
                )
                while True:
                    try:
                        connection = connection or http.client.HTTPConnection("127.0.0.1", self.house.server.port, timeout=10)
                        connection.request("POST", f"/in/{key}", body, {"Content-Type": "application/json"})
                        answer = connection.getresponse()
                        answer.read()
                        if answer.status == 202:
                            break
                    except (OSError, http.client.HTTPException):
                        if connection:
                            connection.close()
                        connection = None
                    with lock:
                        self.again += 1
                    time.sleep(0.1)
                with lock:
                    self.accepted.add(number)

        threads = [threading.Thread(target=send) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def strike(house: House, victim: str) -> bool:
    """Kill one; False where it was not there just now."""
    pids: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        if victim == "worker beside":
            chosen = random.choice(house.workers)
            chosen.kill()
            chosen.wait()
            house.workers.remove(chosen)
            house.worker()
            return True
        pids = {
            "web": house.served_by,
            "database process": house.backends,
            "supervised worker": lambda: house.pids("worker"),
            "database": lambda: [house.postmaster()],
        }[victim]()
        if pids:
            os.kill(random.choice(pids), signal.SIGKILL)
    return bool(pids)


def random_kills(house: House, kills: int, events: int, gap: float, *, seed: int = 7, settle: float = 35.0) -> str:
    """The whole run; what was seen. Raises AssertionError where something was lost, undue or doubled without a mark."""
    random.seed(seed)
    while len(house.workers) < 2:
        house.worker()
    paged = min(PAGED, events // 20)
    senders = Senders(house, events, kills * gap, [house.person() for _ in range(paged)], house.integration("quiet")["key"])
    sending = threading.Thread(target=senders.run)
    sending.start()
    done: dict[str, int] = {}
    while sum(done.values()) < kills:
        time.sleep(gap * random.uniform(0.5, 1.5))
        victim = random.choice(VICTIMS)
        if strike(house, victim):
            done[victim] = done.get(victim, 0) + 1
    sending.join(240)
    assert not sending.is_alive(), f"{len(senders.accepted)} of {events} accepted"
    query = "SELECT count(DISTINCT dedup_key) FROM alerts_alert WHERE title LIKE 'kill %% end'"
    known = until(lambda: _known(house, query), lambda found: found == events, 120, pause=1.0)
    missing = [title for title in senders.titles.values() if not house.phone.pages(title)]
    with contextlib.suppress(AssertionError):
        until(lambda: [title for title in senders.titles.values() if not house.phone.pages(title)], lambda left: not left, 60)
        missing = []
    time.sleep(settle)  # the longest lease: what is sent twice has been by then
    unmarked = [t for t in senders.titles.values() if len([p for p in house.phone.pages(t) if not p["facts"]["possible_duplicate"]]) > 1]
    marked = sum(len([p for p in house.phone.pages(t) if p["facts"]["possible_duplicate"]]) for t in senders.titles.values())
    undue = [
        p["title"]
        for p in house.phone.heard
        if p["title"].partition(" ")[2].partition(" (")[0] not in senders.titles.values() and "kill " in p["title"]
    ]
    seen = (
        f"{sum(done.values())} kills ({', '.join(f'{n} × {v}' for v, n in sorted(done.items()))}); {known} of {events} accepted events known, "
        f"{events - known} lost, {senders.again} sent again; {len(senders.titles) - len(missing)} of {len(senders.titles)} pages, {len(missing)} missing, "
        f"{len(undue) + len(unmarked)} undue, {marked} marked duplicates"
    )
    assert known == events and not missing and not unmarked and not undue and marked <= kills, seen
    return seen


def _known(house: House, query: str) -> int:
    try:
        return int(house.rows(query)[0][0])
    except Exception:
        return -1
