"""How is everything saved and brought back: `tocsin backup` and `tocsin restore`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin import postgres
from tocsin.cli.session import Data, Failed, data_dir, database
from tocsin.postgres import migrated

ENDING = ".tocsin-backup"
HOLD = (
    "INSERT INTO paging_pagingstate (id, stage, held_since, held_reason, released_by) VALUES (1, 'sending', clock_timestamp(), %s, '')"
    " ON CONFLICT (id) DO UPDATE SET held_since = excluded.held_since, held_reason = excluded.held_reason"
)


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    app.command()(backup)
    app.command()(restore)


def backup(
    to: Annotated[
        Path | None, typer.Argument(help="The file to write; otherwise one in the data folder's backups.", show_default=False)
    ] = None,
    data: Data = None,
) -> None:
    """Save the database to one file, while everything runs. The secret key is not in it: keep `secret-key` of the data folder as well."""
    folder = data_dir(data)
    target = to or folder / "backups" / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}{ENDING}"
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if target.exists():
        raise Failed(f"{target} is there already: name another file")
    fresh = target.with_name(f".{target.name}.part")
    with database(folder):
        try:
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                _postgres(folder, "pg_dump", "--format=custom", "--no-owner", stdout=file)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(target)
        finally:
            fresh.unlink(missing_ok=True)
    typer.echo(f"saved to {target} ({target.stat().st_size // 1024 + 1} kB)")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `tocsin backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the database holds now.")] = False,
    data: Data = None,
) -> None:
    """Bring back what a backup holds. `tocsin up` must not be running; what is there now is replaced, so --yes is asked for.

    Paging is held back afterwards, until an administrator has seen what is overdue and releases it.
    """
    import psycopg

    from tocsin.cli.session import lock

    folder = data_dir(data)
    if not file.is_file() or file.open("rb").read(5) != b"PGDMP":
        raise Failed(f"{file} is not a backup of tocsin")
    if postgres.is_embedded():
        if (held := lock(folder)) is None:
            raise Failed("tocsin runs on this data folder: stop it first")
        held.close()
    with database(folder):
        address = _address(folder)
        with psycopg.connect(address, autocommit=True) as connection:
            filled = connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone()
            if filled and not yes:
                raise Failed("the database is not empty: --yes replaces all that it holds")
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            if postgres.is_embedded():
                connection.execute(f"GRANT USAGE ON SCHEMA public TO {postgres.APP}".encode())
        _postgres(folder, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", str(file))
        with psycopg.connect(address) as connection, contextlib.suppress(psycopg.errors.UndefinedTable):
            for statement in postgres.rights_sql() if postgres.is_embedded() else ():
                connection.execute(statement.encode())
        _hold(folder, file)
    typer.echo(
        "restored; `tocsin up` starts on it. Paging is held back until an administrator releases it (`tocsin paging release`, or the page)"
    )


def _hold(folder: Path, file: Path) -> None:
    """Hold paging back, before any process may look at what was brought back. The tables are brought up to date first: they know the hold."""
    import psycopg

    environment = {**os.environ, "TOCSIN_DATA_DIR": str(folder), "TOCSIN_PROCESS": "migrate"}
    if not migrated.up_to_date(folder):
        command = [sys.executable, "-m", "tocsin.cli", "migrate"]
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
            raise Failed(f"restored, but its tables cannot be brought up to date: {reason}. Nothing starts on it before that")
    with psycopg.connect(_address(folder)) as connection:
        connection.execute(HOLD, [f"restored from {file.name}"[:300]])


def _address(folder: Path) -> str:
    return postgres.owner_url(folder) if postgres.is_embedded() else os.environ["TOCSIN_DATABASE_URL"]


def _postgres(folder: Path, program: str, *arguments: str, stdout: object = None) -> None:
    from tocsin.postgres.server import programs

    # The address goes in by the environment: a command line can be read by everybody on the machine.
    environment = {**os.environ, **_connection(_address(folder))}
    command = [str(programs() / "bin" / program), f"--dbname={environment['PGDATABASE']}", *arguments]
    done = subprocess.run(command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=False)  # type: ignore[call-overload]
    if done.returncode:
        raise Failed(f"{program} failed: {(done.stderr.decode(errors='replace').strip().splitlines() or ['no reason was given'])[-1]}")


def _connection(address: str) -> dict[str, str]:
    from psycopg.conninfo import conninfo_to_dict

    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE", "sslmode": "PGSSLMODE"}
    return {names[key]: str(value) for key, value in conninfo_to_dict(address).items() if key in names and value is not None}
