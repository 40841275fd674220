"""A whole Tocsin as people run it: `tocsin up` on a folder and a port of its own, driven over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "live-" + "t" * 40
ROOT = Path(__file__).parent.parent


# Below what the system hands out by itself (to whoever asks for any port, and to every connection that goes out), a range for each process of a run:
# what is free when it is chosen is free when it is used.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0) % 10
_PORTS = (20_000 + 1_000 * _WORKER + place % 1_000 for place in itertools.count(os.getpid()))


def free_port() -> int:
    """A port that nobody listens at."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is always another one")


def answer_of(request: urllib.request.Request | str) -> tuple[int, str]:
    """The status and the text of what is answered; (0, "") where nobody answers, or is killed in the middle of it."""
    try:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""


class LiveServer:
    """One `tocsin up`. `root`: where its code is; `folder`: where everything of it goes, one of its own when none is named."""

    def __init__(self, *arguments: str, root: Path = ROOT, folder: Path | None = None, **settings: str) -> None:
        self.root, self.folder = root, folder or Path(tempfile.mkdtemp(prefix="tocsin-live-"))
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o711)  # as root: else the database, whose user could not reach it, would be put elsewhere, and stay there
        self.port, self.arguments, self.settings = free_port(), arguments, settings
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self, seconds: float = 180.0) -> None:
        """Start it; ready on return."""
        self.started = time.monotonic()
        own = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_"))}
        environment = {**own, "TOCSIN_BOOTSTRAP_TOKEN": TOKEN, "TOCSIN_EGRESS_ALLOW": "127.0.0.1", "TOCSIN_URL": self.url, **self.settings}
        command = [sys.executable, "-m", "tocsin.cli", "up", "--port", str(self.port), "--data", str(self.folder / "data"), *self.arguments]
        self.log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(command, cwd=self.root, env=environment, stdout=self.log, stderr=self.log, start_new_session=True)
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            if self.ask("GET", "/readyz", token="")[0] == 200:
                return
            time.sleep(0.1)
        text = self.log_text()
        self.stop()
        raise AssertionError(f"tocsin up was not ready in time:\n{text[-4000:]}")

    def log_text(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text(errors="replace")

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = TOKEN, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status (0: no answer) and the JSON (or text) of one request."""
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, method=method, headers={"Content-Type": "application/json", **(headers or {})}
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        status, text = answer_of(request)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """What an operation of the API answers; anything but success fails the test."""
        status, answer = self.ask(method, "/api/v1" + path, body)
        assert 200 <= status < 300, (method, path, status, answer)
        return answer

    def stop(self) -> None:
        """End it as Ctrl-C does, and clear its folder."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(90)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Phone:
    """A webhook contact method: keeps what arrives, with when."""

    def __init__(self) -> None:
        self.received: list[tuple[float, str, str]] = []
        self.answers = threading.Event()  # cleared, it takes what comes and leaves the sender waiting
        self.answers.set()
        phone = self

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                phone.received.append((time.monotonic(), self.path, body.decode("utf-8", "replace")))
                phone.answers.wait(60)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.server.server_close()


def until(fetch: Any, good: Any, seconds: float = 90.0, pause: float = 0.1) -> Any:
    """Ask again until the answer is good; fails with the last one. Only what never comes is to fail: the time is for a slow and busy machine."""
    end = time.monotonic() + seconds
    while True:
        answer = fetch()
        if good(answer):
            return answer
        assert time.monotonic() < end, answer
        time.sleep(pause)
