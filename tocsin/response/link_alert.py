"""Which alert belongs to this incident too? Linked by hand, it no longer waits to be triaged, and its pages go on until somebody has it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.alerts.models import Alert
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident, IncidentAlert
from tocsin.lib.refusal import Refused
from tocsin.response import frame
from tocsin.timeline.operations import record


def link_alert(*, incident: Incident, alert: Alert, by: Actor, now: datetime) -> IncidentAlert:
    """Link a free alert to an open incident. Refuses (409) one that belongs to another incident that is still open."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by)
        alert = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
        other = Incident.objects.filter(alert_links__alert=alert).exclude(status="closed").exclude(pk=incident.pk).first()
        if other:
            raise Refused(f"This alert belongs to {other.ref} already.", status=409, code="linked")
        link = incidents.link_alert(incident, alert, cause=False, by=by.user, now=now)
        frame.tell("alert", f"Linked: {alert.title[:300]}", incident, by=by, now=now, alert=alert.pk)
        record("linked", f"Linked to {incident.ref}", by=by, now=now, alert_id=alert.pk, data={"ref": incident.ref})
        return link
