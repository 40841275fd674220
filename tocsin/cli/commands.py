"""Which commands are there? The ones that run the parts of the house stand here; each other group has a file of its own."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Annotated

import typer

from tocsin.cli.session import Data, data_dir

app = typer.Typer(
    help="Runs an organisation's incident procedure, from the alert to the post-mortem, and proves that it was followed.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")]


@app.command()
def up(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data: Data = None,
    demo: Annotated[bool, typer.Option("--demo", help="Show an example organisation with an incident running.")] = False,
    log_here: Annotated[
        bool, typer.Option("--log-stderr", help="Send all logs to standard error, not to files in the data folder.")
    ] = False,
) -> None:
    """Start everything in the foreground: database, migrations, web, intake and worker. Ctrl-C stops all of it."""
    from tocsin.cli.supervisor import Supervisor

    Supervisor(data_dir(data), host, port, demo=demo, log_here=log_here).run()


@app.command()
def web(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data: Data = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes serve.")] = 1,
) -> None:
    """Run only the web part: pages, API, intake, live streams. The database must answer."""
    data_dir(data)
    from tocsin.cli.web import main

    main(host, port, processes)


@app.command()
def worker(data: Data = None) -> None:
    """Run only the worker: escalations, notifications, obligations, jobs. Any number of them may run, on any number of machines."""
    data_dir(data)
    from tocsin.cli.session import set_up
    from tocsin.cli.worker import main

    set_up("worker")
    main()


@app.command("mail-in")
def mail_in(
    listen: Annotated[
        str, typer.Option(help="Where to listen, as host:port.", envvar="TOCSIN_SMTP_LISTEN", show_envvar=False)
    ] = "127.0.0.1:2525",
    data: Data = None,
) -> None:
    """Run only the listener that takes mail in (SMTP); `tocsin up` runs it itself where TOCSIN_SMTP_LISTEN is set."""
    data_dir(data)
    from tocsin.cli.mail_in import main

    main(listen)


@app.command()
def migrate(data: Data = None) -> None:
    """Bring the database's tables up to date."""
    from tocsin import postgres
    from tocsin.cli.session import database, set_up
    from tocsin.postgres import migrated

    folder = data_dir(data)
    with database(folder):
        embedded = postgres.is_embedded()
        if embedded:
            os.environ["TOCSIN_DATABASE_URL"] = postgres.owner_url(folder)
        set_up("migrate")
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0, interactive=False)
        with connection.cursor() as cursor:
            for statement in postgres.rights_sql() if embedded else ():
                cursor.execute(statement)
            cursor.execute(migrated.FORGET_EMPTINESS)
            cursor.execute(migrated.TABLE)
            cursor.execute(migrated.SAVE, [migrated.stamp()])
        connection.close()
    typer.echo("the tables are up to date")


@app.command("set-up-link", hidden=True)
def set_up_link(data: Data = None) -> None:
    """Write the one-time link with which the first administrator is made, where there is nobody yet."""
    from tocsin.cli.session import django

    with django(data):
        from tocsin import clock
        from tocsin.accounts.operations import ensure_admin
        from tocsin.accounts.operations_tokens import make_setup_link

        now = clock.now()
        if ensure_admin(now) is None and (link := make_setup_link(now)):
            typer.echo(link)


@app.command(hidden=True)
def demo() -> None:
    """Play the example into the running installation at TOCSIN_DEMO_URL with TOCSIN_BOOTSTRAP_TOKEN."""
    from tocsin.cli.demo_caller import play

    play(os.environ["TOCSIN_DEMO_URL"], os.environ["TOCSIN_BOOTSTRAP_TOKEN"])


@app.command()
def version() -> None:
    """Write the version."""
    from tocsin import __version__

    typer.echo(f"tocsin {__version__}")


for _group in ("people", "responding", "oncall", "paging", "procedure", "doctor", "backups", "configuration", "move", "route", "watch"):
    if importlib.util.find_spec(f"tocsin.cli.{_group}"):
        importlib.import_module(f"tocsin.cli.{_group}").register(app)
