#!/usr/bin/env python3
"""How many events are accepted (stored) a second, and how soon is each answered? Tocsin, a floor, and Alertmanager, in turn.

    python -m tests.performance.intake [--cells 1x1,64x1,16x100] [--table 0,100000,1000000] [--programs tocsin,floor,alertmanager]
        [--seconds 3] [--rounds 3] [--drain 20] [--out FILE]

A cell is CONNECTIONSxALERTS: so many connections with one request in flight on each, so many alerts in a request; 1, 16, 64, 256 connections
and 1 or 100 alerts are what the goals speak of. An `r` after it: every request repeats the same alerts; without it each alert is another one.
A `p` after it: meanwhile each of twenty people is paged for a new cause of their own, and the pages are counted and timed. `--cells all` is every one.

Each round measures each program under each cell, one after the other with the same generator, so that what else the machine does hits
all alike: look at the ratios. `alertmanager` is a fresh one for each measurement; `alertmanager-full` holds 100,000 alerts. What was accepted is
counted in the database afterwards. Before the next program is measured Tocsin folds what it accepted, `--drain` seconds at most.
Without arguments it takes about four minutes; `--table` adds the time to fill it (1,000,000 alerts: some minutes). The tables grow with what is sent.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tests.live import LiveServer, Phone, free_port
from tests.performance.load import Requests, Result, measure
from tests.performance.start_and_memory import below, memory
from tocsin import postgres
from tocsin.postgres.server import Server

ALL = [f"{c}x{a}" for a in (1, 100) for c in (1, 16, 64, 256)] + ["64x1r", "16x100r", "64x1p", "16x100p"]
PROGRAMS = ("tocsin", "floor", "alertmanager", "alertmanager-full")
FULL = 100_000  # alerts that the full Alertmanager holds
PEOPLE = 20  # who are paged while a cell with p is measured
PAGE_SECONDS = 60.0  # so long a page is waited for


class Cell(NamedTuple):
    """One kind of load; `pages`: while pages go out."""

    name: str
    connections: int
    alerts: int
    distinct: bool
    pages: bool


def cell(text: str) -> Cell:
    """From its name, as in the arguments."""
    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})(r?)(p?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text}: a cell is written 64x1, 16x100r or 64x1p")
    return Cell(text, int(found[1]), int(found[2]), not found[3], bool(found[4]))


FILL = """
INSERT INTO alerts_alert (integration_id, dedup_key, status, title, source_severity, severity, severity_reason, link, runbook, labels,
  details, trace, suppressed_by, started_at, first_seen, last_seen, last_event_at, event_count, verdict, verdict_note,
  route, links, added_labels, member_count, cause_severity, group_key, group_reason, openings, reopened)
SELECT (SELECT min(id) FROM alerts_integration), 'fill-' || n, 'firing', 'Filling ' || n, 'info', 'SEV4', '', '', '', '{"a": "b"}', '{}', '[]',
  '', now(), now(), now(), now(), 1, '', '', '{}', '[]', '{}', 0, '', '', '', '{}', 0 FROM generate_series(%s, %s) n
"""


class Tocsin:
    """A whole `tocsin up`."""

    def __init__(self) -> None:
        self.server, self.filled = LiveServer(), 0
        made = self.server.api(
            "POST",
            "/integrations",
            {"name": "Load", "kind": "alertmanager_api_v2", "event_rate": 100_000, "event_burst": 10_000_000},
        )
        self.key, self.url = made["key"], f"{self.server.url}/api/v2/alerts"

    def sql(self, statement: str, *values: Any) -> Any:
        with psycopg.connect(
            postgres.url(self.server.folder / "data", postgres.SUPERUSER, postgres.DATABASE), autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchone()[0] if cursor.description else None

    def kept(self) -> int:
        """Requests in the database."""
        return int(self.sql("SELECT count(*) FROM alerts_rawevent"))

    def fill(self, alerts: int) -> None:
        """So many open alerts in the table."""
        while self.filled < alerts:
            until = min(alerts, self.filled + 50_000)
            self.sql(FILL, self.filled, until - 1)
            self.filled = until
        self.sql("ANALYZE alerts_alert")

    def drain(self, seconds: float) -> bool:
        """Wait until what was accepted is folded, within limits: the next program has the machine for itself. Whether it was."""
        until = time.monotonic() + seconds
        while self.sql("SELECT EXISTS (SELECT 1 FROM alerts_rawevent WHERE state = 'new')"):
            if time.monotonic() > until:
                return False
            time.sleep(0.2)
        return True

    def memory(self) -> float:
        """Megabytes of all processes: their own pages, and their share of what several have."""
        return sum(memory(below(self.server.process.pid)).values())


class People:
    """Twenty people with a service each, who are paged for whatever comes in for it; others for each measurement: who was paged a minute ago is spared."""

    numbers = itertools.count()

    def __init__(self, server: LiveServer) -> None:
        self.server, self.phone, self.keys = server, Phone(), dict[str, str]()
        for _ in range(PEOPLE):
            number = next(self.numbers)
            person = server.api("POST", "/users", {"name": f"Person {number}", "email": f"person-{number}@example.com"})["id"]
            method = server.api(
                "POST", f"/users/{person}/contact-methods", {"kind": "webhook", "address": f"{self.phone.url}/{number}", "verified": True}
            )
            server.api("POST", f"/users/{person}/notification-rules", {"contact_method": method["id"], "after_seconds": 0})
            steps = [{"wait_seconds": 300, "targets": [{"kind": "user", "id": person}]}]
            policy = server.api("POST", "/escalation-policies", {"name": f"Policy {number}", "steps": steps})["id"]
            service = server.api("POST", "/services", {"name": f"service-{number}", "escalation_policy": policy})["id"]
            made = server.api("POST", "/integrations", {"name": f"Paging {number}", "kind": "alertmanager", "service": service})
            self.keys[f"/{number}"] = made["key"]

    def page(self, seconds: float) -> dict[str, Any]:
        """A new cause for each, spread over so many seconds; how many pages came, and how long after acceptance (milliseconds)."""
        accepted = {}
        for path, key in self.keys.items():
            item = {"status": "firing", "fingerprint": path, "labels": {"alertname": f"Cause {path}", "severity": "critical"}}
            status, answer = self.server.ask("POST", f"/in/{key}", {"alerts": [item]}, token="")
            accepted[path] = time.monotonic()
            assert status == 202, (status, answer)
            time.sleep(seconds / PEOPLE)
        until = time.monotonic() + PAGE_SECONDS
        while len(came := self._came()) < PEOPLE and time.monotonic() < until:
            time.sleep(0.05)
        self.phone.close()
        late = sorted((at - accepted[path]) * 1000 for path, at in came.items())
        times = {"page_p50": round(statistics.median(late)), "page_max": round(late[-1])} if late else {}
        return {"pages": len(came), **times}

    def _came(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for at, path, _ in self.phone.received:
            found.setdefault(path, at)
        return found


def _load(told: Any, request: tuple[str, str, int, bool], connections: int, seconds: float) -> None:
    told.put(measure(Requests(*request), connections, seconds))


def beside_pages(people: People, request: tuple[str, str, int, bool], connections: int, seconds: float) -> tuple[Result, dict[str, Any]]:
    """The load from another process, the pages from this one."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=_load, args=(told, request, connections, seconds + 1.0))
    process.start()
    time.sleep(1.0)  # it has begun
    pages = people.page(seconds)
    result = told.get(timeout=120)
    process.join(30)
    return result, pages


@contextmanager
def floor() -> Iterator[tuple[str, str]]:
    """The floor on an embedded PostgreSQL of the same settings; its address and its database's."""
    folder, port = Path(tempfile.mkdtemp(prefix="tocsin-floor-")), free_port()
    server = Server(folder)
    server.start()
    address = postgres.url(folder, postgres.SUPERUSER, postgres.DATABASE)
    process = subprocess.Popen([sys.executable, "-m", "tests.performance.floor", str(port), address])
    try:
        yield _listening(port), address
    finally:
        process.terminate()
        process.wait(10)
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alertmanager(holds: int = 0) -> Iterator[str]:
    """Debian's Alertmanager, which keeps alerts in memory; its address."""
    folder, port = Path(tempfile.mkdtemp(prefix="tocsin-alertmanager-")), free_port()
    (folder / "config.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    command = [
        "prometheus-alertmanager", f"--config.file={folder / 'config.yml'}", f"--storage.path={folder}", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = _listening(port)
        requests, held = Requests(url, "", 100, True), 0
        while held < holds:
            held += measure(requests, 4, 1.0).accepted
        yield url
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _listening(port: int) -> str:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        with socket.socket() as one:
            if not one.connect_ex(("127.0.0.1", port)):
                return f"http://127.0.0.1:{port}/api/v2/alerts"
        time.sleep(0.1)
    raise SystemExit(f"nobody listens at port {port}")


class Session:
    """One session of measuring: the programs that run all the time, and what was measured."""

    def __init__(self, options: argparse.Namespace, programs: ExitStack) -> None:
        self.options, self.rows = options, list[dict[str, Any]]()
        self.tocsin = Tocsin()
        programs.callback(self.tocsin.server.stop)
        if "floor" in options.programs:
            self.floor, self.floor_database = programs.enter_context(floor())
        if "alertmanager-full" in options.programs:
            self.full = programs.enter_context(alertmanager(FULL))

    def measure(self, program: str, what: Cell, size: int, number: int) -> None:
        """Measure one program under one cell."""
        more: dict[str, Any] = {}
        if program == "tocsin":
            result, more = self._tocsin(what)
        elif program == "floor":
            before = self._kept_by_floor()
            result = self._plain(self.floor, what)
            more["stored"] = self._kept_by_floor() - before
        elif program == "alertmanager":
            with alertmanager() as url:
                result = self._plain(url, what)
        else:
            result = self._plain(self.full, what)
        row = {
            "program": program, "open": size, "round": number, "cell": what.name, "rate": round(result.rate), "p50": round(result.at(0.5), 2),
            "p99": round(result.at(0.99), 2), "accepted": result.accepted, "statuses": result.statuses, "lost": result.lost, **more,
        }  # fmt: skip
        self.rows.append(row)
        print(json.dumps(row), flush=True)

    def _plain(self, url: str, what: Cell) -> Result:
        return measure(Requests(url, "", what.alerts, what.distinct), what.connections, self.options.seconds)

    def _tocsin(self, what: Cell) -> tuple[Result, dict[str, Any]]:
        people = People(self.tocsin.server) if what.pages else None
        before, begun = self.tocsin.kept(), time.monotonic()
        request, pages = (self.tocsin.url, self.tocsin.key, what.alerts, what.distinct), {}
        if people:
            result, pages = beside_pages(people, request, what.connections, self.options.seconds)
        else:
            result = measure(Requests(*request), what.connections, self.options.seconds)
        kept = self.tocsin.kept() - before - (PEOPLE if people else 0)
        folded = self.tocsin.drain(self.options.drain)
        spent = time.monotonic() - begun
        return result, {"stored": kept * what.alerts, "folded_rate": round(kept * what.alerts / spent) if folded else None, **pages}

    def _kept_by_floor(self) -> int:
        with psycopg.connect(self.floor_database) as connection:
            row = connection.execute("SELECT count(*) FROM kept").fetchone()
            return int(row[0]) if row else 0


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Medians over the rounds, and ratios to the floor and to Alertmanager, as a Markdown table."""
    yield "| open alerts | cell | program | events/s | p50 ms | p99 ms | accepted | in the database | folded/s | pages, p50, max ms | × floor | × Alertmanager |"
    yield "| --- " * 12 + "|"

    def of(like: dict[str, Any], value: str, program: str = "", size: int | None = None) -> float | None:
        program, size = program or like["program"], like["open"] if size is None else size
        found = [row.get(value) for row in rows if (row["program"], row["open"], row["cell"]) == (program, size, like["cell"])]
        known = [one for one in found if one is not None]
        return statistics.median(known) if known else None

    def total(like: dict[str, Any], value: str) -> str:
        found = [row.get(value) for row in rows if all(row[k] == like[k] for k in ("program", "open", "cell"))]
        return f"{sum(found):,}" if None not in found else ""  # type: ignore[arg-type]

    first = rows[0]["open"]
    for row in (row for row in rows if row["round"] == 0):
        rate = of(row, "rate") or 0.0
        ratios = [f"{rate / other:.2f}" if (other := of(row, "rate", name, first)) else "" for name in ("floor", "alertmanager")]
        folded = of(row, "folded_rate")
        pages = (
            f"{of(row, 'pages'):.0f} of {PEOPLE}, {of(row, 'page_p50') or 0:,.0f}, {of(row, 'page_max') or 0:,.0f}"
            if "pages" in row
            else ""
        )
        yield (
            f"| {row['open']:,} | {row['cell']} | {row['program']} | {rate:,.0f} | {of(row, 'p50'):.1f} | {of(row, 'p99'):.1f} | {total(row, 'accepted')} "
            f"| {total(row, 'stored')} | {'' if folded is None else f'{folded:,.0f}'} | {pages} | {' | '.join(ratios)} |"
        )


def arguments() -> argparse.Namespace:
    """What is to be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cells", type=lambda text: [cell(one) for one in (ALL if text == "all" else text.split(","))], default="1x1,64x1,16x100"
    )
    parser.add_argument("--table", type=lambda text: [int(size) for size in text.split(",")], default="0")
    parser.add_argument("--programs", type=lambda text: text.split(","), default="tocsin,floor,alertmanager")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--drain", type=float, default=20.0, help="seconds to wait for the worker after each measurement")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.seconds, options.rounds, options.drain = min(options.seconds, 60.0), min(options.rounds, 20), min(options.drain, 600.0)
    if unknown := set(options.programs) - set(PROGRAMS):
        parser.error(f"no such program: {', '.join(sorted(unknown))}; there are {', '.join(PROGRAMS)}")
    if not shutil.which("prometheus-alertmanager"):
        options.programs = [one for one in options.programs if not one.startswith("alertmanager")]
        print("prometheus-alertmanager is not installed: it is left out", flush=True)
    return options


def main() -> None:
    """Measure and print."""
    options = arguments()
    with ExitStack() as programs:
        session = Session(options, programs)
        before = session.tocsin.memory()
        for size in options.table:
            session.tocsin.fill(size)
            for number in range(options.rounds):
                for what in options.cells:
                    for program in options.programs if size == options.table[0] else ["tocsin"]:
                        session.measure(program, what, size, number)
        after, kept = session.tocsin.memory(), session.tocsin.kept()
    load = os.getloadavg()[0]
    text = "\n".join(
        [
            *table(session.rows),
            "",
            f"memory of all processes of Tocsin: {before:.0f} MB before, {after:.0f} MB after {kept:,} requests; load {load:.1f}",
        ]
    )
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    if missing := [row for row in session.rows if row["program"] == "tocsin" and row["stored"] < row["accepted"]]:
        raise SystemExit(f"accepted and not stored: {missing}")


if __name__ == "__main__":
    main()
