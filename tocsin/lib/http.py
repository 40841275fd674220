"""How does anything go out by HTTP? Only through here: the one guarded client.

Each address that the name resolves to must be public or allowed by TOCSIN_EGRESS_ALLOW, and the connection goes to the
address that was checked, so that a name cannot answer differently the second time. Redirects are not followed.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import httpcore2
from django.conf import settings

TIME_LIMIT = 10.0  # seconds, from the look-up of the name to the last byte
SIZE_LIMIT = 64 * 1024  # bytes of an answer
LONGEST_URL = 4_000
_INSIDE = [ipaddress.ip_network(one) for one in ("::ffff:0:0:0/96", "64:ff9b:1::/48")]  # translated to IPv4 addresses on the spot
_names = ThreadPoolExecutor(8, thread_name_prefix="names")
_looking: dict[tuple[str, int], Future[list[Any]]] = {}
_looking_lock = Lock()


class BlockedError(Exception):
    """The address may not be reached from here; nothing was sent."""


class UnreachableError(Exception):
    """No complete answer: refused, cut, too slow or too large. `sent` says whether the request may have arrived."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@dataclass(frozen=True)
class Answer:
    """What came back; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def check_url(url: str, *, longest: int = 500) -> str:
    """The normalised URL. Raises ValueError with a sentence where it is no http(s) address with a host, or longer than `longest`."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError("This is not a web address.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("A web address starts with https:// or http:// and names a host.")
    if parts.username or parts.password:
        raise ValueError("A web address must not contain a user name or password.")
    if len(url) > longest or (port is not None and port == 0):
        raise ValueError(f"A web address has at most {longest} characters and a port between 1 and 65535.")
    return url.strip()


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    time_limit: float = TIME_LIMIT,
    size_limit: int = SIZE_LIMIT,
) -> Answer:
    """Send one request. Raises BlockedError or UnreachableError; any status that came back, 3xx too, is an Answer."""
    try:
        check_url(url, longest=LONGEST_URL)
    except ValueError as error:
        raise BlockedError(str(error)) from error
    backend = Guarded(time.monotonic() + time_limit)
    sending = {"User-Agent": "Tocsin", "Accept-Encoding": "identity", **(headers or {})}
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=trust(), network_backend=backend, max_connections=1) as pool,
            pool.stream(method, url, headers=list(sending.items()), content=content) as response,
        ):
            body = b""
            for chunk in response.iter_stream():
                body += chunk
                if len(body) > size_limit:
                    raise UnreachableError(f"the answer is larger than {size_limit // 1000:,} kB", sent=True)
            return Answer(response.status, {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}, body)
    except httpcore2.TimeoutException as error:
        raise UnreachableError(f"no answer within {time_limit:.0f} s", sent=backend.wrote) from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError, OSError) as error:
        raise UnreachableError(str(error)[:200] or type(error).__name__, sent=backend.wrote) from error


def prepare() -> None:
    """Read the certificates now, which takes a tenth of a second: the first page of a process should not wait for it."""
    trust()


@cache
def trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def allowed(host: str, address: str, port: int) -> bool:
    """Whether that address of that host may be reached: public, or on the list of TOCSIN_EGRESS_ALLOW."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (inner := ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)):
        ip = inner  # an IPv4 address in IPv6 clothes is judged as what it is
    nat64 = ipaddress.ip_network("64:ff9b::/96")
    if isinstance(ip, ipaddress.IPv6Address) and ip in nat64:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if any(_listed(entry, host, ip, port) for entry in settings.EGRESS_ALLOW):
        return True
    if isinstance(ip, ipaddress.IPv6Address) and (ip.is_site_local or any(ip in network for network in _INSIDE)):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _listed(entry: str, host: str, ip: Any, port: int) -> bool:
    try:
        return ip in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass  # a name, or an address with a port
    name, colon, wanted = entry.rpartition(":")
    if not colon or not wanted.isdigit():
        return entry.lower() == host.lower()
    return int(wanted) == port and name.strip("[]").lower() in (host.lower(), str(ip))


def _look_up(host: str, port: int) -> Future[list[Any]]:
    """What the name server says about a name. Whoever asks for it meanwhile waits for the same answer: a name that is never answered holds
    one of the threads that look names up and not, try by try, all of them (R11)."""
    with _looking_lock:
        if (under_way := _looking.get((host, port))) is not None:
            return under_way
        made = _looking[host, port] = _names.submit(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    made.add_done_callback(lambda _: _looking.pop((host, port), None))
    return made


class Guarded(httpcore2.SyncBackend):
    """Connects to checked addresses only, and gives every step what is left of the one time limit."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline
        self.wrote = False

    def left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the time limit has passed")
        return left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        try:
            found = _look_up(host, port).result(min(5.0, self.left()))
        except NotYet as error:
            raise httpcore2.ConnectTimeout("the name was not resolved in time") from error
        except OSError as error:
            raise httpcore2.ConnectError(f"the name {host} cannot be resolved") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not addresses or not all(allowed(host, address, port) for address in addresses):
            raise BlockedError(f"{host} leads to an address that is not public; TOCSIN_EGRESS_ALLOW can allow it")
        for position, address in enumerate(addresses):
            try:
                return _Limited(super().connect_tcp(address, port, min(5.0, self.left()), None, socket_options), self)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if position == len(addresses) - 1:
                    raise
        raise httpcore2.ConnectError("no address answered")


class _Limited(httpcore2.NetworkStream):
    """A stream whose every read and write ends at the request's deadline."""

    def __init__(self, inner: httpcore2.NetworkStream, backend: Guarded) -> None:
        self.inner, self.backend = inner, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.inner.read(max_bytes, self.backend.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.backend.wrote = True
        self.inner.write(buffer, self.backend.left())

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Limited(self.inner.start_tls(ssl_context, server_hostname, self.backend.left()), self.backend)

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)
