"""The procedure from the shell: show, lint, diff, import, export."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.session import AsJson, Data, Failed

procedure_app = typer.Typer(help="The organisation's written procedure: show, lint, diff, import, export.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="A file, YAML or Markdown; - reads standard input.")]
Version = Annotated[int | None, typer.Option("--version", help="A version other than the one in force.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the group to the `tocsin` command."""
    app.add_typer(procedure_app, name="procedure")


@procedure_app.command()
def show(version: Version = None, data: Data = None, as_json: AsJson = False) -> None:
    """Write the procedure in force (Markdown, or JSON with --json)."""
    from tocsin.cli.session import django

    with django(data):
        from tocsin.domain.procedure import to_markdown
        from tocsin.procedures import operations

        row = _version(version)
        procedure = operations.document(row)
        if as_json:
            _json({"version": row.number, "note": row.note, **dataclasses.asdict(procedure)})
        else:
            sys.stdout.write(to_markdown(procedure))


@procedure_app.command()
def lint(
    file: Annotated[Path | None, typer.Argument(help="A file to check; without one, the procedure in force.", show_default=False)] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say what cannot work, with the place and the remedy. Exits 1 when something stops a publication."""
    from tocsin.domain.procedure.lint import lint as check

    if file:
        procedure = _read(file)
    else:
        from tocsin.cli.session import django

        with django(data):
            from tocsin.procedures import operations

            procedure = operations.document(operations.current())
    findings = check(procedure)
    if as_json:
        _json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.level}: {finding.place}: {finding.sentence} {finding.remedy}")
        if not findings:
            print("Nothing to put right.")
    if errors := sum(finding.level == "error" for finding in findings):
        raise Failed(f"{errors} {'error stops' if errors == 1 else 'errors stop'} a publication")


@procedure_app.command()
def diff(
    file: Annotated[Path | None, typer.Argument(help="A file to compare with the procedure in force.", show_default=False)] = None,
    old: Annotated[
        int | None, typer.Option("--from", help="The version to compare from (default: the one in force).", show_default=False)
    ] = None,
    new: Annotated[int | None, typer.Option("--to", help="The version to compare with, instead of a file.", show_default=False)] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Say what changes, in sentences."""
    from tocsin.cli.session import django

    if (file is None) == (new is None):
        raise typer.BadParameter("name a file or --to VERSION, one of the two")
    theirs = _read(file) if file else None
    with django(data):
        from tocsin.domain.procedure.diff import diff as compare
        from tocsin.domain.procedure.diff import for_open_incidents
        from tocsin.procedures import operations

        changes = compare(operations.document(_version(old)), theirs or operations.document(_version(new)))
    if as_json:
        _json([dataclasses.asdict(change) for change in changes])
        return
    for change in changes:
        print(f"{change.place}: {change.sentence}")
    print(for_open_incidents(changes, 0))


@procedure_app.command("import")
def import_(
    file: File,
    note: Annotated[str, typer.Option("--note", help="What changes, and why.")],
    expected: Annotated[int | None, typer.Option("--expect", help="Refuse when another version is in force.", show_default=False)] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Bring a file into force as the next version, unless lint finds errors or nothing changes."""
    from tocsin.cli.session import actor, django

    procedure = _read(file)
    with django(data):
        from tocsin import clock
        from tocsin.procedures import operations

        now_in_force = operations.current()
        if operations.document(now_in_force) == procedure:
            row, words = now_in_force, "is in force and says the same"
        else:
            plain = operations.to_plain(procedure)
            row, words = operations.replace(plain, note=note, by=actor(), now=clock.now(), expected=expected), "is in force"
    if as_json:
        _json({"version": row.number, "note": row.note})
    else:
        print(f"Version {row.number} {words}.")


@procedure_app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, standard output.", show_default=False)] = None,
    form: Annotated[str, typer.Option("--format", help="markdown or yaml; by default what the file's name ends in, else Markdown.")] = "",
    version: Version = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Write the procedure as Markdown or YAML (or JSON with --json); what is written can be imported again."""
    from tocsin.cli.session import django

    chosen = form or ("yaml" if file and file.suffix in (".yaml", ".yml") else "markdown")
    if chosen not in ("markdown", "yaml"):
        raise typer.BadParameter("--format is markdown or yaml")
    with django(data):
        from tocsin.domain.procedure import to_plain
        from tocsin.procedures import forms, operations

        procedure = operations.document(_version(version))
        json_text = json.dumps(to_plain(procedure), indent=2, ensure_ascii=False) + "\n"
        text = json_text if as_json else forms.write(procedure, "yaml" if chosen == "yaml" else "markdown")
    if file is None:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{file} cannot be written: {error.strerror}") from error


def _version(number: int | None) -> Any:
    from tocsin.procedures import operations

    return operations.current() if number is None else operations.version(number)


def _read(file: Path) -> Any:
    """The procedure in a file; the form follows the file's name, else what the text looks like."""
    from tocsin.domain.procedure import FormError
    from tocsin.procedures import forms

    try:
        text = sys.stdin.read(forms.LONGEST + 1) if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failed(f"{file} is not UTF-8 text") from error
    form: Any = {".md": "markdown", ".yaml": "yaml", ".yml": "yaml", ".json": "yaml"}.get(file.suffix)
    try:
        return forms.read(text, form)
    except FormError as error:
        raise Failed(f"{file}: {error}") from error


def _json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, default=str, ensure_ascii=False)
    print()
