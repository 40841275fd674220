"""Is it real? The required answer about an alert: real, false alarm or unsure; a false alarm ends the flow."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert
from tocsin.domain import checklist
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import invalid
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.procedures import operations as procedures
from tocsin.response import frame
from tocsin.timeline.operations import announce, record

WORDS = {"real": "real", "false_alarm": "a false alarm", "unsure": "not sure yet whether it is real"}


def verify_alert(*, alert: Alert, verdict: str, note: str = "", by: Actor, now: datetime) -> Alert:
    """Give the answer; it can be changed, the record keeps each. A false alarm stops its pages and sets its acknowledgement aside."""
    with transaction.atomic():
        frame.require_responder(by)
        alert = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
        if verdict not in WORDS:
            raise invalid(verdict=f"It is one of {', '.join(WORDS)}.")
        note = frame.limit("note", note, 2000)
        alerts.set_verdict(alert, verdict, note, by, now)
        record(
            "verdict",
            f"{by.label}: {WORDS[verdict]}{f'. {note}' if note else ''}",
            by=by,
            now=now,
            alert_id=alert.pk,
            data={"verdict": verdict},
        )
        if verdict == "false_alarm":
            paging.stop(alert_id=alert.pk, reason="false alarm", by=by, now=now)
            obligations.not_applicable("acknowledge", alert_id=alert.pk, reason=f"False alarm: {note}" if note else "False alarm", at=now)
        for incident in Incident.objects.filter(alert_links__alert=alert).exclude(status="closed").select_related("procedure_version"):
            document = procedures.document(incident.procedure_version)
            frame.tell(
                "verdict", f"{alert.title}: {WORDS[verdict]}{f'. {note}' if note else ''}", incident, by=by, now=now, verdict=verdict
            )
            if verdict != "unsure":
                frame.tick(incident, document, checklist.VERIFY, by=by, note=verdict, now=now)
        announce("board")
        return alert
