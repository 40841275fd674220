"""Separate servers that speak vendors' real protocols: the product's own way to them is the real one."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Asked:
    """One request that came: `path` decoded, `raw_path` as sent, `said` the JSON or form of the body."""

    method: str
    path: str
    raw_path: str
    query: dict[str, str]
    headers: dict[str, str]
    said: dict[str, Any]
    body: bytes


@dataclass
class Told:
    """One answer."""

    status: int = 200
    said: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class StandIn:
    """A server on a port of its own. A vendor's class gives `answer`; `instead` holds answers that are given first, whatever was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.instead: list[Told] = []
        self.hang: threading.Event | None = None  # while set, nothing is answered until it is
        stand_in = self

        class Requests(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stand_in.take(self, body)

            do_GET = do_POST = do_PUT = do_DELETE = _take

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urlsplit(request.path)
        kind = request.headers.get("Content-Type", "")
        said = json.loads(body) if body and "json" in kind else dict(parse_qsl(body.decode())) if "urlencoded" in kind else {}
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.command, unquote(parts.path), parts.path, dict(parse_qsl(parts.query)), headers, said, body)
        self.asked.append(asked)
        if self.hang is not None:
            self.hang.wait(30)
        told = self.instead.pop(0) if self.instead else self.answer(asked)
        content = told.said if isinstance(told.said, bytes) else json.dumps(told.said).encode()
        request.send_response(told.status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **told.headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    def answer(self, asked: Asked) -> Told:
        raise NotImplementedError

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
