"""Worker, web, supervisor: killed, frozen, told to stop, three at once."""

from __future__ import annotations

import os
import re
import signal
import time
import uuid

from tests.faults.house import House, Load
from tests.faults.table import line
from tests.live import until

GROUP = "process"


def fresh(what: str) -> str:
    return f"{what} {uuid.uuid4().hex[:8]}"


def once(house: House, title: str, seconds: float, *, more: float = 2.0) -> float:
    """Seconds until it rang; fails when it rings twice."""
    begun = time.monotonic()
    house.paged(title, seconds)
    took = time.monotonic() - begun
    time.sleep(more)
    assert len(house.phone.pages(title)) == 1, f"{len(house.phone.pages(title))} pages"
    return took


# -- how soon paging works again ------------------------------------------------------------------------------------------


def _again(house: House, hurt: str, goal: float) -> str:
    house.alone()
    time.sleep(max(0.0, house.server.started + 6 - time.monotonic()))  # its parts had been at work: they are started again at once
    begun = time.monotonic()
    if hurt == "all":
        house.kill_all()
        house.server.start()
    else:
        house.kill(hurt)
        if hurt == "web":
            time.sleep(0.05)
    house.works_again()
    took = time.monotonic() - begun
    assert took <= goal, f"{took:.1f} s"
    return f"{took:.1f} s"


@line("again", "kill -9 of the worker, then an event", "paged within 5 s of the kill")
def again_worker(house: House) -> str:
    return _again(house, "worker", 5)


@line("again", "kill -9 of web, then an event", "paged within 5 s of the kill")
def again_web(house: House) -> str:
    return _again(house, "web", 5)


@line("again", "kill -9 of the database, then an event", "paged within 10 s of the kill")
def again_database(house: House) -> str:
    return _again(house, "postgres", 10)


@line("again", "kill -9 of everything, `tocsin up`, then an event", "paged within 15 s of the kill")
def again_all(house: House) -> str:
    return _again(house, "all", 15)


# -- each in its turn ------------------------------------------------------------------------------------------------------


@line(GROUP, "kill -9 of the worker before the call (it was frozen, the event came in, then it was killed)", "paged once within 15 s")
def before_the_call(house: House) -> str:
    worker, title = house.pids("worker")[0], fresh("before")
    os.kill(worker, signal.SIGSTOP)
    assert house.send(title) == 202
    os.kill(worker, signal.SIGKILL)
    return f"once, after {once(house, title, 15):.1f} s"


@line(GROUP, "kill -9 of the worker between the call and its mark", "at most one more, marked")
def between_call_and_mark(house: House) -> str:
    title = fresh("between")
    house.phone.answers.clear()
    try:
        assert house.send(title) == 202
        until(lambda: house.phone.pages(title), bool, 15, pause=0.02)
        house.kill("worker")
    finally:
        house.phone.answers.set()
    pages = until(lambda: house.phone.pages(title), lambda found: len(found) == 2, 25)
    time.sleep(1)
    assert len(house.phone.pages(title)) == 2 and pages[1]["facts"]["possible_duplicate"] and pages[0]["id"] == pages[1]["id"]
    return "one more, marked, with the same key"


@line(GROUP, "kill -9 of the worker between the mark and the next step (due 1.5 s after the kill)", "the next step at most 5 s late")
def before_the_next_step(house: House) -> str:
    house.alone()
    house.person(then=6)
    title = fresh("next")
    assert house.send(title) == 202
    house.paged(title, 15)
    begun = time.monotonic()
    time.sleep(4.5)
    house.kill("worker")
    until(lambda: len(house.phone.pages(title)), lambda count: count == 2, 20, pause=0.05)
    late = time.monotonic() - begun - 6
    assert late <= 5, f"{late:.1f} s late"
    return f"{max(late, 0):.1f} s late"


@line(GROUP, "kill -9 of web while events come in", "nothing accepted is lost")
def web_under_load(house: House) -> str:
    integration = house.integration(fresh("load"))
    load = Load(house, integration)
    try:
        load.wait_for(50)
        house.kill("web")
        load.wait_for(50)
    finally:
        load.stop()
    assert load.answers <= {202, 503, 0}, load.answers
    until(lambda: load.accepted - house.titles(integration["id"]), lambda missing: not missing, 30, pause=0.5)
    return f"{len(load.accepted)} accepted, 0 lost"


@line(GROUP, "SIGTERM to the worker while it sends", "it ends within 25 s, the page goes out once")
def told_to_stop(house: House) -> str:
    title, worker = fresh("term"), house.pids("worker")[0]
    house.phone.patience = 1.5
    try:
        assert house.send(title) == 202
        until(lambda: house.phone.pages(title), bool, 15, pause=0.02)
        os.kill(worker, signal.SIGTERM)
        begun = time.monotonic()
        until(lambda: worker in house.pids("worker"), lambda runs: not runs, 25)
        took = time.monotonic() - begun
    finally:
        house.phone.patience = 0.0
    once(house, title, 1, more=3)
    return f"ended after {took:.1f} s, one page"


@line(GROUP, "one of two workers frozen for 20 s", "the other goes on, nothing runs twice")
def frozen(house: House) -> str:
    house.worker()
    until(
        lambda: house.rows("SELECT count(*) FROM jobs_workerheartbeat WHERE at > clock_timestamp() - interval '8 seconds'")[0][0],
        lambda n: n >= 2,
        30,
    )
    worker, titles = house.pids("worker")[0], []
    os.kill(worker, signal.SIGSTOP)
    try:
        for _ in range(4):
            house.person()
            titles.append(fresh("frozen"))
            assert house.send(titles[-1]) == 202
        for title in titles:
            house.paged(title, 40)
        time.sleep(12)
    finally:
        os.kill(worker, signal.SIGCONT)
    time.sleep(4)
    doubled = [
        title for title in titles if len([page for page in house.phone.pages(title) if not page["facts"]["possible_duplicate"]]) != 1
    ]
    assert not doubled, doubled
    return f"{len(titles)} pages, none doubled"


@line(GROUP, "three workers at once, 30 people paged at the same time", "each page once")
def three_workers(house: House) -> str:
    while len(house.workers) < 2:
        house.worker()
    time.sleep(5)
    keys, titles = [house.person() for _ in range(30)], [fresh("three") for _ in range(30)]
    for key, title in zip(keys, titles, strict=True):
        assert house.send(title, key=key) == 202
    for title in titles:
        house.paged(title, 15)
    time.sleep(3)
    counts = [len(house.phone.pages(title)) for title in titles]
    assert counts == [1] * 30, counts
    return "30 pages, each once"


@line(
    GROUP,
    "the worker killed three times, each time when it had been at work for 6 s",
    "started again at once, paged within 5 s of each kill",
)
def killed_again_and_again(house: House) -> str:
    took = []
    house.alone()
    until(lambda: house.pids("worker"), bool, 40)
    for _ in range(3):
        time.sleep(6)
        house.person()
        begun = time.monotonic()
        house.kill("worker")
        house.works_again()
        took.append(time.monotonic() - begun)
    assert max(took) <= 5, took
    return f"paged {', '.join(f'{one:.1f}' for one in took)} s after the kill"


@line(GROUP, "the worker killed four times before it could do anything", "started again with growing pauses, in clear text")
def crash_loop(house: House) -> str:
    for _ in range(4):
        until(lambda: house.pids("worker"), bool, 40)
        house.kill("worker")
        time.sleep(0.3)
    said = re.findall(r"worker was killed by SIGKILL: starting it again (.*?) \(log", house.server.log_text())[-4:]
    pauses = [int(word.split()[1]) if word != "at once" else 0 for word in said]
    assert len(pauses) == 4 and pauses == sorted(pauses) and (pauses[1] < pauses[3] or pauses[3] == 30), said
    until(lambda: house.pids("worker"), bool, 40)
    return f"started again {', '.join(said)}"


@line(GROUP, "the supervisor alone killed, and started again", "a new one recovers by itself")
def supervisor(house: House) -> str:
    house.server.process.kill()
    house.server.process.wait()
    begun = time.monotonic()
    house.server.start()
    took = time.monotonic() - begun
    return f"ready after {took:.1f} s, a page {house.works_again():.1f} s later"
