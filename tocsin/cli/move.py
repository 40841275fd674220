"""How does an organisation move here from another product? `tocsin convert` reads it there and writes a file for `tocsin import`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.session import Data, Failed, django

LONGEST_KEY = 500
KEY = "TOCSIN_CONVERT_KEY"


def register(app: typer.Typer) -> None:
    """Hang the command into `tocsin`."""
    app.command("convert")(convert)


def convert(
    product: Annotated[str, typer.Argument(help="opsgenie, pagerduty or oncall (Grafana OnCall)")],
    key_file: Annotated[Path | None, typer.Option("--key-file", help=f"A file with an API key; without it, ${KEY}.")] = None,
    url: Annotated[str, typer.Option("--url", help="The address of its API, where it is another one than usual.")] = "",
    data: Data = None,
) -> None:
    """Read people, teams, schedules, policies and services from another product, and write them as a file for `tocsin import`. It changes
    nothing, there or here; what cannot be carried over is told on standard error and stands at the top of the file."""
    key = _key(key_file)
    with django(data):
        from tocsin.integrations.moving import PRODUCTS
        from tocsin.integrations.moving.reader import MovingError

        if product not in PRODUCTS:
            raise Failed(f"convert knows {', '.join(PRODUCTS)}, not {product}")
        module = PRODUCTS[product]()
        try:
            document, notes = module.convert(url or module.SERVER, key)
        except MovingError as error:
            raise Failed(str(error)) from error
    write(document, notes)


def write(document: dict[str, Any], notes: list[str]) -> None:
    """The file to standard output, the notes there as comments and on standard error."""
    import yaml

    counts = ", ".join(f"{len(items)} {section.replace('_', ' ')}" for section, items in document.items() if isinstance(items, list))
    for line in [f"Read: {counts}.", *notes]:
        typer.echo(line, err=True)
        sys.stdout.write(f"# {' '.join(line.split())}\n")
    yaml.safe_dump(document, sys.stdout, sort_keys=False, allow_unicode=True)


def _key(file: Path | None) -> str:
    try:
        key = (file.read_text() if file else os.environ.get(KEY, "")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"{file} cannot be read: {error}") from error
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise Failed(f"give an API key, by --key-file or in ${KEY}")
    return key
