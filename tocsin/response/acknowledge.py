""" "I have it": what happens when a person acknowledges an alert or an incident, from whatever surface?

One transaction stops the escalations, cancels every page that is not on its way yet (R8), keeps the promise `acknowledge` and
puts it on the record. It fixes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.domain import checklist
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.conflicts import again_on_conflict
from tocsin.lib.refusal import Refused, missing
from tocsin.lib.signing import BadLinkError
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.paging import messages, several
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation, Notification
from tocsin.procedures import operations as procedures
from tocsin.response import answer_ask, causes, frame
from tocsin.response.ready import acknowledge_test
from tocsin.timeline.operations import announce, record

VIA = {"api": "the API", "web": "the page", "link": "the link in a page", "cli": "the command line", "chat": "chat"}
VIA |= {"sms": "a text message", "voice": "a key in a call", "pushover": "the Pushover app", "telegram": "Telegram"}
VIA |= {"slack": "Slack", "mattermost": "Mattermost", "matrix": "Matrix", "teams_bot": "Microsoft Teams"}


@dataclass(frozen=True)
class Acknowledgement:
    """`taken` says whether this one did it; `by` and `at` are whoever has it: the one before where there was one.

    Where several must acknowledge and this was one of them, the escalations still run (paging.several says who is waited for).
    """

    taken: bool
    by: str
    at: datetime | None
    escalations: tuple[Escalation, ...] = ()

    @property
    def waits_for(self) -> str:
        """Who must acknowledge as well before paging stops, in words."""
        return next((words for row in self.escalations if (words := several.waits_for(row))), "")


@again_on_conflict
def acknowledge_alert(*, alert: Alert, by: Actor, now: datetime, via: str | None = None, paged: bool = False) -> Acknowledgement:
    """Acknowledge an alert with all of its cause; whoever already had it keeps it. Its incident, where it has one, is acknowledged with it.
    Responders may, and whoever was `paged` for it."""
    by = replace(by, via=via) if via else by
    with transaction.atomic():
        frame.hold_person(by)
        if not paged:
            frame.require_responder(by)
        lead = Alert.objects.filter(members=alert.pk).first() or alert  # that one is paged for all of its cause
        answer = _cause(lead, by, now)
        if answer.taken and lead.pk != alert.pk:
            record("acknowledged", f"{by.label} acknowledged its cause, alert {lead.pk}", by=by, now=now, alert_id=alert.pk, key=True)
        return _asked(answer, by, now, alert_id=lead.pk)


def _asked(answer: Acknowledgement, by: Actor, now: datetime, **about: int) -> Acknowledgement:
    """What this person was asked is answered as well; what was to be handed over to them is theirs."""
    return Acknowledgement(True, by.label, now, answer.escalations) if answer_ask.meet(by, now=now, **about) else answer


def _cause(alert: Alert, by: Actor, now: datetime) -> Acknowledgement:
    open_ones = _open_incidents(alert)  # locks go incident, alert, escalation, notification
    alert = Alert.objects.select_for_update(of=("self",)).select_related("service").get(pk=alert.pk)
    open_ones += [one for one in _open_incidents(alert) if one.pk not in {known.pk for known in open_ones}]
    document = procedures.document(procedures.current())
    severity = alert.cause_severity or alert.severity
    over = not causes.still_firing([alert.pk]) and all(one.resolved_at for one in open_ones)
    subject = {"title": alert.title, "severity": severity, "service": alert.service.name if alert.service else ""}
    taken = paging.acknowledge(
        alert_id=alert.pk, by=by, now=now, expires_minutes=None if over else _expiry(document, severity), subject=subject
    )
    if not taken and not _owed(alert_id=alert.pk):
        return _already(Escalation.objects.filter(alert=alert))
    entry = record(
        "acknowledged", f"{by.label} acknowledged by {VIA.get(by.via, by.via)}", by=by, now=now, alert_id=alert.pk, key=True,
        data={"escalations": [row.id for row in taken]},
    )  # fmt: skip
    obligations.meet("acknowledge", alert_id=alert.pk, at=now, evidence=frame.evidence(entry))
    for incident in open_ones:
        if incident.acknowledged_at is None:
            _incident(incident, by, now)
    announce("board")
    return Acknowledgement(True, by.label, now, tuple(taken))


def _open_incidents(alert: Alert) -> list[Incident]:
    rows = Incident.objects.filter(alert_links__alert=alert).exclude(status=Incident.Status.CLOSED).order_by("pk").distinct()
    return [incidents.locked(one) for one in rows]


@again_on_conflict
def acknowledge_incident(*, incident: Incident, by: Actor, now: datetime, via: str | None = None, paged: bool = False) -> Acknowledgement:
    """Acknowledge an incident and the alerts that belong to it; whoever already had it keeps it. Responders may, and whoever was `paged`."""
    by = replace(by, via=via) if via else by
    with transaction.atomic():
        frame.hold_person(by)
        row, _ = frame.begin(incident, by, paged=paged)
        taken = _incident(row, by, now)
        if taken is None:
            answer = _already(Escalation.objects.filter(incident_id=row.pk))
        else:
            answer = Acknowledgement(True, by.label, now, tuple(taken))
        return _asked(answer, by, now, incident_id=row.pk)


def _owed(**subject: int) -> bool:
    """Whether an acknowledgement is promised: also where the procedure pages nobody (its lower severities), somebody must take it."""
    return Obligation.objects.filter(kind="acknowledge", state=Obligation.State.OPEN, **subject).exists()


def _incident(incident: Incident, by: Actor, now: datetime) -> list[Escalation] | None:
    """What was stopped; None where there was nothing to acknowledge."""
    document = procedures.document(incident.procedure_version)
    expires = None if incident.resolved_at else _expiry(document, incident.severity)  # what is over is not paged again
    taken = paging.acknowledge(incident_id=incident.pk, by=by, now=now, expires_minutes=expires, subject=frame.subject(incident))
    alert_ids = list(incident.alert_links.values_list("alert_id", flat=True))
    unanswered = Q(status__in=(Escalation.Status.RUNNING, Escalation.Status.EXHAUSTED)) | Q(due_at__lte=now)  # or run out, or given back
    for alert_id in alert_ids:
        if Escalation.objects.filter(unanswered, alert_id=alert_id).exists():
            taken += paging.acknowledge(alert_id=alert_id, by=by, now=now, expires_minutes=expires)
    if not taken and not _owed(incident_id=incident.pk):
        return None
    entry = frame.tell("acknowledged", f"{by.label} acknowledged by {VIA.get(by.via, by.via)}", incident, by=by, now=now, key=True)
    obligations.meet("acknowledge", incident_id=incident.pk, at=now, evidence=frame.evidence(entry))
    for alert_id in alert_ids:
        obligations.meet("acknowledge", alert_id=alert_id, at=now, evidence=frame.evidence(entry))
    if incident.acknowledged_at is None:
        incidents.save(incident, acknowledged_at=now)
    frame.tick(incident, document, checklist.ACKNOWLEDGE, by=by, now=now)
    return taken


def _expiry(document: Procedure, severity: str) -> int | None:
    return next((one.acknowledgement_expires_minutes for one in document.severities if one.id == severity), None)


def _already(rows) -> Acknowledgement:  # type: ignore[no-untyped-def]
    if partly := next((row for row in rows.filter(status=Escalation.Status.RUNNING).order_by("-id") if row.answers), None):
        names = User.objects.filter(pk__in=several.answered(partly)).order_by("name").values_list("name", flat=True)
        return Acknowledgement(False, ", ".join(names), datetime.fromisoformat(partly.answers[-1]["at"]), (partly,))
    first = rows.filter(acknowledged_at__isnull=False).select_related("acknowledged_by").order_by("-acknowledged_at").first()
    who = first.acknowledged_by.name if first and first.acknowledged_by else "somebody"
    return Acknowledgement(False, who, first.acknowledged_at if first else None, (first,) if first else ())


def acknowledge_by_link(*, token: str, now: datetime, address: str | None = None) -> Acknowledgement:
    """Press the button behind the signed link of a page. The person is the one that the page was sent to.

    Raises BadLinkError for a link that is not ours or has expired; refuses people who are no longer active.
    """
    link = messages.read_ack_link(token, now)
    user = User.objects.filter(pk=link.user_id, is_active=True, removed_at=None).first()
    if user is None:
        raise Refused("This person is no longer active.", status=403, code="forbidden")
    page = Notification.objects.filter(pk=link.notification_id, user=user).first()
    return acknowledge_page(incident_id=link.incident_id, alert_id=link.alert_id, page=page, by=Actor.of(user, "link", address), now=now)


@again_on_conflict
def acknowledge_page(
    *, incident_id: int | None, alert_id: int | None, page: Notification | None = None, by: Actor, now: datetime, theirs: bool = True
) -> Acknowledgement:
    """Acknowledge what a page is about; `theirs` says that it was sent to this person, who may answer it whatever their role is. Refused where
    it is gone, or not for them to know."""
    if incident_id and by.user and (incident := Incident.objects.filter(pk=incident_id).first()):
        with transaction.atomic():
            if incident.private and theirs:  # whoever was paged for it may know of it, and takes part once they have it
                if alert_id and page and _was_for_the_alert(page, incident):
                    return acknowledge_alert(alert=Alert.objects.get(pk=alert_id), by=by, now=now, paged=True)
                incidents.join(incidents.locked(incident), by.user, now=now)
            return acknowledge_incident(incident=incident, by=by, now=now, paged=theirs)
    if alert_id and (alert := Alert.objects.filter(pk=alert_id).first()):
        return acknowledge_alert(alert=alert, by=by, now=now, paged=theirs)
    if not incident_id and not alert_id and by.user and theirs:  # a test page
        return Acknowledgement(True, by.label, acknowledge_test(by.user, page, now=now))
    raise missing("alert or incident")


def _was_for_the_alert(page: Notification, incident: Incident) -> bool:
    """Was the page made before its alert led to that incident? Then it lets nobody into a private one."""
    return incident.alert_links.filter(alert=page.alert_id, linked_at__gt=page.created_at).exists()


__all__ = ["Acknowledgement", "BadLinkError", "acknowledge_alert", "acknowledge_by_link", "acknowledge_incident", "acknowledge_page"]
