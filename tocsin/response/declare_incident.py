"""What happens when somebody says "this is an incident"? One transaction opens it with everything that its severity obliges to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert, Service
from tocsin.domain import checklist, messages
from tocsin.domain import obligations as rules
from tocsin.domain.procedure.model import Procedure, Severity
from tocsin.domain.severity import propose, worse_of
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.obligations.queries import calendar_for, time_zone
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation
from tocsin.procedures import operations as procedures
from tocsin.response import fill_roles, frame, mailing, reach
from tocsin.response.assign_role import give
from tocsin.response.mitigate import offer
from tocsin.response.run_check import open_checks
from tocsin.timeline.operations import record

NOT_KNOWN = "Not known yet"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for, checked."""

    title: str
    severity: Severity
    severity_reason: str
    impact: str
    private: bool


def declare(
    *,
    title: str,
    severity: str | None = None,
    impact: str = "",
    reason: str = "",
    private: bool = False,
    alert: Alert | None = None,
    service: Service | None = None,
    incident_commander: User | None = None,
    drill: bool = False,
    by: Actor,
    now: datetime,
) -> Incident:
    """Open an incident. The title is enough: without a severity it is proposed, and when unsure the worse is taken.

    From an alert it is declared with all alerts of the same cause.

    `reason` is the sentence it was chosen by, often an example of the procedure; one that asks for it makes the incident private.
    """
    with transaction.atomic():
        frame.require_responder(by)
        version = procedures.current()
        procedure = procedures.document(version)
        if alert:
            alert = _free_alert(alert)
            service = service or alert.service
        wanted = _wanted(procedure, title, severity, impact, reason, private, alert, service)
        _check_commander(incident_commander)
        number, zone = incidents.next_number(), time_zone()
        incident = incidents.create(
            number=number, now=now, by=by.user, title=wanted.title, severity=wanted.severity.id, severity_reason=wanted.severity_reason,
            impact=wanted.impact, private=wanted.private, drill=drill, service=service, team=service.team if service else None,
            procedure_version=version, channel=channel_for(procedure, wanted.severity, wanted.title, zone, now),
        )  # fmt: skip
        if by.user:
            incidents.join(incident, by.user, now=now)
        if alert:
            _take_alert(incident, alert, by, now)
        _owe(incident, procedure, alert, now)
        announce(incident, procedure, incident_commander, zone, by=by, now=now)
        if incident_commander:
            give(incident, procedure, role=procedure.roles[0].id, user=incident_commander, by=by, now=now)
        fill_roles.fill(incident, procedure, by=by, now=now)
        _tick(incident, procedure, alert, by, now)
        open_checks(incident, procedure, now)
        offer(incident, procedure)
        reach.reach(incident, procedure, alert=alert, begins=alert is None, by=by, now=now)
        return incident


def _take_alert(incident: Incident, alert: Alert, by: Actor, now: datetime) -> None:
    """The alert, with all of its cause, belongs to the incident from now on, and so does who is paged for it."""
    incidents.link_alert(incident, alert, cause=True, by=by.user, now=now)
    if more := incidents.link_cause(incident, alert, now=now):
        frame.tell("alert", f"{more:,} more alert{'s' if more > 1 else ''} of the same cause belong to it", incident, by=by, now=now)
    paging.attach(alert_ids=[alert.pk], incident_id=incident.pk, subject=frame.subject(incident), now=now)
    text = f"{incident.ref} was declared from this alert"
    record("incident_declared", text, by=by, now=now, alert_id=alert.pk, data={"ref": incident.ref})


def announce(incident: Incident, procedure: Procedure, commander: User | None, zone: str, *, by: Actor, now: datetime) -> None:
    """The declaration in the template's words: the same text in the channel, on the timeline, and by mail to those who follow."""
    promised = rules.first_update(procedure, incident.severity, now)
    text = messages.declaration(
        procedure, severity=incident.severity, impact=incident.impact or NOT_KNOWN, incident_commander=str(commander or ""),
        next_update=promised.due_at if promised else None, zone=zone,
    )  # fmt: skip
    entry = frame.tell("declared", text, incident, by=by, now=now, key=True, severity=incident.severity, channel=incident.channel)
    mailing.mail_followers(incident, entry)


def channel_for(procedure: Procedure, severity: Severity, title: str, zone: str, now: datetime) -> str:
    """A free channel name, dated in the organisation's zone; none where the severity has no channel. Call it under the numbers' lock."""
    if not severity.channel:
        return ""
    day = now.astimezone(ZoneInfo(zone)).date()
    start = f"#{procedure.settings.channel_prefix}-{day:%Y%m%d}-"
    return messages.channel_name(
        procedure.settings.channel_prefix, day, title, queries.channels_from(start), procedure.settings.channel_length
    )


def _wanted(
    procedure: Procedure,
    title: str,
    severity: str | None,
    impact: str,
    reason: str,
    private: bool,
    alert: Alert | None,
    service: Service | None,
) -> Wanted:
    title = " ".join(frame.limit("title", title, 300, needed="Say in a few words what is wrong.").split())
    impact, reason = frame.limit("impact", impact, 2000), frame.limit("reason", reason, 1000)
    if severity:
        try:
            chosen = procedure.severity(severity)
        except KeyError as error:
            known = ", ".join(level.id for level in procedure.severities)
            raise invalid(severity=f"There is no severity {severity!r}; the procedure has {known}.") from error
        reason = reason or "Chosen at the declaration"
    else:
        chosen, proposed = _proposed(procedure, title, reason, alert, service)
        reason = reason or f"Proposed: {proposed}"
    said = {reason.lower(), title.lower()}
    forced = any(example.private and example.text.lower() in said for level in procedure.severities for example in level.examples)
    return Wanted(title, chosen, reason, impact, private or forced)


def _proposed(procedure: Procedure, title: str, example: str, alert: Alert | None, service: Service | None) -> tuple[Severity, str]:
    """What the chosen example, the title's words or the alert propose; the worst counts. A person who declares an incident that
    nothing speaks for is taken as seriously as a critical event."""
    table, critical = (service.severity_map, service.critical) if service else ({}, False)
    proposal = propose(procedure, service_map=table, critical=critical, text=title, example=example)
    if alert:
        worse = worse_of(procedure, alert.severity, *([proposal.severity] if proposal.example else []))
        if worse == alert.severity:
            return procedure.severity(worse), alert.severity_reason or f"the alert was judged {worse}"
    elif not proposal.example:
        proposal = propose(procedure, source_severity="critical", service_map=table, critical=critical)
    return procedure.severity(proposal.severity), proposal.reason


def _free_alert(alert: Alert) -> Alert:
    alert = Alert.objects.filter(members=alert.pk).first() or alert  # the one that is paged for its cause
    alert = Alert.objects.select_for_update(of=("self",)).select_related("service__team").get(pk=alert.pk)
    taken = Incident.objects.filter(alert_links__alert=alert).exclude(status="closed").first()
    if taken:
        raise Refused(f"This alert belongs to {taken.ref} already.", status=409, code="declared", errors={"alert": taken.ref})
    return alert


def _check_commander(user: User | None) -> None:
    if user is not None and not (user.is_active and user.may_respond):
        raise invalid(incident_commander=f"{user} cannot take a role: only active responders and administrators can.")


def _owe(incident: Incident, procedure: Procedure, alert: Alert | None, now: datetime) -> None:
    """Open what the severity obliges to. The acknowledgement of an alert is owed already, from its first event on."""
    calendar = calendar_for(procedure.severity(incident.severity), incident.team, now)
    owed = Obligation.objects.filter(alert_id=alert.pk, kind="acknowledge") if alert else Obligation.objects.none()
    acknowledgement = rules.acknowledgement(procedure, incident.severity, now, calendar)
    for row in owed.filter(state=Obligation.State.OPEN).select_for_update():
        if row.severity != incident.severity and row.due_at and row.due_at > now:
            why = f"Declared as {incident.severity}, the alert was {row.severity}"
            row.severity, row.clause, row.text = incident.severity, acknowledgement.clause, acknowledgement.text
            obligations.reschedule(
                row, due_at=acknowledgement.due_at, warn_at=acknowledgement.warn_at, reason=why, at=now, reclassified=True
            )
    promises = [] if owed.exists() else [acknowledgement]
    if update := rules.first_update(procedure, incident.severity, now):
        promises.append(update)
    obligations.owe([*promises, *rules.roles(procedure, incident.severity, now)], incident_id=incident.pk)
    if incident.private:
        obligations.not_applicable("first_public_update", incident_id=incident.pk, reason="A private incident is not published", at=now)


def _tick(incident: Incident, procedure: Procedure, alert: Alert | None, by: Actor, now: datetime) -> None:
    notes = {checklist.ASSESS: f"{incident.severity}: {incident.severity_reason}"}
    if incident.channel:
        notes[checklist.CHANNEL] = incident.channel
    if alert and alert.verdict == Alert.Verdict.REAL:
        notes[checklist.VERIFY] = "real"
    answered = Escalation.objects.filter(alert=alert, acknowledged_at__isnull=False).order_by("acknowledged_at").first() if alert else None
    if answered:
        notes[checklist.ACKNOWLEDGE] = "The alert was acknowledged"
        incidents.save(incident, acknowledged_at=answered.acknowledged_at)
    frame.tick_all(incident, procedure, notes, by=by, now=now)
