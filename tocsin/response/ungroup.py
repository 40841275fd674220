"""How does a person say that an alert is not a sign of that cause? It leads one of its own, and is paged as if it were new."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert
from tocsin.lib.refusal import Refused
from tocsin.procedures import operations as procedures
from tocsin.response import alert_reach, frame
from tocsin.timeline.operations import announce, record


def ungroup(*, alert: Alert, by: Actor, now: datetime) -> Alert:
    """Take an alert out of its cause. While it fires, whom its severity demands is paged; an incident that it is linked to keeps it."""
    with transaction.atomic():
        frame.require_responder(by)
        row = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
        if row.lead_id is None:
            raise Refused("This alert leads a cause of its own already.", status=409, code="leads")
        lead = row.lead_id
        alerts.leave_cause(row, reason=f"{by.label} took it out of the cause of alert {lead}.", now=now)
        record("ungrouped", f"{by.label} took it out of the cause of alert {lead}", by=by, now=now, alert_id=row.pk, key=True)
        if row.status == Alert.Status.FIRING and not row.suppressed_by:
            whole = Alert.objects.select_related("service__team", "service__escalation_policy", "service__leadership_policy", "policy").get(
                pk=row.pk
            )
            procedure = procedures.ask_in_force()
            alert_reach.first(whole, procedure, accepted_at=now, now=now, restarted=True)
        announce(f"alert:{row.pk}:0", f"alert:{lead}:0", "board")
        return row
