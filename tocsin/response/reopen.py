"""Has it come back? An alert like one of a resolved incident, within its watch, opens that incident again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from tocsin.accounts.actor import SYSTEM
from tocsin.alerts.models import Alert
from tocsin.domain import checklist
from tocsin.domain import obligations as rules
from tocsin.domain.lifecycle import recurs
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.procedures import operations as procedures
from tocsin.response import frame

TAKEN_BACK = (checklist.RESTORE, checklist.FIX, checklist.VERIFY_FIX, checklist.WATCH, checklist.STATUS_PAGE, checklist.CLOSE)


def recurrence(alert: Alert, now: datetime) -> Incident | None:
    """Reopen the incident that this new alert belongs to, if its watch is not over; None when there is none. Call it when an alert opens.

    An alert matches when it has the key of one that the incident had, or that one's service and title.
    """
    same_key = Q(alert_links__alert__integration=alert.integration_id, alert_links__alert__dedup_key=alert.dedup_key)
    same_words = Q(alert_links__alert__service=alert.service_id, alert_links__alert__title=alert.title)
    match = same_key | same_words if alert.service_id else same_key
    ended = Incident.objects.filter(match, status__in=["resolved", "closed"]).order_by("-id").distinct()[:5]
    for candidate in ended:
        if recurs(candidate.status, candidate.watch_until, now):
            return _reopen(candidate, alert, now)
    return None


def _reopen(incident: Incident, alert: Alert, now: datetime) -> Incident | None:
    with transaction.atomic():
        incident = incidents.locked(incident)
        if not recurs(incident.status, incident.watch_until, now):
            return None
        procedure = procedures.document(incident.procedure_version)
        incidents.save(
            incident, status=Incident.Status.INVESTIGATING, resolved_at=None, verified_at=None, verification="", watch_until=None,
            closed_at=None, restored_at=None, restored_partially=False, reopened=incident.reopened + 1,
        )  # fmt: skip
        incidents.link_alert(incident, alert, cause=False, by=None, now=now)
        for words in TAKEN_BACK:
            if row := checklist.line(procedure, words):
                incidents.untick(incident, *row.key, now=now)
        for kind in ("verification", "watch", "postmortem"):
            obligations.not_applicable(kind, incident_id=incident.pk, reason="Reopened: it came back", at=now)
        communication = procedure.severity(incident.severity).communication
        if communication and (owed := rules.next_update(procedure, incident.severity, communication.audience, now, None)):
            obligations.owe([owed], incident_id=incident.pk, owner=incidents.holder(incident, owed.owner_role))
        text = f"Reopened: “{alert.title}” came back within the watch"
        entry = frame.tell("reopened", text, incident, by=SYSTEM, now=now, key=True, alert=alert.pk)
        if commander := incidents.holder(incident, "incident_commander"):
            paging.page_person(
                commander, subject=frame.subject(incident), reason=f"{incident.ref} reopened: it came back within the watch",
                identity=f"reopened:{entry.pk}", incident_id=incident.pk, by=SYSTEM, now=now,
            )  # fmt: skip
        return incident
