"""Who holds the pager, and who would be paged: `tocsin oncall`."""

from __future__ import annotations

from typing import Annotated

import typer

from tocsin.cli.session import AsJson, Data, Failed, django, show

oncall = typer.Typer(help="Who holds the pager.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    app.add_typer(oncall, name="oncall")


@oncall.command()
def who(data: Data = None, as_json: AsJson = False) -> None:
    """Show who is on call now, schedule by schedule."""
    with django(data):
        from tocsin import clock
        from tocsin.accounts.models import User
        from tocsin.oncall import queries

        now, rows = clock.now(), []
        for schedule in queries.active().order_by("name"):
            shift = next(iter(queries.on_call_now(schedule, now)), None)
            user = User.objects.filter(pk=shift.user).first() if shift else None
            rows.append({
                "schedule": schedule.name, "user": user.name if user else None, "email": user.email if user else None,
                "until": shift.ends_at if shift and shift.ends_at < now + queries.HORIZON else None, "source": shift.source if shift else "nobody is on call",
            })  # fmt: skip
        show(rows, as_json, ("schedule", "user", "email", "until", "source"))


@oncall.command()
def explain(
    service: Annotated[str, typer.Argument(help="The name of a service.")],
    severity: Annotated[
        str, typer.Option("--severity", help="As if an alert of that severity fired; else the on-call track, whatever it is.")
    ] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show who would be paged if an alert of this service fired now, step by step, and why."""
    with django(data):
        from tocsin import clock
        from tocsin.accounts.models import Organisation
        from tocsin.alerts.models import Service
        from tocsin.lib.refusal import Refused
        from tocsin.response.rehearse import rehearse, shape
        from tocsin.web.words import moment, zone

        row = Service.objects.filter(name__iexact=service, removed_at=None).select_related("escalation_policy", "team").first()
        if row is None:
            raise Failed(f"there is no service {service}")
        try:
            now = clock.now()
            tracks = [shape(track) for track in rehearse(row, severity=severity, now=now)]
        except Refused as refused:
            raise Failed(refused.detail) from refused
        for track in tracks if not as_json else []:
            typer.echo(
                f"{track['track'].replace('_', ' ')}: {track['policy'] or 'no policy'}{' · ' + track['note'] if track['note'] else ''}"
            )
        lines = [
            {**line, "track": track["track"], "policy_track": line["track"], "step": line["step"] or "fallback"}
            for track in tracks
            for line in track["steps"]
        ]
        where = Organisation.objects.get(pk=1).time_zone
        for line in lines if not as_json else []:
            line["at"] = f"{moment(line['at'], now, where)} {line['at'].astimezone(zone(where)):%Z}"
        several = ("track",) if len(tracks) > 1 else ()
        own = ("policy_track",) if any(line["policy_track"] for line in lines) else ()
        waits = ("waits",) if any(line["waits"] for line in lines) else ()
        told = ("told",) if any(line["told"] for line in lines) else ()
        show(lines, as_json, ("at", *several, *own, "step", "who", "how", *waits, *told))
