"""Whom does the severity of a cause demand? Its promise, its pages, the message to its team, its ticket."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from tocsin.accounts.actor import SYSTEM
from tocsin.alerts.models import Alert
from tocsin.domain import obligations as rules
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations_work as work
from tocsin.incidents.models import Incident, Ticket
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.obligations.queries import calendar_for
from tocsin.paging import operations as paging
from tocsin.paging import operations_rooms as rooms
from tocsin.paging.models import EscalationPolicy
from tocsin.response import reopen
from tocsin.response.rehearse import LEADERSHIP, policy_of
from tocsin.timeline.operations import record


def first(
    alert: Alert, procedure: Procedure, *, accepted_at: datetime, now: datetime, restarted: bool = False, watched: bool = True
) -> None:
    """A new cause: its acknowledgement is promised from the acceptance of its first event, and whom it demands is reached.

    `restarted`: it was known before, so no incident that is over opens again for it. `watched`: whether there is any that would.
    """
    from_acceptance = procedure.settings.acknowledge_starts == "event_accepted"
    _promise(alert, procedure, accepted_at if from_acceptance else now, now)
    incident = _incident(alert) if restarted else reopen.recurrence(alert, now) if watched else None
    if incident and not restarted:
        text = f"It came back: {incident.ref} is open again"
        record("recurrence", text, by=SYSTEM, now=now, alert_id=alert.pk, data={"ref": incident.ref})
    _reach(alert, procedure, incident, now, since=accepted_at, begins=not restarted)


def again(alert: Alert, procedure: Procedure, *, now: datetime) -> None:
    """The cause came back: whom its severity demands is reached."""
    if not Obligation.objects.filter(alert_id=alert.pk, kind="acknowledge").exists():
        _promise(alert, procedure, now, now)
    paging.retitle(alert_id=alert.pk, subject={"severity": severity_of(alert)}, now=now)
    _reach(alert, procedure, _incident(alert), now)


def worse(alert: Alert, procedure: Procedure, *, before: str, now: datetime) -> None:
    """The cause got worse: whom its severity demands is reached as well, who has it is asked again, pages say what is worst, and an
    acknowledgement that is still owed is owed as soon as that severity demands."""
    owed = Obligation.objects.filter(alert_id=alert.pk, kind="acknowledge").order_by("-id").first()
    if owed is None:
        _promise(alert, procedure, now, now)
    elif owed.state == Obligation.State.OPEN:
        obligations.draw_nearer(
            owed, _acknowledgement(alert, procedure, now, now), reason=f"Severity changed from {before} to {severity_of(alert)}", at=now
        )
    paging.retitle(alert_id=alert.pk, subject={"severity": severity_of(alert), "title": title_of(alert)}, now=now)
    _reach(alert, procedure, _incident(alert), now)


def severity_of(alert: Alert) -> str:
    """The severity of the cause that an alert leads: the worst of its alerts."""
    return alert.cause_severity or alert.severity


def title_of(alert: Alert) -> str:
    """What pages about the cause that an alert leads call it: by the alert that makes it as bad as it is."""
    worst = severity_of(alert)
    if worst == alert.severity:
        return alert.title
    members = Alert.objects.filter(lead=alert.pk, severity=worst).order_by("status", "id")  # what fires comes first
    return members.values_list("title", flat=True).first() or alert.title


def subject(alert: Alert) -> dict[str, object]:
    """What pages about this alert say."""
    return {
        "title": title_of(alert), "severity": severity_of(alert), "service": alert.service.name if alert.service else "",
        "team_id": alert.service.team_id if alert.service else None, "link": f"{settings.TOCSIN_URL}/alerts/{alert.pk}/", "incident_ref": "",
        "critical": bool(alert.service and alert.service.critical), "tier": alert.service.tier if alert.service else 0,
    }  # fmt: skip


def _promise(alert: Alert, procedure: Procedure, started_at: datetime, now: datetime) -> None:
    obligations.owe([_acknowledgement(alert, procedure, started_at, now)], alert_id=alert.pk)


def _acknowledgement(alert: Alert, procedure: Procedure, started_at: datetime, now: datetime) -> rules.Promise:
    team = alert.service.team if alert.service else None
    severity = severity_of(alert)
    return rules.acknowledgement(procedure, severity, started_at, calendar_for(procedure.severity(severity), team, now))


def _reach(
    alert: Alert, procedure: Procedure, incident: Incident | None, now: datetime, *, since: datetime | None = None, begins: bool = False
) -> None:
    severity = severity_of(alert)
    demanded = procedure.severity(severity).escalation
    for track in demanded.page:
        if track == "leadership" and procedure.settings.leadership_on_declare_only:
            continue
        policy = _policy(alert, track)
        if policy is None and track != "on_call":
            record("gap", f"{track.capitalize()} could not be paged: no policy is set for it", by=SYSTEM, now=now, alert_id=alert.pk)
            continue
        paging.start(
            policy=policy, track=track, subject={**subject(alert), **({"incident_ref": incident.ref} if incident else {})}, alert=alert,
            incident_id=incident.pk if incident else None, reason=f"{severity}: {demanded.text}", since=since,
            begins=begins and incident is None, now=now,
        )  # fmt: skip
    if demanded.team_channel:
        _tell_team(alert, severity, now)
    if demanded.ticket:
        _make_ticket(alert, severity, procedure, now)


def _incident(alert: Alert) -> Incident | None:
    """The open incident that an alert belongs to: further pages about it are the incident's."""
    return Incident.objects.filter(alert_links__alert=alert).exclude(status__in=["resolved", "closed"]).order_by("-id").first()


def _policy(alert: Alert, track: str) -> EscalationPolicy | None:
    return (alert.policy if track != LEADERSHIP else None) or policy_of(alert.service, track)


def _tell_team(alert: Alert, severity: str, now: datetime) -> None:
    if alert.service is None or alert.service.team_id is None:
        record("gap", "No team was told: the alert has no service with a team", by=SYSTEM, now=now, alert_id=alert.pk)
        return
    text = f"{severity} {alert.service.name}: {title_of(alert)}"
    entry = record("team_message", text, by=SYSTEM, now=now, alert_id=alert.pk, team_id=alert.service.team_id, data={"severity": severity})
    if team := alert.service.team:
        why = f"the procedure tells the team {team.name} of {severity}"
        rooms.tell(team, subject(alert), why=why, entry=entry.pk, now=now, alert_id=alert.pk)


def _make_ticket(alert: Alert, severity: str, procedure: Procedure, now: datetime) -> None:
    if Ticket.objects.filter(alert=alert).exists():
        return
    team = alert.service.team if alert.service else None
    level = procedure.severity(severity)
    due = rules.response_due(level, now, calendar_for(level, team, now))
    ticket = work.create_ticket(title=title_of(alert), alert=alert, team=team, due_at=due, now=now)
    text = f"Ticket T-{ticket.number} created, due {due:%Y-%m-%d %H:%M} UTC"
    record("ticket", text, by=SYSTEM, now=now, alert_id=alert.pk, data={"ticket": ticket.pk})
