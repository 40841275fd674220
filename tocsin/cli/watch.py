"""A second pair of eyes from the shell: `tocsin watch`, `tocsin watch-ack` and `tocsin watch-status`, on another host, without a database."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.session import AsJson, Data, Failed, data_dir, plain

FOLDER = "watch"


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    app.command()(watch)
    app.command("watch-ack")(watch_ack)
    app.command("watch-status")(watch_status)


def watch(
    installation: Annotated[str, typer.Argument(help="The address of the Tocsin to watch. The token comes from TOCSIN_WATCH_TOKEN.")],
    listen: Annotated[str, typer.Option(help="Where the heartbeat is heard, as host:port.")] = "127.0.0.1:8100",
    url: Annotated[str, typer.Option(help="The address at which people and the installation reach this watch.")] = "",
    policy: Annotated[str, typer.Option(help="Whose steps are paged; otherwise those of the policy that most services use.")] = "",
    silence: Annotated[int, typer.Option(min=5, help="Seconds of silence after which it pages.")] = 180,
    public_key: Annotated[str, typer.Option(help="The key that signs the rota; otherwise the first one that comes is believed.")] = "",
    data: Data = None,
) -> None:
    """Watch a Tocsin from another host: page by a signed copy of its rota when its heartbeat stops. Needs no database."""
    folder = _prepare(data)
    from tocsin.cli.mail_in import where
    from tocsin.cli.watch_process import Settings, Watcher
    from tocsin.cli.watch_store import Store
    from tocsin.lib import http, logs

    token = os.environ.get("TOCSIN_WATCH_TOKEN", "")
    if not token:
        raise Failed(
            "TOCSIN_WATCH_TOKEN is not set: make a token of scope watch at the installation (tocsin token create watch --scope watch)"
        )
    try:
        address = where(listen)
        http.check_url(installation)
        if url:
            http.check_url(url)
    except ValueError as error:
        raise Failed(str(error).replace("TOCSIN_SMTP_LISTEN", "--listen")) from error
    logs.configure("watch")
    if public_key:
        Store(folder).pin(public_key.strip())
    settings = Settings(installation.rstrip("/"), token, address, url.rstrip("/"), timedelta(seconds=silence), policy)
    try:
        Watcher(settings, folder).run()
    except OSError as error:
        raise Failed(f"nothing can be heard at {listen} ({error.strerror or error})") from error


def watch_ack(
    by: Annotated[str, typer.Argument(help="Who has it.")],
    data: Data = None,
) -> None:
    """Acknowledge on the host of the watch: it pages nobody further until the acknowledgement runs out, in an hour."""
    folder = _prepare(data)
    from tocsin.cli.watch_process import ANSWER
    from tocsin.cli.watch_store import Store

    if not by.strip() or len(by) > 120:
        raise Failed("say who has it, in at most 120 characters")
    if json.loads(Store(folder).text("state.json") or "{}").get("run") is None:
        raise Failed("the watch pages nobody: there is nothing to acknowledge")
    Store(folder).write(ANSWER, by.strip())
    typer.echo(f"the watch is told that {by.strip()} has it")


def watch_status(data: Data = None, as_json: AsJson = False) -> None:
    """Show what the watch holds and whether it is paging."""
    folder = _prepare(data)
    from tocsin import clock
    from tocsin.cli.watch_store import Store

    store = Store(folder)
    rota, run = store.rota(), store.state(clock.now()).run
    found = {
        "paging": run is not None and run.acknowledged_at is None, "acknowledged_by": run.acknowledged_by if run else "",
        "rota_made_at": rota.made_at.isoformat() if rota else None, "policy": rota.policy if rota else None,
        "steps": [[one.name for one in rota.on_duty(number, clock.now())] for number in range(len(rota.steps))] if rota else [],
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo("paging" if found["paging"] else f"acknowledged by {run.acknowledged_by}" if run else "watching")
    typer.echo(f"rota of {plain(rota.made_at)}, policy {rota.policy}" if rota else "no rota is held yet")
    for number, names in enumerate(found["steps"] or (), 1):  # type: ignore[arg-type, var-annotated]
        typer.echo(f"step {number}: {', '.join(names) or 'nobody who can be reached from here'}")


def _prepare(data: Path | None) -> Path:
    """Settings without a database: only what the channels need is read from them. The folder of the watch."""
    folder = data_dir(data)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "tocsin.settings", "TOCSIN_DATABASE_URL": "postgresql:///none", "TOCSIN_PROCESS": "watch"}
    from tocsin import clock

    clock.of_this_machine()
    return folder / FOLDER
