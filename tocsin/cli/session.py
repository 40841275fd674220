"""What does a command need around it: the data folder, a database that answers, Django, and one clear line when it fails?"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from tocsin import postgres

Data = Annotated[Path | None, typer.Option("--data", help="The data folder.", envvar="TOCSIN_DATA_DIR", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


class Failed(Exception):
    """A command cannot do what was asked."""


def data_dir(given: Path | None = None) -> Path:
    """The data folder in use, told to every part of this process and its children."""
    chosen = (given or Path(os.environ.get("TOCSIN_DATA_DIR") or postgres.default_data_dir())).expanduser().absolute()
    os.environ["TOCSIN_DATA_DIR"] = str(chosen)
    return chosen


def lock(folder: Path) -> TextIO | None:
    """Take the data folder for this process until it ends; None if another process has it."""
    try:
        postgres.make_data_dir(folder)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise Failed(f"the data folder {folder} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


@contextlib.contextmanager
def database(folder: Path) -> Iterator[None]:
    """A database that answers: an external one, the one that `tocsin up` runs, or the embedded one started for this command alone."""
    if not postgres.is_embedded():
        yield
        return
    held = lock(folder)
    if held is None:  # `tocsin up` runs and keeps the database
        yield
        return
    from tocsin.postgres.server import Server, ServerError

    server = Server(folder)
    try:
        try:
            server.start()
        except ServerError as error:
            raise Failed(str(error)) from error
        yield
    finally:
        server.stop()
        held.close()


@contextlib.contextmanager
def django(given: Path | None = None, process: str = "shell") -> Iterator[Path]:
    """Django, set up on a database that answers. The data folder."""
    folder = data_dir(given)
    with database(folder):
        set_up(process)
        yield folder


def set_up(process: str) -> None:
    """Django in this process, with its logs."""
    os.environ["TOCSIN_PROCESS"] = process
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.settings")
    if process == "shell":
        os.environ.setdefault("TOCSIN_LOG_LEVEL", "WARNING")
        os.environ.setdefault("TOCSIN_LOG", "console")
    import django as package

    from tocsin.lib import logs

    logs.configure(process)
    package.setup()


def show(rows: Any, as_json: bool, columns: tuple[str, ...] = ()) -> None:
    """Write what was read: JSON, or a plain table of those columns."""
    if as_json:
        json.dump(rows, sys.stdout, indent=2, default=str, ensure_ascii=False)
        print()
        return
    table = [
        [name.replace("_", " ") for name in columns],
        *[[plain(row[name]) for name in columns] for row in rows],
    ]
    widths = [max(len(line[place]) for line in table) for place in range(len(columns))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def plain(value: Any) -> str:
    """A value as a person reads it in a table; of times the minute."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M %Z}"
        case list():
            return ", ".join(map(plain, value))
    return str(value)


def actor() -> Any:
    """Who acts from the shell: whoever can run commands on this machine."""
    from tocsin.accounts.actor import Actor

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return Actor(None, f"{name} (shell)", "cli")
