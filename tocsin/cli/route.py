"""How does `tocsin route` tell what would become of a message?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.session import AsJson, Data, Failed, django

LARGEST = 200_000


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    group = typer.Typer(help="Routing rules.", no_args_is_help=True)
    group.command("test")(simulate)
    app.add_typer(group, name="route")


def simulate(
    file: Annotated[Path, typer.Argument(help="What a source sends.")],
    integration: Annotated[str, typer.Option("--integration", help="The name of the integration that it would come by.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show which routing rules a message would meet, what they decide, and who would be paged. Nothing is kept."""
    try:
        body = file.read_bytes()[: LARGEST + 1]
    except OSError as error:
        raise Failed(f"{file} cannot be read: {error}") from error
    with django(data):
        from tocsin import clock
        from tocsin.alerts.models import Integration
        from tocsin.response import simulate_routing

        row = Integration.objects.filter(name__iexact=integration, removed_at=None).first()
        if row is None:
            raise Failed(f"there is no integration {integration}")
        found = [simulate_routing.shape(one) for one in simulate_routing.of_body(row, body, now=clock.now())]
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(f"{one['title']}{': ' + one['note'] if one['note'] else ''}")
        for rule in one["rules"]:
            typer.echo(f"  {rule['place']}. {rule['name']}: {rule['sentence']}")
        for sentence in one["trace"]:
            typer.echo(f"  {sentence}")
        typer.echo(f"  {one['grouping']}")
        for paged in one["paged"]:
            typer.echo(f"  {paged['sentence'] or paged['track'] + ' by ' + str(paged['policy']) + ':'}")
            for step in paged["steps"]:
                typer.echo(f"    after {step['after_seconds']} s: {step['who']} ({step['how']})")
