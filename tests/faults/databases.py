"""The database: restarted, killed, cut off, frozen, away, full of connections."""

from __future__ import annotations

import os
import signal
import time

import psycopg

from tests.faults.house import House, Load, children
from tests.faults.processes import fresh
from tests.faults.table import line
from tests.live import until
from tocsin import postgres

GROUP = "database"


def _under_load(house: House, hurt: object, goal: float = 10.0) -> str:
    """Nothing accepted is lost, and paging works again in time, when that is done to the database while events come in."""
    integration = house.integration(fresh("load"))
    load = Load(house, integration)
    try:
        load.wait_for(40)
        back = hurt() if callable(hurt) else None
        began = back or time.monotonic()
        house.works_again()
        took = time.monotonic() - began
        load.wait_for(40)
    finally:
        load.stop()
    assert load.answers <= {202, 503, 0}, load.answers
    until(lambda: load.accepted - house.titles(integration["id"]), lambda missing: not missing, 30, pause=0.5)
    assert took <= goal, f"paging works after {took:.1f} s"
    return f"{len(load.accepted)} accepted, 0 lost; paging works after {took:.1f} s"


@line(GROUP, "kill -9 of the database while events come in", "nothing lost, paging works within 10 s")
def killed(house: House) -> str:
    return _under_load(house, lambda: os.kill(house.postmaster(), signal.SIGKILL))


@line(GROUP, "a fast restart while events come in", "nothing lost, paging works within 10 s")
def fast(house: House) -> str:
    return _under_load(house, lambda: os.kill(house.postmaster(), signal.SIGINT))


@line(GROUP, "an immediate restart while events come in", "nothing lost, paging works within 10 s")
def immediate(house: House) -> str:
    return _under_load(house, lambda: os.kill(house.postmaster(), signal.SIGQUIT))


@line(GROUP, "one of its processes killed (-9): it recovers by itself", "nothing lost, paging works within 10 s")
def backend(house: House) -> str:
    return _under_load(house, lambda: os.kill(house.backends()[0], signal.SIGKILL))


@line(GROUP, "all connections cut", "nothing lost, paging works within 10 s")
def cut(house: House) -> str:
    query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename IN ('tocsin_app', 'tocsin_worker')"
    return _under_load(house, lambda: house.rows(query, role=postgres.SUPERUSER) and None)


@line(GROUP, "it hangs without an answer for 15 s (SIGSTOP of all its processes)", "503 within 6 s, paging works within 10 s of its return")
def hangs(house: House) -> str:
    pids = [house.postmaster(), *children(house.postmaster())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        status = house.send(fresh("hangs"))
        waited = time.monotonic() - begun
        time.sleep(max(0.0, 15 - waited))
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
    took = house.works_again()
    assert status == 503 and waited <= 6 and took <= 10, (status, waited, took)
    return f"{status} after {waited:.1f} s; paging works {took:.1f} s after its return"


def _away(house: House, seconds: float) -> str:
    """Nobody starts it again for so long. What was accepted before, and not sent yet, is sent after its return."""
    waiting, supervisor = fresh("accepted"), house.server.process.pid
    worker = house.pids("worker")[0]
    os.kill(worker, signal.SIGSTOP)
    assert house.send(waiting) == 202
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(house.postmaster(), signal.SIGKILL)
        os.kill(worker, signal.SIGCONT)
        time.sleep(seconds)
        status, headers = house.answer(fresh("away"))
    finally:
        os.kill(supervisor, signal.SIGCONT)
        os.kill(worker, signal.SIGCONT)
    begun = time.monotonic()
    until(lambda: _answers(house), bool, 30, pause=0.05)
    back = time.monotonic()
    house.person()
    house.works_again()
    took = time.monotonic() - back
    house.paged(waiting, max(0.1, 10 - took))
    assert status == 503 and headers["Retry-After"] and took <= 10, (status, headers, took)
    return f"503, Retry-After {headers['Retry-After']}; it answers again after {back - begun:.1f} s, paging works {took:.1f} s after that"


AWAY = "503 with Retry-After meanwhile, what was accepted before is paged, paging works within 10 s of its return"


@line(GROUP, "away for 15 s", AWAY)
def away(house: House) -> str:
    return _away(house, 15)


@line(GROUP, "away for 60 s", AWAY)
def away_a_minute(house: House) -> str:
    return _away(house, 60)


@line(GROUP, "away for 10 minutes", AWAY, long=True)
def away_ten_minutes(house: House) -> str:
    return _away(house, 600)


def _answers(house: House) -> bool:
    try:
        return bool(house.rows("SELECT 1"))
    except psycopg.Error:
        return False


@line(GROUP, "every connection that the program may have is taken", "the worker keeps its own: what was accepted is paged")
def connections(house: House) -> str:
    held: list[psycopg.Connection] = []
    title, another = fresh("full"), house.person()  # one page a minute to one person: the second is for somebody else
    assert house.send(title, key=house.person()) == 202
    try:
        while len(held) < 1_000:
            held.append(psycopg.connect(postgres.url(house.data, postgres.APP), connect_timeout=5))
    except psycopg.OperationalError:
        pass
    try:
        house.kill("worker")  # its connections go, and it must find its places again
        more = fresh("full")
        status = house.send(more, key=another)
        house.paged(title, 20)
        if status == 202:
            house.paged(more, 20)
    finally:
        for one in held:
            one.close()
    return f"{len(held)} taken; paged all the same (intake answered {status})"
