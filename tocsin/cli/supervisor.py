"""How is the whole thing kept running? `tocsin up`: database, web and worker as children that are restarted for ever.

Knows nothing of Django, has one thread, and works as process 1 of a container. Children are told by the kernel when it dies; what a
killed one left behind all the same is found by a mark in its environment and ended by the next.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tocsin import postgres
from tocsin.cli.session import Failed, lock
from tocsin.cli.web import REFUSED
from tocsin.lib import processes
from tocsin.postgres import migrated
from tocsin.postgres.server import Server, ServerError

MARK = "TOCSIN_SUPERVISED"
LEAST_BACK_OFF, LONGEST_BACK_OFF = 1.0, 30.0
STEADY = (
    5.0  # seconds after which a child was at work: it starts again at once, however often it is killed. One that ends sooner is the one
)
# that cannot start, for which the pauses are: they double each time.
DATABASE_BACK_OFF = 5.0  # seconds at most between two tries to start the database: nothing works without it, and paging has 10 s (R13)
DEMO_SIGN_IN = "jonas@larkfield.example"
LONGEST_LOG = 10_000_000
PATIENCE = {"web": 10.0, "worker": 27.0, "mail": 6.0}


@dataclass
class Child:
    """A process to be kept running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    back_off: float = 0.0
    due: float = 0.0


@dataclass
class Supervisor:
    """One run of `tocsin up`."""

    data_dir: Path
    host: str
    port: int
    demo: bool = False
    demo_words: str = ""
    log_here: bool = False
    children: dict[str, Child] = field(default_factory=dict)
    server: Server | None = None
    server_due: float = 0.0
    server_back_off: float = 0.0
    stopping: bool = False
    signals: int = 0

    def run(self) -> None:
        """Start everything, say so in one line, and keep it running until SIGTERM or SIGINT."""
        held = lock(self.data_dir)
        if held is None:
            raise Failed(f"tocsin already runs on the data folder {self.data_dir}: stop that one, or choose another folder with --data")
        wake = self._take_signals()
        try:
            processes.end(processes.end(processes.marked(MARK, str(self.data_dir)), signal.SIGTERM, 3), signal.SIGKILL, 2)
            self.port = free_port(self.host, self.port)
            self._start_database()
            self._migrate()
            self.demo_words = self._prepare_demo() if self.demo else ""
            first_visit = self._start_children()
            self._say_when_ready(wake, first_visit)
            while not self.stopping:
                self._tend(wake)
        except ServerError as error:
            raise Failed(str(error)) from error
        finally:
            self._stop()
            held.close()

    # -- signals and time ---------------------------------------------------------------------------------------------------
    def _take_signals(self) -> int:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

        def stop(*_: Any) -> None:
            self.stopping = True
            self.signals += 1

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        signal.signal(signal.SIGHUP, stop if sys.stdin and sys.stdin.isatty() else signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        return reading

    def _sleep(self, wake: int, seconds: float) -> None:
        if select.select([wake], [], [], max(0.0, seconds))[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)

    def _tend(self, wake: int, longest: float = 10.0) -> None:
        """Reap what ended, start what is due, then sleep until something happens."""
        self._reap()
        now = time.monotonic()
        for child in self.children.values():
            if child.process is None and child.due <= now:
                self._spawn(child)
        self._database_back()
        self._trim_logs()
        waits = [child.due for child in self.children.values() if child.process is None]
        waits += [self.server_due] if self.server and not self.server.runs() else []
        self._sleep(wake, min([longest, *(due - time.monotonic() for due in waits)]))

    def _reap(self) -> None:
        """Take every ended child's status, also of orphans that fell to us as process 1."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if self.server and self.server.process and self.server.process.pid == pid:
                self.server.process.returncode = code
            for child in self.children.values():
                if child.process and child.process.pid == pid:
                    child.process.returncode = code
                    self._ended(child, code)

    def _ended(self, child: Child, code: int) -> None:
        child.process = None
        if code == REFUSED and not self.stopping:
            raise Failed(self._last_line(child.name))
        child.back_off = next_back_off(child.back_off, time.monotonic() - child.started)
        child.due = time.monotonic() + child.back_off
        if not self.stopping:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            when = f"in {child.back_off:.0f} s" if child.back_off else "at once"
            say(f"{child.name} {how}: starting it again {when} (log: {self._log_path(child.name)})")

    # -- the database -------------------------------------------------------------------------------------------------------
    def _start_database(self) -> None:
        if postgres.is_embedded():
            self.server = Server(self.data_dir)
            self.server.start(lambda: self.stopping)

    def _database_back(self) -> None:
        """Start the database again where it ended. It is tried for ever: a disk that is full may have room later."""
        if self.stopping or not self.server or self.server.runs() or self.server_due > time.monotonic():
            return
        if not self.server_back_off:
            say("the database ended: starting it again")
        try:
            self.server.start(lambda: self.stopping)
            self.server_back_off = 0.0
        except ServerError as error:
            self.server_back_off = min(DATABASE_BACK_OFF, max(LEAST_BACK_OFF, self.server_back_off * 2))
            self.server_due = time.monotonic() + self.server_back_off
            say(f"{error}; next try in {self.server_back_off:.0f} s")

    def _migrate(self) -> None:
        """Bring the tables up to date, unless the database says that these very migrations were made."""
        if self.stopping or migrated.up_to_date(self.data_dir):
            return
        done = subprocess.run(
            [*python(), "migrate"], env=self._environment("migrate"), capture_output=True, text=True, start_new_session=True
        )
        if done.returncode and not self.stopping:
            raise Failed(f"the migrations failed: {(done.stderr.strip().splitlines() or ['no reason was given'])[-1]}")

    # -- web and worker -----------------------------------------------------------------------------------------------------
    def _environment(self, process: str) -> dict[str, str]:
        own = {
            "TOCSIN_DATA_DIR": str(self.data_dir), "TOCSIN_PROCESS": process, MARK: str(self.data_dir),
            "TOCSIN_URL": os.environ.get("TOCSIN_URL") or self.address(), "PYTHONUNBUFFERED": "1", **processes.GIVE_BACK,
        }  # fmt: skip
        return {**os.environ, **own}

    def address(self) -> str:
        """Where people reach it from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)  # noqa: S104
        return f"http://{host}:{self.port}"

    def _prepare_demo(self) -> str:
        """A token for the example's own calls, and somebody to sign in as, with a password made once; how to sign in, in words."""
        path = self.data_dir / "demo-password"
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(9))
        os.environ.setdefault("TOCSIN_BOOTSTRAP_TOKEN", secrets.token_urlsafe(32))
        os.environ |= {"TOCSIN_ADMIN_EMAIL": DEMO_SIGN_IN, "TOCSIN_ADMIN_PASSWORD": path.read_text()}
        return f"sign in as {DEMO_SIGN_IN} with the password {path.read_text()}"

    def _start_children(self) -> str:
        parts = {"web": ["web", "--host", self.host, "--port", str(self.port)], "worker": ["worker"]}
        if os.environ.get("TOCSIN_SMTP_LISTEN"):
            parts["mail"] = ["mail-in"]
        for name, arguments in parts.items():
            self.children[name] = Child(name, [*python(), *arguments], self._environment(name))
            if not self.stopping:
                self._spawn(self.children[name])
        return self._first_visit()

    def _first_visit(self) -> str:
        """The one-time set-up link, where nobody can sign in yet."""
        if self.stopping or migrated.has_people(self.data_dir):
            return ""
        made = subprocess.run(
            [*python(), "set-up-link"], env=self._environment("shell"), capture_output=True, text=True, start_new_session=True
        )
        if made.returncode:
            say(f"no set-up link could be made: {(made.stderr.strip().splitlines() or ['no reason was given'])[-1]}")
        return made.stdout.strip()

    def _log_path(self, name: str) -> str:
        return "above" if self.log_here else str(self.data_dir / "logs" / f"{name}.log")

    def _last_line(self, name: str) -> str:
        """What a part said last, before it refused to start."""
        said = "" if self.log_here else (self.data_dir / "logs" / f"{name}.log").read_text(errors="replace")[-10_000:]
        lines = [line.removeprefix("tocsin: ") for line in said.splitlines() if line.startswith("tocsin: ")]
        return lines[-1] if lines else f"{name} refuses to start (log: {self._log_path(name)})"

    def _spawn(self, child: Child) -> None:
        child.started = time.monotonic()
        folder = self.data_dir / "logs"
        folder.mkdir(mode=0o700, exist_ok=True)
        with contextlib.ExitStack() as files:
            output: Any = sys.stderr if self.log_here else files.enter_context((folder / f"{child.name}.log").open("ab"))
            # Web ends at once with its supervisor so that the port is free; the worker may finish what it is sending.
            number = signal.SIGKILL if child.name == "web" else signal.SIGTERM
            child.process = subprocess.Popen(
                child.command, env=child.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                preexec_fn=lambda: processes.die_with_parent(number),
            )  # fmt: skip

    def _trim_logs(self) -> None:
        for name in () if self.log_here else self.children:
            path = self.data_dir / "logs" / f"{name}.log"
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size > LONGEST_LOG:  # it is open for appending, so it can be emptied under its writer
                    with contextlib.suppress(OSError):  # a full disk: room is worth more than an old log
                        shutil.copyfile(path, path.with_suffix(".log.1"))
                    os.truncate(path, 0)

    def _say_when_ready(self, wake: int, first_visit: str) -> None:
        while not self.stopping and not answers_ready(self.host, self.port):
            self._tend(wake, 0.1)
        if self.stopping:
            return
        where = os.environ.get("TOCSIN_URL") or self.address()
        more = f", set it up at {first_visit}" if first_visit else f", {self.demo_words}" if self.demo else ""
        print(f"Tocsin is ready at {where}{more}", flush=True)
        if self.demo:
            environment = {**self._environment("shell"), "TOCSIN_DEMO_URL": self.address()}
            with (self.data_dir / "logs" / "demo.log").open("ab") as log:
                subprocess.Popen(
                    [*python(), "demo"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )

    def _stop(self) -> None:
        """Stop web and worker together, then the database. A second signal cuts the waiting short."""
        self.stopping = True
        running = {child.name: child.process for child in self.children.values() if child.process}
        for process in running.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        begun, pressed = time.monotonic(), self.signals
        while running and self.signals <= pressed:
            self._reap()
            running = {name: process for name, process in running.items() if self.children[name].process}
            if any(time.monotonic() - begun > PATIENCE[name] for name in running):
                break
            time.sleep(0.03)
        processes.end(processes.end(processes.marked(MARK, str(self.data_dir)), signal.SIGTERM, 1), signal.SIGKILL, 2)
        if self.server:
            self.server.stop()


def python() -> list[str]:
    """How a child of ours is started."""
    return [sys.executable, "-m", "tocsin.cli"]


def next_back_off(before: float, lived: float) -> float:
    """Seconds before a part is started again that lived so many: at once where it had been at work, else after twice the last pause."""
    return 0.0 if lived >= STEADY else min(LONGEST_BACK_OFF, max(LEAST_BACK_OFF, before * 2))


def say(text: str) -> None:
    """One line to standard error; where that is a file on a full disk, nobody hears it, and work goes on."""
    with contextlib.suppress(OSError):
        print(f"tocsin: {text}", file=sys.stderr, flush=True)


def free_port(host: str, port: int) -> int:
    """The port, once it is sure that it can be had; any free one for 0."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise Failed(f"port {port} of {host} cannot be used ({error.strerror or error}): choose another with --port") from error


def answers_ready(host: str, port: int) -> bool:
    """Whether /readyz says yes."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(target, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
