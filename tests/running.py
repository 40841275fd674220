"""A real installation for tests that need processes: `tocsin up` in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.live import answer_of, free_port
from tocsin.lib import processes

ROOT = Path(__file__).parent.parent
PYTHON = (sys.executable, "-m", "tocsin.cli")


class Installation:
    """One data folder, its `tocsin up`, and ways to look at it and to hurt it."""

    def __init__(self, folder: Path | None = None, *, command: tuple[str, ...] = PYTHON, **settings: str) -> None:
        self.folder = folder or Path(tempfile.mkdtemp(prefix="tocsin-up-"))
        self.command = command
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TOCSIN_", "DJANGO_", "PYTEST_"))}
        self.environment = {**inherited, "TOCSIN_BOOTSTRAP_TOKEN": "for-tests-only", "TOCSIN_EGRESS_ALLOW": "127.0.0.1", **settings}
        if command is PYTHON:
            self.environment["PYTHONPATH"] = str(ROOT)
        self.process: subprocess.Popen[str] | None = None
        self.line = ""
        self.port = free_port()

    def up(self, *arguments: str, port: int = 0) -> float:
        """Start it; the seconds until it said that it is ready."""
        begun = time.monotonic()
        command = [*self.command, "up", "--data", str(self.folder), "--port", str(port or self.port), *arguments]
        self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")
        assert self.process.stdout
        self.line = self.process.stdout.readline()
        took = time.monotonic() - begun
        assert "ready at http://" in self.line, f"{self.line!r} {self.process.communicate(timeout=30)[1][-3000:]} {self.logs()}"
        self.port = int(self.line.split("http://127.0.0.1:")[1].split(",")[0].split("/")[0])
        return took

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of a page; 0 when nobody answers."""
        return answer_of(self.address + path)

    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def children(self) -> dict[str, list[int]]:
        """The processes that run on this folder: web, worker, postgres."""
        found: dict[str, list[int]] = {"web": [], "worker": [], "postgres": []}
        for pid in processes.marked("TOCSIN_SUPERVISED", str(self.folder)):
            with contextlib.suppress(OSError):  # it has just ended
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                found["worker" if b"worker\0" in words else "web"].append(pid)
        with contextlib.suppress(OSError, IndexError):  # there is none, or it is just being written
            pid = int((self.folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
            if processes.alive(pid):
                found["postgres"].append(pid)
        return found

    def anything_left(self) -> list[int]:
        return [pid for pids in self.children().values() for pid in pids]

    def kill(self, pids: list[int]) -> None:
        """End those processes at once; one may have gone by itself because another did."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM, patience: float = 90) -> int:
        """Tell it to stop; its exit status."""
        assert self.process
        self.process.send_signal(number)
        self.process.communicate(timeout=patience)
        return self.process.returncode

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command on the same folder."""
        environment = {**self.environment, "TOCSIN_DATA_DIR": str(self.folder)}
        return subprocess.run([*self.command, *arguments], env=environment, capture_output=True, text=True, timeout=180, cwd="/")

    def read(self, *arguments: str) -> object:
        done = self.cli(*arguments, "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted((self.folder / "logs").glob("*.log")))

    def clean(self) -> None:
        """End whatever is left and remove the folder."""
        import shutil

        if self.process and self.process.poll() is None:
            self.stop()
        processes.end(self.anything_left(), signal.SIGKILL, 5)
        shutil.rmtree(self.folder, ignore_errors=True)


def until(good, patience: float = 90.0, every: float = 0.1) -> float:
    """Ask until it is so; the seconds it took. Fails when it does not come to be: the patience is that for a slow and busy machine."""
    begun = time.monotonic()
    while not good():
        assert time.monotonic() - begun < patience, "it did not come to be in time"
        time.sleep(every)
    return time.monotonic() - begun
