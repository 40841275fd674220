"""Paging from the shell: `tocsin paging status` and `tocsin paging release`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import typer

from tocsin.cli.session import AsJson, Data, actor, django, plain, show


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    group = typer.Typer(help="Is paging at work, and is it held back after a restore?", no_args_is_help=True)
    group.command()(status)
    group.command()(release)
    app.add_typer(group, name="paging")


def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show whether paging is at work or held back, and what is overdue."""
    with django(data):
        from tocsin import clock
        from tocsin.api.paging_state import shape
        from tocsin.paging import operations_state
        from tocsin.response import release_paging

        state = operations_state.state()
        found: dict[str, Any] = dict(shape(state, release_paging.overdue(clock.now())))
        if as_json:
            return show(found, True)
        typer.echo(f"held back since {plain(state.held_since)}: {state.held_reason}" if state.held_since else "at work")
        waiting = [
            {
                "what": what,
                "about": one.get("title") or one.get("text"),
                "to": (one.get("user") or {}).get("name", ""),
                "due": datetime.fromisoformat(one["due_at"]) if one["due_at"] else None,
            }
            for what, rows in found["overdue"].items()
            for one in rows
        ]
        if waiting:
            show(waiting, False, ("what", "about", "to", "due"))


def release(data: Data = None) -> None:
    """Let paging go on after a restore: what is overdue is looked at again, merged, and goes out marked as late."""
    with django(data):
        from tocsin import clock
        from tocsin.response import release_paging

        release_paging.release(by=actor(), now=clock.now())
        typer.echo("released: pages go out again")
