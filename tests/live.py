"""A whole Tocsin as people run it: `tocsin up` on a folder and a port of its own, driven over HTTP."""

from __future__ import annotations

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


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class LiveServer:
    """One `tocsin up`. `root`: where its code is; `folder`: where everything of it goes, one of its own when none is named."""

    def __init__(self, *arguments: str, root: Path = ROOT, folder: Path | None = None, **settings: str) -> None:
        self.root, self.folder = root, folder or Path(tempfile.mkdtemp(prefix="tocsin-live-"))
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o711)  # as root: else the database, whose user could not reach it, would be put elsewhere, and stay there
        self.port, self.arguments, self.settings = free_port(), arguments, settings
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self, seconds: float = 150.0) -> None:
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
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                status, text = reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        except OSError:
            return 0, ""
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
                self.process.wait(40)
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


def until(fetch: Any, good: Any, seconds: float = 15.0, pause: float = 0.1) -> Any:
    """Ask again until the answer is good; fails with the last one."""
    end = time.monotonic() + seconds
    while True:
        answer = fetch()
        if good(answer):
            return answer
        assert time.monotonic() < end, answer
        time.sleep(pause)
