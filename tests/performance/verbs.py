"""How long do declare, acknowledge and resolve take over HTTP? The median of single requests, one after the other, against a live server.

    python -m tests.performance.verbs [http://127.0.0.1:8000 TOKEN [ROUNDS]]

Without an address a whole `tocsin up` of its own is measured. The token needs the scopes read and respond; the incidents it makes are drills, so that they stay out of figures. Goal: 25 ms each.
"""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import time
from urllib.parse import urlsplit

from tests.live import TOKEN, LiveServer


class Server:
    """One kept connection, as a program that works with Tocsin has."""

    def __init__(self, base: str, token: str) -> None:
        address = urlsplit(base)
        self.connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port or 80, timeout=20)
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(self, path: str, body: dict) -> tuple[dict, float]:
        """The answer, and how long it took in milliseconds."""
        start = time.perf_counter()
        self.connection.request("POST", f"/api/v1{path}", json.dumps(body), self.headers)
        reply = self.connection.getresponse()
        text = reply.read()
        taken = (time.perf_counter() - start) * 1000
        if reply.status >= 300:
            raise SystemExit(f"POST {path} answered {reply.status}: {text[:300].decode()}")
        return json.loads(text), taken


def measure(server: Server, rounds: int) -> dict[str, list[float]]:
    """The times of each verb; the first round warms up and is left out."""
    taken: dict[str, list[float]] = {"declare": [], "acknowledge": [], "resolve": []}
    for number in range(rounds + 1):
        body = {"title": f"Measured {number}", "severity": "SEV2", "impact": "None, this is measured", "drill": True}
        incident, declared = server.post("/incidents", body)
        base = f"/incidents/{incident['ref']}"
        _, acknowledged = server.post(f"{base}/acknowledge", {})
        _, resolved = server.post(f"{base}/resolve", {"resolution": "Measured"})
        for clause in ("verification", "status_page"):
            server.post(f"{base}/waive", {"clause": clause, "reason": "A measurement"})
        server.post(f"{base}/close", {})
        if number:
            for name, value in (("declare", declared), ("acknowledge", acknowledged), ("resolve", resolved)):
                taken[name].append(value)
    return taken


def main() -> None:
    """Print median and 95th percentile of each verb."""
    if len(sys.argv) == 2:
        raise SystemExit(__doc__)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 50
    own = None if len(sys.argv) > 2 else LiveServer()
    try:
        taken = measure(Server(own.url, TOKEN) if own else Server(sys.argv[1], sys.argv[2]), rounds)
    finally:
        if own:
            own.stop()
    for name, values in taken.items():
        print(f"{name:12} p50 {statistics.median(values):6.1f} ms   p95 {statistics.quantiles(values, n=20)[-1]:6.1f} ms   n={len(values)}")


if __name__ == "__main__":
    main()
