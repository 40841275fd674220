"""Responding from the shell: `tocsin declare`, `tocsin ack` and `tocsin drill`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tocsin.cli.session import AsJson, Data, Failed, actor, django, show

Title = Annotated[str, typer.Argument(help="What is broken, in a few words.")]
Severity = Annotated[str, typer.Option(help="SEV1 to SEV4; left out, it is proposed, and when unsure the worse is taken.")]
Impact = Annotated[str, typer.Option(help="What users cannot do, in their words.")]
Service = Annotated[str, typer.Option(help="The name of the service that is broken.")]
As = Annotated[str, typer.Option("--as", help="E-mail address of the person who does this.")]


def register(app: typer.Typer) -> None:
    """Hang the commands into `tocsin`."""
    app.command()(declare)
    app.command()(ack)
    app.command()(drill)


def declare(
    title: Title,
    severity: Severity = "",
    impact: Impact = "",
    service: Service = "",
    commander: Annotated[str, typer.Option(help="E-mail address of the incident commander.")] = "",
    private: Annotated[bool, typer.Option("--private", help="Only its responders and administrators may know of it.")] = False,
    person: As = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Declare an incident. The title is enough."""
    _declare(title, severity, impact, service, commander, private, False, person, data, as_json)


def drill(
    title: Title = "Rehearsal of the procedure",
    severity: Severity = "SEV2",
    impact: Impact = "None: this is a drill",
    service: Service = "",
    commander: Annotated[str, typer.Option(help="E-mail address of the incident commander.")] = "",
    person: As = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse the procedure: an incident that is marked as a drill everywhere and kept out of figures."""
    _declare(title, severity, impact, service, commander, False, True, person, data, as_json)


def _declare(
    title: str,
    severity: str,
    impact: str,
    service: str,
    commander: str,
    private: bool,
    drilled: bool,
    person: str,
    data: Any,
    as_json: bool,
) -> None:
    with django(data):
        from tocsin import clock
        from tocsin.alerts.models import Service as Row
        from tocsin.cli.people import found
        from tocsin.response.declare_incident import declare as carry_out

        broken = Row.objects.filter(name__iexact=service, removed_at=None).first() if service else None
        if service and broken is None:
            raise Failed(f"there is no service {service}")
        incident = carry_out(
            title=title, severity=severity.upper() or None, impact=impact, service=broken, private=private, drill=drilled,
            incident_commander=found(commander) if commander else None, by=_who(person), now=clock.now(),
        )  # fmt: skip
        row = {
            "ref": incident.ref,
            "title": incident.title,
            "severity": incident.severity,
            "status": incident.status,
            "channel": incident.channel,
        }
        show(row if as_json else [row], as_json, ("ref", "severity", "title", "channel"))


def ack(
    what: Annotated[str, typer.Argument(help="An incident (INC-42) or the id of an alert.")],
    person: As = "",
    data: Data = None,
) -> None:
    """Acknowledge: the escalation stops, and the record says who has it."""
    with django(data):
        from tocsin import clock
        from tocsin.alerts.models import Alert
        from tocsin.incidents import queries
        from tocsin.response.acknowledge import acknowledge_alert, acknowledge_incident

        by, now = _who(person), clock.now()
        if what.upper().startswith("INC-"):
            acknowledge_incident(incident=queries.by_ref(what, by), by=by, now=now)
        elif what.isdigit() and (alert := Alert.objects.filter(pk=int(what)).first()):
            acknowledge_alert(alert=alert, by=by, now=now)
        else:
            raise Failed(f"there is no incident or alert {what}")
        typer.echo(f"{what} is acknowledged")


def _who(person: str) -> Any:
    if not person:
        return actor()
    from tocsin.accounts.actor import Actor
    from tocsin.cli.people import found

    return Actor.of(found(person), "cli")
