#!/usr/bin/env python3
"""How many events are accepted (stored) a second, and how soon is each answered? Tocsin, a floor, and Alertmanager, in turn.

    python -m tests.performance.intake [--quick] [--seconds 5] [--rounds 3] [--table 0,100000,1000000] [--out FILE]

Each round measures each program under each load, one after the other with the same generator, so that what else the machine does hits
all alike: look at the ratios. What Tocsin accepted is counted in its database afterwards. `--quick` takes about two minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.live import LiveServer, Phone, free_port
from tests.performance.load import Requests, measure
from tocsin import postgres
from tocsin.postgres.server import Server

CONNECTIONS = (1, 16, 64, 256)
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)  # a process that ended while it was looked at
FILL = """
INSERT INTO alerts_alert (integration_id, dedup_key, status, title, source_severity, severity, severity_reason, link, runbook, labels,
  details, trace, suppressed_by, started_at, first_seen, last_seen, last_event_at, event_count, verdict, verdict_note)
SELECT (SELECT min(id) FROM alerts_integration), 'fill-' || n, 'firing', 'Filling ' || n, 'info', 'SEV4', '', '', '', '{"a": "b"}', '{}', '[]',
  '', now(), now(), now(), now(), 1, '', '' FROM generate_series(%s, %s) n
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

    def drain(self, seconds: float) -> None:
        """Wait until what was accepted is folded, within limits: the next program has the machine for itself."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.sql("SELECT EXISTS (SELECT 1 FROM alerts_rawevent WHERE state = 'new')"):
            time.sleep(0.5)

    def memory(self) -> float:
        """Megabytes of all processes: their own pages, and their share of what several have."""
        total = 0
        for pid in _family(self.server.process.pid):
            with suppress(*GONE):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(*GONE):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


@contextmanager
def floor() -> Iterator[str]:
    """The floor on an embedded PostgreSQL of the same settings; its address."""
    folder, port = Path(tempfile.mkdtemp(prefix="tocsin-floor-")), free_port()
    server = Server(folder)
    server.start()
    address = postgres.url(folder, postgres.SUPERUSER, postgres.DATABASE)
    process = subprocess.Popen([sys.executable, "-m", "tests.performance.floor", str(port), address])
    try:
        yield _listening(port)
    finally:
        process.terminate()
        process.wait(10)
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def alertmanager() -> Iterator[str]:
    """Debian's Alertmanager, which keeps alerts in memory; its address."""
    folder, port = Path(tempfile.mkdtemp(prefix="tocsin-alertmanager-")), free_port()
    (folder / "config.yml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    command = [
        "prometheus-alertmanager", f"--config.file={folder / 'config.yml'}", f"--storage.path={folder}", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=", "--log.level=error",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _listening(port)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _listening(port: int) -> str:
    import socket

    until = time.monotonic() + 15
    while time.monotonic() < until:
        with socket.socket() as one:
            if not one.connect_ex(("127.0.0.1", port)):
                return f"http://127.0.0.1:{port}/api/v2/alerts"
        time.sleep(0.1)
    raise SystemExit(f"nobody listens at port {port}")


def loads(quick: bool) -> list[tuple[int, int, bool]]:
    """(connections, alerts in a request, distinct keys)."""
    if quick:
        return [(1, 1, True), (64, 1, True), (16, 100, True)]
    return [(c, a, True) for a in (1, 100) for c in CONNECTIONS] + [(64, 1, False), (16, 100, False)]


def rounds(options: argparse.Namespace, tocsin: Tocsin, others: dict[str, str]) -> list[dict[str, Any]]:
    """Every measurement, in turn."""
    measured = []
    for size in options.table:
        tocsin.fill(size)
        for number in range(options.rounds):
            for connections, alerts, distinct in loads(options.quick):
                targets = {"tocsin": tocsin.url, **(others if size == options.table[0] else {})}
                for name, url in targets.items():
                    before = tocsin.kept() if name == "tocsin" else 0
                    result = measure(Requests(url, tocsin.key, alerts, distinct), connections, options.seconds)
                    row = {
                        "program": name, "open": size, "round": number, "connections": connections, "alerts": alerts, "distinct": distinct,
                        "rate": round(result.rate), "p50": round(result.at(0.5), 2), "p99": round(result.at(0.99), 2),
                        "statuses": result.statuses, "lost": result.lost,
                    }  # fmt: skip
                    if name == "tocsin":
                        row["missing"] = result.accepted // alerts - (tocsin.kept() - before)
                        tocsin.drain(options.drain)
                    measured.append(row)
                    print(json.dumps(row), flush=True)
    return measured


def while_paging(options: argparse.Namespace, tocsin: Tocsin) -> dict[str, Any]:
    """The same while each of fifty new causes pages somebody."""
    phone = Phone()
    try:
        person = tocsin.server.api("POST", "/users", {"name": "Ana", "email": "ana@example.com"})
        method = tocsin.server.api(
            "POST", f"/users/{person['id']}/contact-methods", {"kind": "webhook", "address": phone.url, "verified": True}
        )
        tocsin.server.api("POST", f"/users/{person['id']}/notification-rules", {"contact_method": method["id"], "after_seconds": 0})
        steps = [{"wait_seconds": 300, "targets": [{"kind": "user", "id": person["id"]}]}]
        policy = tocsin.server.api("POST", "/escalation-policies", {"name": "Paging", "steps": steps})
        service = tocsin.server.api("POST", "/services", {"name": "paging", "escalation_policy": policy["id"]})
        made = tocsin.server.api("POST", "/integrations", {"name": "Paging", "kind": "alertmanager", "service": service["id"]})
        for number in range(50):
            labels = {"alertname": f"cause-{number}", "severity": "critical"}
            body = {"alerts": [{"status": "firing", "fingerprint": str(number), "labels": labels}]}
            assert tocsin.server.ask("POST", f"/in/{made['key']}", body, token="")[0] == 202
        result = measure(Requests(tocsin.url, tocsin.key, 1, True), 64, options.seconds)
        until = time.monotonic() + 60
        while not phone.received and time.monotonic() < until:
            time.sleep(0.1)
        return {"rate": round(result.rate), "p50": round(result.at(0.5), 2), "p99": round(result.at(0.99), 2), "pages": len(phone.received)}
    finally:
        phone.close()


def table(measured: list[dict[str, Any]]) -> Iterator[str]:
    """Medians over the rounds, and ratios to the floor and to Alertmanager, as a Markdown table."""
    yield "| open alerts | connections | alerts/request | keys | program | events/s | p50 ms | p99 ms | × floor | × Alertmanager |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"

    def of(program: str, like: dict[str, Any], value: str, size: int) -> float:
        same = ("connections", "alerts", "distinct")
        found = [
            row[value] for row in measured if row["program"] == program and row["open"] == size and all(row[k] == like[k] for k in same)
        ]
        return statistics.median(found) if found else 0.0

    first = measured[0]["open"]
    for row in (row for row in measured if row["round"] == 0):
        rate = of(row["program"], row, "rate", row["open"])
        ratios = [f"{rate / other:.2f}" if (other := of(name, row, "rate", first)) else "" for name in ("floor", "alertmanager")]
        figures = f"{rate:,.0f} | {of(row['program'], row, 'p50', row['open']):.1f} | {of(row['program'], row, 'p99', row['open']):.1f}"
        keys = "distinct" if row["distinct"] else "repeating"
        yield f"| {row['open']:,} | {row['connections']} | {row['alerts']} | {keys} | {row['program']} | {figures} | {' | '.join(ratios)} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--table", type=lambda text: [int(size) for size in text.split(",")], default=None)
    parser.add_argument("--drain", type=float, default=0.0, help="seconds to wait for the worker after each measurement")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    options.seconds = min(options.seconds or (3.0 if options.quick else 5.0), 60.0)
    options.rounds = min(options.rounds or (2 if options.quick else 3), 20)
    options.table = options.table or ([0] if options.quick else [0, 100_000, 1_000_000])
    options.drain = min(options.drain or (5.0 if options.quick else 30.0), 600.0)
    with ExitStack() as programs:
        others = {"floor": programs.enter_context(floor())}
        if shutil.which("prometheus-alertmanager"):
            others["alertmanager"] = programs.enter_context(alertmanager())
        tocsin = Tocsin()
        programs.callback(tocsin.server.stop)
        before = tocsin.memory()
        measured = rounds(options, tocsin, others)
        more: dict[str, Callable[[], dict[str, Any]]] = {
            "while pages go out": lambda: while_paging(options, tocsin),
            "memory": lambda: {"mb_before": round(before), "mb_after": round(tocsin.memory()), "requests_kept": tocsin.kept()},
        }  # fmt: skip
        beside = {name: look() for name, look in more.items()}
    text = "\n".join([*table(measured), "", *(f"{name}: {json.dumps(figures)}" for name, figures in beside.items())])
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    if missing := [row for row in measured if row.get("missing")]:
        raise SystemExit(f"accepted and not stored: {missing}")


if __name__ == "__main__":
    main()
