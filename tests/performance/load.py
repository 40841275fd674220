"""A load generator of our own: keep-alive connections with one request in flight on each, for so many seconds; loopback alone."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import time
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

import httptools

MOST_SECONDS, MOST_CONNECTIONS, MOST_IN_A_REQUEST = 60.0, 512, 1_000
_run = count(int(time.time()))


@dataclass
class Result:
    """What came of one measurement: times in nanoseconds, answers by status, events that were answered with success."""

    seconds: float = 0.0
    times: list[int] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    accepted: int = 0
    lost: int = 0  # connections that ended with a request in flight

    @property
    def rate(self) -> float:
        """Accepted events a second."""
        return self.accepted / self.seconds if self.seconds else 0.0

    def at(self, share: float) -> float:
        """Milliseconds within which that share of the requests was answered."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e6 if ordered else 0.0


class Requests:
    """Prometheus' alerts as requests, ready to be sent. Distinct: each alert is another one; else each request repeats the first."""

    def __init__(self, url: str, key: str, alerts: int, distinct: bool) -> None:
        target = urlsplit(url)
        if not ipaddress.ip_address(target.hostname or "").is_loopback:
            raise SystemExit(f"{target.hostname} is not a loopback address: load is made on this machine alone")
        self.host, self.port = str(target.hostname), target.port or 80
        self.alerts, self.distinct, self.tag, self.number = min(alerts, MOST_IN_A_REQUEST), distinct, f"{next(_run):x}", 0
        head = f"POST {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        self.head = head.encode()
        one = {
            "labels": {"alertname": "Slow", "instance": "@@@@@@@@@@", "run": self.tag, "severity": "info", "job": "node", "region": "eu-1"},
            "annotations": {"summary": "requests are slow", "description": "99 of 100 requests take longer than a second. " * 6},
            "startsAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "generatorURL": "http://prometheus.example/graph",
        }  # fmt: skip
        self.before, self.after = json.dumps(one).encode().split(b"@@@@@@@@@@")

    def next(self) -> bytes:
        """The bytes of the next request."""
        start = self.number if self.distinct else 0
        self.number += self.alerts
        body = b"[" + b",".join(b"%s%010d%s" % (self.before, start + n, self.after) for n in range(self.alerts)) + b"]"
        return b"%sContent-Length: %d\r\n\r\n%s" % (self.head, len(body), body)


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self.load, self.sent = load, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.go_on()

    def go_on(self) -> None:
        if time.perf_counter() >= self.load.until or self.load.left == 0:
            self.sent = 0
            self.transport.close()
            return
        self.parser = httptools.HttpResponseParser(self)
        if self.load.left:
            self.load.left -= 1
        request = self.load.requests.next()
        self.sent = time.perf_counter_ns()
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        result, status = self.load.result, self.parser.get_status_code()
        result.times.append(time.perf_counter_ns() - self.sent)
        result.statuses[status] = result.statuses.get(status, 0) + 1
        if 200 <= status < 300:
            result.accepted += self.load.requests.alerts
        self.go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self.load.result.lost += bool(self.sent)
        self.load.ended()


class _Load:
    def __init__(self, requests: Requests, connections: int, seconds: float, most: int | None = None) -> None:
        self.left = most
        self.requests, self.open, self.result = requests, min(connections, MOST_CONNECTIONS), Result()
        self.seconds, self.until = min(seconds, MOST_SECONDS), 0.0

    def ended(self) -> None:
        self.open -= 1
        if not self.open:
            self.over.set()

    async def run(self) -> Result:
        self.over = asyncio.Event()
        loop, begun = asyncio.get_running_loop(), time.perf_counter()
        self.until = begun + self.seconds
        for _ in range(self.open):
            await loop.create_connection(lambda: _Connection(self), self.requests.host, self.requests.port)
        await asyncio.wait_for(self.over.wait(), self.seconds + 30)
        self.result.seconds = time.perf_counter() - begun
        return self.result


def measure(requests: Requests, connections: int, seconds: float, most: int | None = None) -> Result:
    """Send for so many seconds, at `most` so many requests, over so many connections; every request in flight is waited for."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Load(requests, connections, seconds, most).run())
