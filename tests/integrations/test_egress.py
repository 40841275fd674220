"""Nothing goes out unchecked: the guarded client reaches public and allowed addresses only, and gives up in time."""

from __future__ import annotations

import ast
import contextlib
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import tocsin
from tocsin.lib import http

CLIENTS = ("httpx2", "httpcore2", "httpx", "requests", "aiohttp", "urllib3", "urllib.request", "http.client", "socket")


def test_there_is_no_other_http_client_in_the_code():
    root = Path(tocsin.__file__).parent
    found = []
    for path in root.rglob("*.py"):
        place = path.relative_to(root).as_posix()
        # The commands speak to their own server on this machine; the sessions of libraries and the WebSocket are carried by lib.http.
        if place in ("lib/http.py", "lib/requests_session.py", "lib/websocket.py") or place.startswith("cli/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            found += [f"{place}: {name}" for name in names if any(name == c or name.startswith(c + ".") for c in CLIENTS)]
    assert not found


class Stranger(BaseHTTPRequestHandler):
    """Answers by path: /ok, /redirect, /giant, /slow (a byte a second), anything else 404."""

    seen: list[tuple[str, dict[str, str], bytes]] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        Stranger.seen.append((self.path, dict(self.headers), body))
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/ok")
            self.end_headers()
        elif self.path == "/giant":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(200):
                    self.wfile.write(b"x" * 10_000)
            except OSError:
                return
        elif self.path == "/slow":
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n":
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.2)
            except OSError:
                return
        else:
            self.send_response({"/ok": 200, "/busy": 503}.get(self.path, 404))
            self.send_header("Retry-After", "30")
            self.end_headers()

    do_GET = do_POST

    def log_message(self, *args):
        pass


@pytest.fixture
def stranger():
    Stranger.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_allowed_address_is_reached_with_its_own_host(stranger):
    answer = http.request("POST", f"{stranger}/ok", content=b"{}")
    assert answer.status == 200
    path, headers, body = Stranger.seen[0]
    assert (path, body, headers["Host"]) == ("/ok", b"{}", stranger.removeprefix("http://"))


def test_a_redirect_is_an_answer_and_is_not_followed(stranger):
    assert http.request("POST", f"{stranger}/redirect").status == 302
    assert [path for path, _, _ in Stranger.seen] == ["/redirect"]


def test_a_giant_answer_is_given_up(stranger):
    with pytest.raises(http.UnreachableError, match="65 kB"):
        http.request("POST", f"{stranger}/giant")


def test_an_answer_that_drips_is_given_up_at_the_limit(stranger):
    start = time.monotonic()
    with pytest.raises(http.UnreachableError) as refusal:
        http.request("POST", f"{stranger}/slow", time_limit=1.0)
    assert time.monotonic() - start < 8  # it would go on for ten
    assert refusal.value.sent


@pytest.mark.parametrize("url", [
    "http://127.0.0.1/", "http://localhost/", "http://0.0.0.0/", "http://10.0.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/",
    "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:10.0.0.1]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://2130706433/",
    "http://0x7f000001/", "http://0177.0.0.1/", "http://100.64.0.1/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://224.0.0.1/",
    "http://[fec0::1]/", "http://[::ffff:0:7f00:1]/", "http://[64:ff9b:1::7f00:1]/",
])  # fmt: skip
def test_a_private_address_is_blocked_in_every_spelling(url, settings):
    settings.EGRESS_ALLOW = []
    with pytest.raises((http.BlockedError, http.UnreachableError)) as refusal:
        http.request("GET", url, time_limit=2.0)
    assert isinstance(refusal.value, http.BlockedError) or not refusal.value.sent


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "http://", "http://user:secret@example.com/"]
)
def test_what_is_no_web_address_is_blocked(url):
    with pytest.raises(http.BlockedError):
        http.request("GET", url)


def test_one_private_answer_among_public_ones_blocks_the_name(settings, monkeypatch):
    settings.EGRESS_ALLOW = []
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(http.socket, "getaddrinfo", lambda *a, **k: answers)
    with pytest.raises(http.BlockedError, match="not public"):
        http.request("GET", "http://rebinding.example/")


@pytest.mark.parametrize(("entry", "reached"), [
    ("127.0.0.1", True), ("127.0.0.0/8", True), ("127.0.0.1:80", True), ("127.0.0.1:81", False), ("inside.example", True), ("inside.example:80", True),
    ("other.example", False), ("10.0.0.0/8", False),
])  # fmt: skip
def test_the_allow_list_knows_hosts_ports_and_networks(entry, reached, settings):
    settings.EGRESS_ALLOW = [entry]
    assert http.allowed("inside.example", "127.0.0.1", 80) is reached


def test_a_certificate_that_nobody_vouches_for_is_refused_before_a_word_is_said(tmp_path):
    from tests.test_mail_in import certificate

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            taken, _ = listening.accept()
            with contextlib.suppress(OSError), context.wrap_socket(taken, server_side=True) as stream:
                heard.append(stream.recv(1000))

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(http.UnreachableError, match="certificate") as refused:
            http.request("POST", f"https://127.0.0.1:{listening.getsockname()[1]}/", content=b"words")
        thread.join(60)
    assert not refused.value.sent and not any(heard)


def test_a_name_that_cannot_be_looked_up_is_a_temporary_failure(monkeypatch):
    def fails(*_):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(http.UnreachableError) as failed:
        http.request("POST", "http://provider.example/", content=b"words")
    assert not failed.value.sent


def test_a_name_server_that_does_not_answer_is_given_up_in_time_and_holds_up_nobody_else(monkeypatch):
    let_go, real = threading.Event(), socket.getaddrinfo

    def hangs(host, *rest):
        if host == "provider.example":
            let_go.wait(120)
            raise socket.gaierror(socket.EAI_AGAIN, "too late")
        return real(host, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    begun = time.monotonic()
    try:
        for _ in range(20):  # more often than there are threads that look names up
            with pytest.raises(http.UnreachableError) as failed:
                http.request("POST", "http://provider.example/", content=b"words", time_limit=0.05)
            assert not failed.value.sent
        assert time.monotonic() - begun < 100
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve() -> None:
                taken, _ = listening.accept()
                with taken:
                    taken.recv(1000)
                    taken.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

            threading.Thread(target=serve, daemon=True).start()
            assert http.request("POST", f"http://localhost:{listening.getsockname()[1]}/", content=b"words").status == 204
    finally:
        let_go.set()
