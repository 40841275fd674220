"""How is a connection held over which the other side speaks first? A WebSocket client (RFC 6455): texts only, through the guarded client.

The addresses that may be reached are those of lib.http. Extensions are not offered; a message has a largest size.
"""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpcore2

from tocsin.lib import http

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNECT_LIMIT = 10.0  # seconds
WRITE_LIMIT = 5.0
LARGEST_MESSAGE = 1024 * 1024  # bytes
PING_EVERY = 10.0  # seconds without a word
SILENT_FOR = 30.0  # then the other side is gone
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class ClosedError(Exception):
    """The connection has ended, or never was; the sentence says why."""


@dataclass
class Socket:
    """An open connection. Not for use by two threads at once."""

    stream: httpcore2.NetworkStream
    guard: http.Guarded
    raw: bytes = b""
    parts: list[bytes] = field(default_factory=list)  # of a message that comes in pieces
    heard_at: float = field(default_factory=time.monotonic)
    pinged_at: float = field(default_factory=time.monotonic)

    def receive(self, wait: float) -> str | None:
        """The next text; None where none came within `wait` seconds. Answers and sends pings. Raises ClosedError."""
        until = time.monotonic() + wait
        while True:
            while (frame := self._frame()) is not None:
                if (text := self._take(*frame)) is not None:
                    return text
            if not self._read(until) and time.monotonic() >= until:
                return None

    def send(self, text: str) -> None:
        """Say something. Raises ClosedError."""
        self._send(TEXT, text.encode())

    def _read(self, until: float) -> bool:
        now = time.monotonic()
        if now - self.heard_at > SILENT_FOR:
            raise ClosedError(f"nothing was heard for {SILENT_FOR:.0f} s")
        if now - max(self.heard_at, self.pinged_at) > PING_EVERY:
            self.pinged_at = now
            self._send(PING, b"")
        self.guard.deadline = max(min(until, now + PING_EVERY), now + 0.05)
        try:
            more = self.stream.read(64 * 1024)
        except httpcore2.TimeoutException:
            return False
        except (httpcore2.NetworkError, ssl.SSLError, OSError) as error:
            raise ClosedError(f"the connection was cut: {error}") from error
        if not more:
            raise ClosedError("the other side hung up")
        self.raw, self.heard_at = self.raw + more, time.monotonic()
        return True

    def _frame(self) -> tuple[bool, int, bytes] | None:
        """Whether it is the last of its message, its opcode and payload; None where it has not arrived whole."""
        if len(self.raw) < 2:
            return None
        first, second = self.raw[0], self.raw[1]
        length, start = second & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(self.raw) < 2 + size:
                return None
            length, start = int.from_bytes(self.raw[2 : 2 + size]), 2 + size
        if second & 0x80 or first & 0x70:
            raise ClosedError("the other side does not keep to the protocol")
        if length + sum(map(len, self.parts)) > LARGEST_MESSAGE:
            raise ClosedError(f"a message is larger than {LARGEST_MESSAGE // 1024:,} KiB")
        if len(self.raw) < start + length:
            return None
        payload, self.raw = self.raw[start : start + length], self.raw[start + length :]
        return bool(first & 0x80), first & 0x0F, payload

    def _take(self, last: bool, opcode: int, payload: bytes) -> str | None:
        if opcode == PING:
            self._send(PONG, payload)
        elif opcode == CLOSE:
            reason = payload[2:].decode("utf-8", "replace")[:120]
            raise ClosedError(f"the other side ended it{f': {reason}' if reason else ''}")
        elif opcode in (0, TEXT):
            self.parts.append(payload)
            if last:
                whole, self.parts = b"".join(self.parts), []
                return whole.decode("utf-8", "replace")
        elif opcode != PONG:
            raise ClosedError("the other side sent what is no text")
        return None

    def _send(self, opcode: int, payload: bytes) -> None:
        size, key = len(payload), os.urandom(4)
        short, form = (size, "!BB") if size < 126 else (126, "!BBH") if size < 1 << 16 else (127, "!BBQ")
        head = struct.pack(form, 0x80 | opcode, 0x80 | short, *([size] if short > 125 else []))
        mask = (key * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size) if size else b""
        self.guard.deadline = time.monotonic() + WRITE_LIMIT
        try:
            self.stream.write(head + key + masked)
        except (httpcore2.TimeoutException, httpcore2.NetworkError, ssl.SSLError, OSError) as error:
            raise ClosedError(f"the connection was cut: {error}") from error


@contextmanager
def connected(url: str) -> Iterator[Socket]:
    """An open connection to a ws:// or wss:// address, closed at the end. Raises ClosedError; http.BlockedError for addresses that may not be reached."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("ws", "wss"):
        raise http.BlockedError("The address of the connection is no ws:// or wss:// address.")
    try:
        http.check_url(f"{'https' if scheme == 'wss' else 'http'}://{rest}", longest=http.LONGEST_URL)
    except ValueError as error:
        raise http.BlockedError(str(error)) from error
    key = base64.b64encode(os.urandom(16))
    headers = [("User-Agent", "Tocsin"), ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
               ("Sec-WebSocket-Key", key.decode())]  # fmt: skip
    guard = http.Guarded(time.monotonic() + CONNECT_LIMIT)
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=http.trust(), network_backend=guard, max_connections=1) as pool,
            pool.stream("GET", url, headers=headers) as answer,
        ):
            accepted = dict(answer.headers).get(b"Sec-WebSocket-Accept") or dict(answer.headers).get(b"sec-websocket-accept")
            if answer.status != 101 or accepted != base64.b64encode(hashlib.sha1(key + MAGIC, usedforsecurity=False).digest()):
                raise ClosedError(f"no connection: answered {answer.status}")
            yield Socket(answer.extensions["network_stream"], guard)
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError, OSError) as error:
        raise ClosedError(f"no connection: {str(error)[:200] or type(error).__name__}") from error
