"""Which clause is set aside, by whom, and why?"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain import checklist, lifecycle
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import operations as obligations
from tocsin.obligations.models import Obligation
from tocsin.response import frame
from tocsin.response.close_incident import LINES
from tocsin.timeline.models import Entry


def waive(*, incident: Incident, clause: str, reason: str, by: Actor, now: datetime) -> Entry:
    """Set a clause of this incident aside: "step-5.2", "SEV1.communication", "role.technical_lead", or what a refused close named."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by, closed=True)
        reason = frame.limit("reason", reason, 1000)
        held = queries.roles_held(incident, by.user)
        if sentence := lifecycle.refuse_waiver(queries.standing(incident, by), held, procedure.settings.may_waive, reason):
            raise Refused(sentence, status=403 if reason else 422, errors={} if reason else {"reason": sentence}, code="waiver")
        words = LINES.get(clause)
        row = next((line for line in checklist.lines(procedure) if clause in (line.clause, f"{line.step.id}.{line.item.id}")), None)
        row = checklist.line(procedure, words) if words else row
        name = row.clause if row else clause
        promises = list(Obligation.objects.filter(incident_id=incident.pk, clause=name, state=Obligation.State.OPEN))
        if not row and not promises:
            raise invalid(clause=f"Nothing open in {incident.ref} is called {clause!r}.")
        obligations.waive(promises, by=by.user, reason=reason, at=now)
        if row:
            incidents.tick(incident, *row.key, by=by.user, label=by.label, note=reason, waived=True, now=now)
        text = row.words if row else promises[0].text
        return frame.tell("waived", f"Waived: {text} ({name}). {reason}", incident, by=by, now=now, key=True, clause=name)
