"""Does the fix work? Records the verification with its evidence and begins the watch for recurrence."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain import checklist
from tocsin.domain import obligations as rules
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import operations as obligations
from tocsin.response import frame

LONGEST_WATCH = 60 * 24 * 14  # minutes


def verify_resolution(*, incident: Incident, evidence: str, watch_minutes: int | None = None, by: Actor, now: datetime) -> Incident:
    """The fix is verified by `evidence`; watch for `watch_minutes` (None: as long as the severity asks; 0: not at all)."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        evidence = frame.limit("evidence", evidence, 4000, needed="Say what shows that the fix works.")
        if watch_minutes is not None and not 0 <= watch_minutes <= LONGEST_WATCH:
            raise invalid(watch_minutes=f"It is between 0 and {LONGEST_WATCH} minutes.")
        if incident.status != Incident.Status.RESOLVED:
            raise Refused(f"{incident.ref} is not resolved yet; record the resolution first.", status=409, code="not_resolved")
        if incident.verified_at:
            raise Refused(f"{incident.ref} is verified already.", status=409, code="verified")
        minutes = procedure.severity(incident.severity).watch_minutes if watch_minutes is None else watch_minutes
        until = now + timedelta(minutes=minutes)
        incidents.save(incident, verified_at=now, verification=evidence, watch_until=until)
        watching = f" Watching for recurrence until {until:%Y-%m-%d %H:%M} UTC." if minutes else ""
        entry = frame.tell("verified", f"Fix verified: {evidence}{watching}", incident, by=by, now=now, key=True, watch_minutes=minutes)
        proof = frame.evidence(entry)
        obligations.meet("verification", incident_id=incident.pk, at=now, evidence=proof)
        frame.tick(incident, procedure, checklist.VERIFY_FIX, by=by, now=now)
        obligations.owe([rules.watch(procedure, incident.severity, now, minutes)], incident_id=incident.pk)
        if not minutes:
            watch_ended(incident, proof, by=by, now=now)
        return incident


def watch_ended(incident: Incident, proof: dict[str, object], *, by: Actor, now: datetime) -> None:
    """Nothing came back within the watch: its promise is kept and its line ticked, in the caller's transaction."""
    obligations.meet("watch", incident_id=incident.pk, at=incident.watch_until or now, evidence=proof)
    document = frame.procedures.document(incident.procedure_version)
    frame.tick(incident, document, checklist.WATCH, by=by, now=now)
