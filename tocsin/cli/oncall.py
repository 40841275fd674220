"""Who holds the pager, and who would be paged: `tocsin oncall`."""

from __future__ import annotations

from typing import Annotated, Any

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
                "until": shift.ends_at if shift else None, "source": shift.source if shift else "nobody is on call",
            })  # fmt: skip
        show(rows, as_json, ("schedule", "user", "email", "until", "source"))


@oncall.command()
def explain(
    service: Annotated[str, typer.Argument(help="The name of a service.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show who would be paged if an alert of this service fired now, step by step, and why."""
    with django(data):
        from tocsin import clock
        from tocsin.alerts.models import Service

        row = Service.objects.filter(name__iexact=service, removed_at=None).select_related("escalation_policy", "team").first()
        if row is None:
            raise Failed(f"there is no service {service}")
        show(reach(row, clock.now()), as_json, ("at", "step", "who", "how"))


def reach(service: Any, now: Any) -> list[dict[str, Any]]:
    """The steps of a service's escalation as they would go now."""
    from tocsin.paging.queries import dry_run

    policy = service.escalation_policy
    plain = {"steps": policy.steps, "repeats": policy.repeats, "name": policy.name} if policy else {"steps": [], "repeats": 0}
    lines = dry_run(plain, team=service.team_id, name=policy.name if policy else "", subject={"service": service.name}, now=now)
    return [
        {
            "at": line.at,
            "step": line.step or "fallback",
            "who": line.who,
            "how": line.how,
            "reachable": line.reachable,
            "unreachable": line.unreachable,
        }
        for line in lines
    ]
