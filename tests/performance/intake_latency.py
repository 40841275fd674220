#!/usr/bin/env python3
"""How long from "accepted" to the first call of a provider, while nothing else happens or a storm comes in? Prints p50, p99 and the median of
several runs.

    python -m tests.performance.intake_latency [--events 60] [--runs 3] [--storm 5000 | --rate 1000]

Starts a whole `tocsin up`; each event is a new cause on a service whose on-call person is reached by webhook. The clock starts when the
sender has its 2xx, ends when the webhook is called; both ends are this one process. With --storm another process sends so many other alerts,
one a request over 16 connections, to another service; a new cause comes each quarter of a second until all of them are folded. With --rate so many other
alerts come in each second instead, evenly, for as long as the causes do.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from typing import Any

import psycopg

from tests.live import LiveServer, Phone
from tests.performance.load import Requests, measure
from tocsin import postgres


def one(tocsin: LiveServer, phone: Phone, key: str, name: str) -> float | None:
    """Seconds from the acceptance of a new cause to the first call; None when nobody was called within 70 s."""
    labels = {"alertname": name, "severity": "critical"}
    body = {"alerts": [{"status": "firing", "fingerprint": name, "labels": labels, "annotations": {"summary": name}}]}
    status, answer = tocsin.ask("POST", f"/in/{key}", body, token="")
    accepted = time.monotonic()
    assert status == 202, answer
    while time.monotonic() < accepted + 70:
        for at, _, text in list(phone.received):
            if name in text:
                return max(0.0, at - accepted)
        time.sleep(0.001)
    return None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--storm", type=int, default=0)
    parser.add_argument("--rate", type=int, default=0)
    options = parser.parse_args()
    tocsin, phone, runs = LiveServer(), Phone(), []
    try:
        for run in range(options.runs):
            # A service of its own person for each event: a person is called at most once a minute (R9), which is not what is measured.
            keys = [organisation_for(tocsin, phone, f"{run}-{number}") for number in range(options.events)]
            time.sleep(1)
            if options.storm or options.rate:
                found = in_storm(tocsin, phone, keys, f"cause-{run}", (options.storm or options.rate, bool(options.rate)))
            else:
                found = alone(tocsin, phone, keys, f"cause-{run}")
            runs.append(figure(found))
            print(json.dumps({"run": run + 1, **runs[-1]}), flush=True)
        print(
            json.dumps(
                {
                    "median_p50_ms": statistics.median(r["p50_ms"] for r in runs),
                    "median_p99_ms": statistics.median(r["p99_ms"] for r in runs),
                }
            )
        )
    finally:
        phone.close()
        tocsin.stop()


def alone(tocsin: LiveServer, phone: Phone, keys: list[str], name: str) -> list[float]:
    """Milliseconds of one cause after the other."""
    found = []
    for number, key in enumerate(keys):
        time.sleep(0.3)
        seconds = one(tocsin, phone, key, f"{name}-{number}-x")
        if seconds is None:
            print(f"{name}: cause {number} was never called", flush=True)
        else:
            found.append(seconds * 1000)
    return found


def in_storm(tocsin: LiveServer, phone: Phone, keys: list[str], name: str, others: tuple[int, bool]) -> list[float]:
    """Milliseconds of causes that come in while `others` do, or wait to be folded: so many, at once or (True) each second."""
    alerts, evenly = others
    how, much = (send_evenly, (alerts, 2.0 + len(keys) / 4)) if evenly else (send, (alerts,))
    key = organisation_for(tocsin, phone, f"{name}-storm", kind="alertmanager_api_v2")
    storm = multiprocessing.get_context("spawn").Process(target=how, args=(f"{tocsin.url}/api/v2/alerts", key, *much))
    with psycopg.connect(postgres.app_url(tocsin.folder / "data"), autocommit=True) as database:
        before, until = counted(database, "true"), time.monotonic() + 60
        storm.start()
        while counted(database, "true") == before and time.monotonic() < until:
            time.sleep(0.02)
        found: list[float] = []
        begun = time.monotonic()
        for number, key in enumerate(keys):
            if not storm.is_alive() and not counted(database, "state = 'new'"):
                break
            seconds = one(tocsin, phone, key, f"{name}-{number}-x")
            found.append((seconds if seconds is not None else 70.0) * 1000)
            time.sleep(max(0.0, begun + 0.25 * (number + 1) - time.monotonic()))
        while (storm.is_alive() or counted(database, "state = 'new'")) and time.monotonic() < until:
            time.sleep(0.05)
        print(f"{name}: the storm was folded within {time.monotonic() - begun:.1f} s: {[round(one) for one in found]}", flush=True)
    storm.join(60)
    return found


def counted(database: psycopg.Connection[Any], which: str) -> int:
    """So many raw events are there."""
    row = database.execute(f"SELECT count(*) FROM alerts_rawevent WHERE {which}".encode()).fetchone()
    return int(row[0]) if row else 0


def send(url: str, key: str, alerts: int) -> None:
    """The storm."""
    measure(Requests(url, key, 1, True), 16, 60, most=alerts)


def send_evenly(url: str, key: str, rate: int, seconds: float) -> None:
    """So many a second for so long, a fifth of them each fifth of a second."""
    requests, begun = Requests(url, key, 1, True), time.monotonic()
    for turn in range(int(seconds * 5)):
        time.sleep(max(0.0, begun + turn / 5 - time.monotonic()))
        measure(requests, 4, 5, most=rate // 5)


def figure(values: list[float]) -> dict[str, Any]:
    """Percentiles in milliseconds."""
    ordered = sorted(values)
    return {
        "events": len(ordered), "p50_ms": round(statistics.median(ordered), 1), "max_ms": round(ordered[-1], 1),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
    }  # fmt: skip


def organisation_for(tocsin: LiveServer, phone: Phone, tag: str, kind: str = "alertmanager") -> str:
    """One person, one policy, one service of their own; the integration's key."""
    person = tocsin.api("POST", "/users", {"name": f"Ana {tag}", "email": f"ana-{tag}@example.com"})
    method = tocsin.api(
        "POST", f"/users/{person['id']}/contact-methods", {"kind": "webhook", "address": f"{phone.url}/{tag}", "verified": True}
    )
    tocsin.api("POST", f"/users/{person['id']}/notification-rules", {"contact_method": method["id"], "after_seconds": 0})
    steps = [{"wait_seconds": 300, "targets": [{"kind": "user", "id": person["id"]}]}]
    policy = tocsin.api("POST", "/escalation-policies", {"name": f"Latency {tag}", "steps": steps})
    service = tocsin.api("POST", "/services", {"name": f"latency-{tag}", "escalation_policy": policy["id"]})
    return tocsin.api("POST", "/integrations", {"name": f"Latency {tag}", "kind": kind, "service": service["id"]})["key"]


if __name__ == "__main__":
    main()
