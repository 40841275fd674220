"""How is the set-up kept as a file: `tocsin export`, `tocsin import`, `tocsin apply`?

One YAML (or JSON) document in which everything is named, not numbered: teams, users, schedules, policies, components, services. Applying it
twice changes nothing the second time; what the document does not name stays as it is.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.configuration_applied import Applying
from tocsin.cli.configuration_written import SECTIONS, VERSION, current
from tocsin.cli.session import AsJson, Data, Failed, django

LARGEST = 5_000_000


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    app.command("export")(write)
    app.command("import")(bring_in)
    app.command("apply")(bring_in)


def write(data: Data = None, as_json: AsJson = False) -> None:
    """Write the set-up to standard output (YAML, or JSON with --json). No secrets are in it."""
    with django(data):
        document = current()
    if as_json:
        json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
        print()
    else:
        import yaml

        yaml.safe_dump(document, sys.stdout, sort_keys=False, allow_unicode=True)


def bring_in(
    file: Annotated[Path, typer.Argument(help="A YAML or JSON file as `tocsin export` writes it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    data: Data = None,
) -> None:
    """Make the set-up be as the file says: adds what is missing, changes what differs, removes nothing. All of it or nothing."""
    document = _read(file)
    with django(data):
        from django.db import transaction

        from tocsin import clock

        with transaction.atomic():
            done = Applying(clock.now()).apply(document)
            if dry_run:
                transaction.set_rollback(True)
        for line in done:
            typer.echo(f"would {line}" if dry_run else line)
        if not done:
            typer.echo("nothing to change")


def _read(file: Path) -> dict[str, Any]:
    import yaml

    try:
        if file.stat().st_size > LARGEST:
            raise Failed(f"{file} is larger than {LARGEST // 1_000_000} MB")
        document = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Failed(f"{file} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise Failed(f"{file} is not a set-up of tocsin: it must begin with version: {VERSION}")
    if unknown := set(document) - {"version", *SECTIONS}:
        raise Failed(f"{file} has sections that are not known: {', '.join(sorted(unknown))}")
    return document
