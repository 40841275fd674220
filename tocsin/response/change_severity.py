"""Is it worse, or less bad, than thought? Gives an incident another severity: clocks run anew, newly demanded people are reached."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Organisation
from tocsin.domain import checklist
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import operations as obligations
from tocsin.obligations.queries import calendar_of
from tocsin.paging import operations as paging
from tocsin.response import fill_roles, frame, reach
from tocsin.response.declare_incident import channel_for


def change_severity(*, incident: Incident, severity: str, reason: str, by: Actor, now: datetime) -> Incident:
    """Change it, with the reason. Promises are recomputed from this moment; lateness that only the change makes is told apart."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        reason = frame.limit("reason", reason, 1000, needed="Say why; it stands in the record.")
        known = [level.id for level in procedure.severities]
        if severity not in known:
            raise invalid(severity=f"There is no severity {severity!r}; the procedure has {', '.join(known)}.")
        before = incident.severity
        if severity == before:
            raise Refused(f"{incident.ref} is {severity} already.", status=409, code="same_severity")
        incidents.change_severity(incident, after=severity, reason=reason, by=by.user, now=now)
        frame.tell(
            "severity", f"Severity {before} → {severity}: {reason}", incident, by=by, now=now, key=True, before=before, after=severity
        )
        linked = queries.alerts_of(incident)
        calendar = calendar_of(incident.team, now)
        obligations.recompute(
            procedure, incident_id=incident.pk, alert_ids=[a.pk for a in linked], before=before, after=severity, at=now, calendar=calendar
        )
        if incident.private:
            obligations.not_applicable("first_public_update", incident_id=incident.pk, reason="A private incident is not published", at=now)
        _channel(incident, severity, by, now)
        paging.retitle(incident_id=incident.pk, subject=frame.subject(incident), now=now)
        fill_roles.fill(incident, procedure, by=by, now=now)
        reach.reach(incident, procedure, alert=linked[0] if linked else None, by=by, now=now)
        return incident


def _channel(incident: Incident, severity: str, by: Actor, now: datetime) -> None:
    procedure = frame.procedures.document(incident.procedure_version)
    if incident.channel or not procedure.severity(severity).channel:
        return
    incidents.next_number()  # takes the lock under which names are given out
    zone = Organisation.objects.get(pk=1).time_zone
    incidents.save(incident, channel=channel_for(procedure, procedure.severity(severity), incident.title, zone, now))
    frame.tick(incident, procedure, checklist.CHANNEL, by=by, note=incident.channel, now=now)
