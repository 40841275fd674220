#!/usr/bin/env python3
"""How soon is a quiet integration answered while another one sends far more than it may?

    python -m tests.performance.flood [--seconds 4] [--rounds 3]

The quiet one sends one event after the other over one connection of its own, from this process; the flood comes over 64 connections from
another process. Beside it, for comparison, the same flood with a key that nobody has: what is left of the difference is the machine that
both share, not the intake. Each round measures alone, beside strangers, and beside the flood, in turn.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from typing import Any

from tests.live import LiveServer
from tests.performance.load import Requests, Result, measure

CONNECTIONS = 64


def flood(url: str, key: str, alerts: int, seconds: float, told: Any) -> None:
    """Send as much as goes, and tell what came of it."""
    result = measure(Requests(url, key, alerts, True), CONNECTIONS, seconds)
    told.put((round(sum(result.statuses.values()) / result.seconds), result.statuses))


def beside(url: str, quiet: str, loud: str, alerts: int, seconds: float) -> tuple[Result, Any]:
    """What the quiet one sees while the other sends, and what the other sees."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=flood, args=(url, loud, alerts, seconds + 3.0, told))
    process.start()
    time.sleep(2.0)  # it has begun, and its bucket is empty
    result = measure(Requests(url, quiet, 1, True), 1, seconds)
    loudly = told.get(timeout=60)
    process.join(30)
    return result, loudly


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    server = LiveServer()
    try:
        url = f"{server.url}/api/v2/alerts"
        loud, quiet = (
            server.api("POST", "/integrations", {"name": name, "kind": "alertmanager_api_v2", **limits})["key"]
            for name, limits in (("Loud", {"event_rate": 100, "event_burst": 100}), ("Quiet", {}))
        )
        rows: dict[str, list[tuple[Result, Any]]] = {}
        for _ in range(min(options.rounds, 10)):
            rows.setdefault("alone", []).append((measure(Requests(url, quiet, 1, True), 1, options.seconds), ""))
            for alerts in (1, 100):
                for name, key in (("strangers", "0" * 32), ("the flood", loud)):
                    rows.setdefault(f"{name}, {alerts} a request", []).append(beside(url, quiet, key, alerts, options.seconds))
        print(
            "| beside | quiet requests | p50 ms | p99 ms | not accepted | the other's requests/s |\n| --- | --- | --- | --- | --- | --- |"
        )
        for name, found in rows.items():
            p50, p99 = (statistics.median(result.at(share) for result, _ in found) for share in (0.5, 0.99))
            sent = sum(len(result.times) for result, _ in found)
            bad = sum(number for result, _ in found for status, number in result.statuses.items() if status != 200)
            others = statistics.median(one[0] for _, one in found if one) if found[0][1] else 0
            print(f"| {name} | {sent:,} | {p50:.1f} | {p99:.1f} | {bad} | {others:,.0f} |")
        print({name: found[-1][1] for name, found in rows.items()})
    finally:
        server.stop()


if __name__ == "__main__":
    main()
