"""What does the watch answer over HTTP? The heartbeat that it waits for, and the page behind the link in a message of its own."""

from __future__ import annotations

import hmac
import html
import json
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

LONGEST_ADDRESS = 2_500
LONGEST_FORM = 1_000  # bytes
SECONDS = 10  # for one request
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Tocsin watch</title></head>
<body style="font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1rem"><h1>Tocsin itself is silent</h1>{body}</body></html>"""
BUTTON = '<p>{text}</p><form method="post"><button style="font: inherit; padding: .8rem 1.4rem; min-height: 48px">Acknowledge: I have it</button></form>'


class Watched(Protocol):
    """What the server asks and tells."""

    def hear(self) -> None:
        """A heartbeat came in."""

    def health(self) -> dict[str, Any]:
        """How it stands, without anything secret."""

    def link(self, token: str) -> str:
        """Who acknowledges with that link. Raises ValueError with a sentence."""

    def said(self) -> str:
        """How it stands, for people."""

    def acknowledge(self, by: str) -> bool:
        """They have it; False where nothing was to be acknowledged."""


class Handler(BaseHTTPRequestHandler):
    """One request. `expected` is the address of the heartbeat."""

    timeout = SECONDS
    server_version, sys_version = "Tocsin", ""

    def __init__(self, *request: Any, expected: str, watched: Watched) -> None:
        self.expected, self.watched = expected.encode(), watched
        super().__init__(*request)  # which answers it

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if len(self.path) > LONGEST_ADDRESS:
            return self._answer(414, "Too long.")
        if hmac.compare_digest(path.rstrip("/").encode(), self.expected):
            if self.command != "HEAD":
                self.watched.hear()
            return self._answer(200, "heard\n")
        if path == "/healthz":
            return self._answer(200, json.dumps(self.watched.health()) + "\n", "application/json")
        if path.startswith("/ack/"):
            return self._page(
                path, lambda by: BUTTON.format(text=f"{html.escape(self.watched.said())} {html.escape(by)}, do you take care of it?")
            )
        return self._answer(404, "There is nothing at this address.\n")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > LONGEST_FORM or len(self.path) > LONGEST_ADDRESS:
            return self._answer(413, "Too long.\n")
        self.rfile.read(int(length))
        if hmac.compare_digest(path.rstrip("/").encode(), self.expected):
            self.watched.hear()
            return self._answer(200, "heard\n")
        if path.startswith("/ack/"):
            return self._page(path, lambda by: f"<p>{self._acknowledged(by)}</p>")
        return self._answer(404, "There is nothing at this address.\n")

    def _acknowledged(self, by: str) -> str:
        taken = self.watched.acknowledge(by)
        return html.escape(f"Thank you, {by}: nobody else is paged." if taken else f"Nothing was to be acknowledged. {self.watched.said()}")

    def _page(self, path: str, body: Callable[[str], str]) -> None:
        try:
            by = self.watched.link(path.removeprefix("/ack/").rstrip("/"))
        except ValueError as error:
            return self._answer(404, PAGE.format(body=f"<p>{html.escape(str(error))}</p>"), "text/html; charset=utf-8")
        self._answer(200, PAGE.format(body=body(by)), "text/html; charset=utf-8")

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"),
                            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"),
                            ("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff")):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Addresses hold secrets: none is logged."""


def serve(address: tuple[str, int], token: str, watched: Watched) -> ThreadingHTTPServer:
    """The server, not yet serving."""
    server = ThreadingHTTPServer(address, partial(Handler, expected=f"/ping/{token}", watched=watched))
    server.daemon_threads = True
    return server
