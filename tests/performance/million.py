"""Is everything folded that was accepted, and at what rate? A whole `tocsin up` takes a million alerts over HTTP, all different.

    python -m tests.performance.million [--alerts 1000000] [--connections 16] [--in-a-request 100] [--seconds 600]

Prints accepted events a second, events folded a second from the first request to the last fold, what the database holds in the end (alerts, raw
events by their state), and the memory of all processes before, at its most and after. Needs about 4 GB of disk for a million; ends after `--seconds`.
"""

from __future__ import annotations

import argparse
import json
import time

from tests.performance.intake import Tocsin
from tests.performance.load import Requests, measure


def main() -> None:
    """Send, wait, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("--alerts", 1_000_000), ("--connections", 16), ("--in-a-request", 100), ("--seconds", 600)):
        parser.add_argument(name, type=int, default=value)
    given = parser.parse_args()
    tocsin = Tocsin()
    try:
        print(json.dumps(run(tocsin, given)), flush=True)
    finally:
        tocsin.server.stop()


def run(tocsin: Tocsin, given: argparse.Namespace) -> dict[str, object]:
    """One run; a loss shows as fewer alerts than were accepted, or as an event whose state is not `done`."""
    before = tocsin.memory()
    requests = Requests(tocsin.url, tocsin.key, given.in_a_request, True)
    begun = time.monotonic()
    accepted = 0
    while accepted < given.alerts and time.monotonic() - begun < given.seconds:  # one measurement is limited to a minute
        sent = measure(requests, given.connections, 60, (given.alerts - accepted) // given.in_a_request)
        accepted += sent.accepted
    took, most = time.monotonic() - begun, tocsin.memory()
    while tocsin.sql("SELECT EXISTS (SELECT 1 FROM alerts_rawevent WHERE state = 'new')") and time.monotonic() - begun < given.seconds:
        time.sleep(1)
        most = max(most, tocsin.memory())
    folded = time.monotonic() - begun
    return {
        "accepted": accepted, "accepted_a_second": round(accepted / took), "folded_in_seconds": round(folded, 1),
        "folded_a_second": round(accepted / folded), "alerts": tocsin.sql("SELECT count(*) FROM alerts_alert"),
        "events_by_state": tocsin.sql("SELECT json_object_agg(state, n) FROM (SELECT state, count(*) n FROM alerts_rawevent GROUP BY state) s"),
        "megabytes": [round(before), round(most), round(tocsin.memory())],
    }  # fmt: skip


if __name__ == "__main__":
    main()
