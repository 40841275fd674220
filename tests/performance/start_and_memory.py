"""How long does `up` take on an existing data folder, and how much memory does the whole house need when nothing happens?

    python -m tests.performance.start_and_memory [--runs 3] [--settle 20] [--alerts 270000]

Makes a data folder with the demo, then starts it again and again: seconds from the call to the first `ready` of /readyz, and after a pause
the proportional share of memory (PSS) of every process below `up`, PostgreSQL included. The aims: 4 s, 300 MB.

With `--alerts` that many distinct alerts are sent at the end, a hundred a request over 16 connections, and the memory is read while they wait, and
once all are folded and the alerts page was opened. The aim: 450 MB after 270,000.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import time
from pathlib import Path

import psycopg

from tests.live import LiveServer
from tests.performance.load import Requests, measure
from tocsin import postgres


def below(root: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has just ended
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def memory(pids: list[int]) -> dict[str, float]:
    """The PSS of those processes in MB, by the name of the program."""
    shares: dict[str, float] = {}
    for pid in pids:
        try:
            name = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\x00", b" ").decode(errors="replace")
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        kind = "postgres" if "postgres" in name.split(" ")[0] else "web" if "web" in name else "worker" if "worker" in name else "up"
        found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        shares[kind] = shares.get(kind, 0.0) + (int(found[1]) / 1024 if found else 0.0)
    return shares


def end(server: LiveServer) -> None:
    """Stop it as Ctrl-C does, and keep its folder."""
    server.process.terminate()
    server.process.wait(60)


def fill(server: LiveServer, alerts: int) -> None:
    """Send so many distinct alerts, and say what memory is used until they are folded."""
    made = server.api(
        "POST", "/integrations", {"name": "Load", "kind": "alertmanager_api_v2", "event_rate": 100_000, "event_burst": 10_000_000}
    )
    requests, sent, begun, peak = Requests(f"{server.url}/api/v2/alerts", made["key"], 100, True), 0, time.monotonic(), 0.0
    while sent < alerts:
        sent += measure(requests, 16, 1.0).accepted
        peak = max(peak, sum(memory(below(server.process.pid)).values()))
    said = {"accepted": sent, "seconds": round(time.monotonic() - begun), "pss_mb_while_they_come": round(peak)}
    print(json.dumps(said), flush=True)
    database = postgres.url(server.folder / "data", postgres.SUPERUSER, postgres.DATABASE)
    with psycopg.connect(database, autocommit=True) as connection:
        while connection.execute("SELECT EXISTS (SELECT 1 FROM alerts_rawevent WHERE state = 'new')").fetchone() == (True,):
            peak = max(peak, sum(memory(below(server.process.pid)).values()))
            time.sleep(1.0)
        count = connection.execute("SELECT count(*) FROM alerts_alert").fetchone()
    folded = time.monotonic() - begun
    for _ in range(20):
        server.api("GET", "/alerts?limit=50")
    shares = memory(below(server.process.pid))
    said = {name: round(value) for name, value in sorted(shares.items())}
    print(
        json.dumps(
            {
                "alerts": count[0] if count else 0,
                "folded_after": round(folded),
                "peak_mb": round(peak),
                "pss_mb": round(sum(shares.values())),
                **said,
            }
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--settle", type=float, default=20.0, help="seconds of rest before the memory is read")
    parser.add_argument("--alerts", type=int, default=0)
    options = parser.parse_args()
    server, starts, totals = LiveServer("--demo"), [], []
    try:
        for number in range(options.runs):
            end(server)
            before = time.monotonic()
            server.start()
            starts.append(time.monotonic() - before)
            time.sleep(options.settle)
            shares = memory(below(server.process.pid))
            totals.append(sum(shares.values()))
            said = {name: round(value) for name, value in sorted(shares.items())}
            print(json.dumps({"run": number + 1, "seconds": round(starts[-1], 2), "pss_mb": round(totals[-1]), **said}), flush=True)
        if options.alerts:
            fill(server, min(options.alerts, 2_000_000))
        load = round(os.getloadavg()[0], 1)
        print(
            json.dumps(
                {"median_seconds": round(statistics.median(starts), 2), "median_pss_mb": round(statistics.median(totals)), "load": load}
            )
        )
    finally:
        server.stop()


if __name__ == "__main__":
    main()
