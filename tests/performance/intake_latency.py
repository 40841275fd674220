#!/usr/bin/env python3
"""How long from "accepted" to the first call of a provider, while nothing else happens? Prints p50, p99 and the median of several runs.

    python -m tests.performance.intake_latency [--events 60] [--runs 3]

Starts a whole `tocsin up`; each event is a new cause on a service whose on-call person is reached by webhook. The clock starts when the
sender has its 2xx, ends when the webhook is called; both ends are this one process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

from tests.live import LiveServer, Phone


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
    options = parser.parse_args()
    tocsin, phone, runs = LiveServer(), Phone(), []
    try:
        for run in range(options.runs):
            figures: list[float] = []
            for number in range(options.events):
                # A service of its own person for each event: a person is called at most once a minute (R9), which is not what is measured.
                key = organisation_for(tocsin, phone, f"{run}-{number}")
                time.sleep(0.3)
                seconds = one(tocsin, phone, key, f"cause-{run}-{number}-x")
                if seconds is None:
                    print(f"run {run + 1}: cause {number} was never called", flush=True)
                else:
                    figures.append(seconds * 1000)
            runs.append(figure(figures))
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


def figure(values: list[float]) -> dict[str, Any]:
    """Percentiles in milliseconds."""
    ordered = sorted(values)
    return {
        "events": len(ordered), "p50_ms": round(statistics.median(ordered), 1), "max_ms": round(ordered[-1], 1),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
    }  # fmt: skip


def organisation_for(tocsin: LiveServer, phone: Phone, tag: str) -> str:
    """One person, one policy, one service of their own; the integration's key."""
    person = tocsin.api("POST", "/users", {"name": f"Ana {tag}", "email": f"ana-{tag}@example.com"})
    method = tocsin.api(
        "POST", f"/users/{person['id']}/contact-methods", {"kind": "webhook", "address": f"{phone.url}/{tag}", "verified": True}
    )
    tocsin.api("POST", f"/users/{person['id']}/notification-rules", {"contact_method": method["id"], "after_seconds": 0})
    steps = [{"wait_seconds": 300, "targets": [{"kind": "user", "id": person["id"]}]}]
    policy = tocsin.api("POST", "/escalation-policies", {"name": f"Latency {tag}", "steps": steps})
    service = tocsin.api("POST", "/services", {"name": f"latency-{tag}", "escalation_policy": policy["id"]})
    return tocsin.api("POST", "/integrations", {"name": f"Latency {tag}", "kind": "alertmanager", "service": service["id"]})["key"]


if __name__ == "__main__":
    main()
