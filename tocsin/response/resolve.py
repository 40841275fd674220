"""What ended the harm? Records the resolution; what it owes (verification, post-mortem) begins."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain import checklist
from tocsin.domain import obligations as rules
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.response import frame
from tocsin.response.mitigate import restored


def resolve(*, incident: Incident, resolution: str, by: Actor, now: datetime) -> Incident:
    """Record the fix or mitigation that ended it. Refused for one that is resolved already."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        resolution = frame.limit("resolution", resolution, 4000, needed="Say what fixed it.")
        if incident.resolved_at:
            raise Refused(f"{incident.ref} is resolved already.", status=409, code="resolved")
        incidents.save(incident, status=Incident.Status.RESOLVED, resolved_at=now, resolution=resolution)
        frame.tell("resolved", f"Resolved: {resolution}", incident, by=by, now=now, key=True)
        if incident.restored_at is None or incident.restored_partially:
            restored(incident, procedure, partially=False, by=by, now=now)
        frame.tick(incident, procedure, checklist.FIX, by=by, now=now)
        owed = [rules.verification(procedure, incident.severity, now)]
        if procedure.settings.postmortem_counts_from == "resolved" and (due := rules.postmortem(procedure, incident.severity, now)):
            owed.append(due)
        held = frame.queries.holders(incident)
        owners = {role: row.user for role, row in held.items()}
        obligations.owe(owed, incident_id=incident.pk, owners=owners)
        obligations.not_applicable("next_internal_update", incident_id=incident.pk, reason="Resolved", at=now)
        paging.stop(incident_id=incident.pk, reason="resolved", by=by, now=now)
        return incident
