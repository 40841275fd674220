"""Who must hear of an alert? Pages, messages, tickets and promises that its severity demands, in the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import Organisation
from tocsin.alerts.models import Alert, Service
from tocsin.domain import obligations as rules
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations_work as work
from tocsin.incidents.models import Ticket
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.obligations.queries import calendar_of
from tocsin.paging import operations as paging
from tocsin.paging.models import EscalationPolicy
from tocsin.response import reopen
from tocsin.timeline.operations import announce, record


def opened(alert: Alert, procedure: Procedure, *, accepted_at: datetime, now: datetime) -> None:
    """A new alert: on the record, its acknowledgement promised from the acceptance of its first event, and whom it demands is reached."""
    _with_service(alert)
    record(
        "alert_opened", f"{alert.title}: proposed {alert.severity}, {alert.severity_reason}", by=SYSTEM, now=now, alert_id=alert.pk,
        data={"severity": alert.severity, "service": alert.service.name if alert.service else ""}, key=True,
    )  # fmt: skip
    if alert.status == Alert.Status.RESOLVED:  # it ended within the same batch: nobody is woken for what is over
        return
    if alert.suppressed_by:
        record("suppressed", f"Nobody is paged: {alert.suppressed_by}", by=SYSTEM, now=now, alert_id=alert.pk)
        return
    started = accepted_at if procedure.settings.acknowledge_starts == "event_accepted" else now
    _promise(alert, procedure, started, now)
    if incident := reopen.recurrence(alert, now):
        record(
            "recurrence", f"It came back: {incident.ref} is open again", by=SYSTEM, now=now, alert_id=alert.pk, data={"ref": incident.ref}
        )
    _reach(alert, procedure, now)


def worsened(alert: Alert, procedure: Procedure, *, now: datetime) -> None:
    """Its source calls it worse than before: whom the new severity demands is reached as well."""
    text = f"Its source calls it {alert.source_severity} now: proposed {alert.severity}"
    record("alert_worsened", text, by=SYSTEM, now=now, alert_id=alert.pk, key=True)
    if alert.status != Alert.Status.FIRING:
        return
    if alert.suppressed_by:
        record("suppressed", f"Nobody more is paged: {alert.suppressed_by}", by=SYSTEM, now=now, alert_id=alert.pk)
        return
    if not Obligation.objects.filter(alert_id=alert.pk, kind="acknowledge").exists():  # what held it back no longer does
        _promise(alert, procedure, now, now)
    _reach(alert, procedure, now)


def released(alert: Alert, procedure: Procedure, *, now: datetime) -> None:
    """The silence over it ended and it still fires: paged as if it were new."""
    record("silence_ended", "The silence over it ended and it still fires", by=SYSTEM, now=now, alert_id=alert.pk)
    _promise(alert, procedure, now, now)
    _reach(alert, procedure, now)


def resolved(alert: Alert, why: str, *, now: datetime, by: object = SYSTEM) -> None:
    """It is over: on the record, its pages stop, and an acknowledgement that nobody gave is no longer owed."""
    record("alert_resolved", f"{alert.title}: {why}", by=by, now=now, alert_id=alert.pk, key=True)  # type: ignore[arg-type]
    paging.stop(alert_id=alert.pk, reason=why, by=by, now=now)  # type: ignore[arg-type]
    obligations.not_applicable("acknowledge", alert_id=alert.pk, reason=f"Alert {why}", at=now)
    announce("board")


def _with_service(alert: Alert) -> None:
    """Fetch service, team and policies at once: each question to the database is time before the first page."""
    if alert.service_id:
        alert.service = Service.objects.select_related("team", "escalation_policy", "leadership_policy").get(pk=alert.service_id)


def subject(alert: Alert) -> dict[str, object]:
    """What pages about this alert say."""
    return {
        "title": alert.title, "severity": alert.severity, "service": alert.service.name if alert.service else "",
        "team_id": alert.service.team_id if alert.service else None, "link": f"{settings.TOCSIN_URL}/alerts/{alert.pk}/", "incident_ref": "",
    }  # fmt: skip


def _promise(alert: Alert, procedure: Procedure, started_at: datetime, now: datetime) -> None:
    team = alert.service.team if alert.service else None
    obligations.owe([rules.acknowledgement(procedure, alert.severity, started_at, calendar_of(team, now))], alert_id=alert.pk)


def _reach(alert: Alert, procedure: Procedure, now: datetime) -> None:
    demanded = procedure.severity(alert.severity).escalation
    for track in demanded.page:
        if track == "leadership" and procedure.settings.leadership_on_declare_only:
            continue
        policy = _policy(alert, track)
        if policy is None and track != "on_call":
            record("gap", f"{track.capitalize()} could not be paged: no policy is set for it", by=SYSTEM, now=now, alert_id=alert.pk)
            continue
        paging.start(policy=policy, track=track, subject=subject(alert), alert=alert, reason=f"{alert.severity}: {demanded.text}", now=now)
    if demanded.team_channel:
        _tell_team(alert, now)
    if demanded.ticket:
        _make_ticket(alert, procedure, now)


def _policy(alert: Alert, track: str) -> EscalationPolicy | None:
    if track == "leadership":
        return (alert.service.leadership_policy if alert.service else None) or Organisation.objects.get(pk=1).leadership_policy
    return alert.service.escalation_policy if alert.service else None


def _tell_team(alert: Alert, now: datetime) -> None:
    if alert.service is None or alert.service.team_id is None:
        record("gap", "No team was told: the alert has no service with a team", by=SYSTEM, now=now, alert_id=alert.pk)
        return
    text = f"{alert.severity} {alert.service.name}: {alert.title}"
    record("team_message", text, by=SYSTEM, now=now, alert_id=alert.pk, team_id=alert.service.team_id, data={"severity": alert.severity})


def _make_ticket(alert: Alert, procedure: Procedure, now: datetime) -> None:
    if Ticket.objects.filter(alert=alert).exists():
        return
    team = alert.service.team if alert.service else None
    due = rules.response_due(procedure.severity(alert.severity), now, calendar_of(team, now))
    ticket = work.create_ticket(title=alert.title, alert=alert, team=team, due_at=due, now=now)
    text = f"Ticket T-{ticket.number} created, due {due:%Y-%m-%d %H:%M} UTC"
    record("ticket", text, by=SYSTEM, now=now, alert_id=alert.pk, data={"ticket": ticket.pk})
