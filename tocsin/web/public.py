"""How is the public status page served? Plain files from the data folder, by a plain ASGI application that knows neither Django nor a database.

What was read stays in memory until the file changes. Anything in front (a CDN, another web server) may serve the same folder instead.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tocsin import postgres

PREFIX = "/status"
LONGEST_PATH = 300
MOST_KEPT = 2000  # files in memory
TYPES = {
    ".html": b"text/html; charset=utf-8", ".css": b"text/css; charset=utf-8", ".json": b"application/json; charset=utf-8",
    ".atom": b"application/atom+xml; charset=utf-8", ".rss": b"application/rss+xml; charset=utf-8",
    ".ics": b"text/calendar; charset=utf-8",
}  # fmt: skip
COMMON = [
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"),
]
FRESH = (b"cache-control", b"public, max-age=3, stale-if-error=86400")
NOT_FOUND = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    b"<title>Not found</title><h1>There is no such page</h1>"
    b'<p><a href="/status/">Go to the status page</a></p></html>'
)

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Kept:
    """A file in memory with the answers that need no thought."""

    stamp: tuple[int, int, int]
    etag: bytes
    start: dict[str, Any]
    body: dict[str, Any]
    packed_start: dict[str, Any]
    packed_body: dict[str, Any]
    unchanged: dict[str, Any]


EMPTY = {"type": "http.response.body", "body": b""}


def make_app(root: Path) -> Callable[..., Awaitable[None]]:
    """The ASGI application that serves `root` under /status/."""
    base = os.fspath(root)
    kept: dict[str, Kept] = {}

    async def app(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if method not in ("GET", "HEAD"):
            await _plain(send, 405, b"Only GET and HEAD.", [(b"allow", b"GET, HEAD")])
            return
        if path == PREFIX:
            await _plain(send, 308, b"", [(b"location", b"/status/")])
            return
        name = _name(path)
        found = _find(base, name, kept) if name is not None else None
        if found is None:
            if name and "." not in name and _find(base, name + "/index.html", kept):
                await _plain(send, 308, b"", [(b"location", f"{PREFIX}/{name}/".encode())])
                return
            await _plain(
                send, 404, b"" if method == "HEAD" else NOT_FOUND, [(b"content-type", TYPES[".html"]), (b"cache-control", b"no-cache")]
            )
            return
        await _answer(found, scope["headers"], method, send)

    return app


async def _answer(found: Kept, headers: list[tuple[bytes, bytes]], method: str, send: Send) -> None:
    start, body = found.start, found.body
    for key, value in headers:
        if key == b"if-none-match" and (value == b"*" or found.etag in [tag.strip().removeprefix(b"W/") for tag in value.split(b",")]):
            await send(found.unchanged)
            await send(EMPTY)
            return
        if key == b"accept-encoding" and b"gzip" in value and b"gzip;q=0" not in value.replace(b" ", b""):
            start, body = found.packed_start, found.packed_body
    await send(start)
    await send(EMPTY if method == "HEAD" else body)


async def _plain(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = [] if status == 308 and not body else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length, *COMMON]})
    await send({"type": "http.response.body", "body": body})


def _name(path: str) -> str | None:
    """The file below the folder that a path names; None for what can name none: hidden, climbing, or odd."""
    if len(path) > LONGEST_PATH or not path.startswith(PREFIX + "/"):
        return None
    name = path[len(PREFIX) + 1 :]
    if name == "" or name.endswith("/"):
        name += "index.html"
    if "\\" in name or "\0" in name or any(part == "" or part.startswith(".") for part in name.split("/")):
        return None
    return name


def _find(base: str, name: str, kept: dict[str, Kept]) -> Kept | None:
    """The file, read again only where it has changed. Only the kinds of files that a publication writes are served."""
    full = f"{base}/{name}"
    try:
        facts = os.stat(full)
    except (OSError, ValueError):
        kept.pop(name, None)
        return None
    stamp = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
    known = kept.get(name)
    if known is not None and known.stamp == stamp:
        return known
    kind = TYPES.get(os.path.splitext(name)[1])
    if kind is None:
        return None
    try:
        body = Path(full).read_bytes()
    except OSError:
        return None
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[name] = fresh = _keep(stamp, kind, body)
    return fresh


def _keep(stamp: tuple[int, int, int], kind: bytes, body: bytes) -> Kept:
    etag = b'"' + blake2b(body, digest_size=12).hexdigest().encode() + b'"'
    packed = gzip.compress(body, 6, mtime=0)
    headers = [(b"content-type", kind), (b"etag", etag), (b"vary", b"accept-encoding"), FRESH, *COMMON]

    def start(status: int, *more: tuple[bytes, bytes]) -> dict[str, Any]:
        return {"type": "http.response.start", "status": status, "headers": [*headers, *more]}

    return Kept(
        stamp,
        etag,
        start(200, (b"content-length", str(len(body)).encode())),
        {"type": "http.response.body", "body": body},
        start(200, (b"content-encoding", b"gzip"), (b"content-length", str(len(packed)).encode())),
        {"type": "http.response.body", "body": packed},
        start(304),
    )


app = make_app(Path(os.environ.get("TOCSIN_DATA_DIR") or postgres.default_data_dir()) / "status")
