"""Where does the incident stand in the organisation's words? Moves it between investigating, identified and monitoring."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain.lifecycle import WORDS, refuse_move
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.response import frame


def change_status(*, incident: Incident, status: str, reason: str = "", by: Actor, now: datetime) -> Incident:
    """Set the status by hand, with a reason; resolved and closed are reached by resolving and closing."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by)
        status = status.strip().lower()
        if sentence := refuse_move(incident.status, status):
            known = status in WORDS
            raise Refused(sentence, status=409, code="status") if known else invalid(status=sentence)
        return move(incident, status, reason=frame.limit("reason", reason, 1000), by=by, now=now)


def move(incident: Incident, status: str, *, reason: str, by: Actor, now: datetime) -> Incident:
    """Carry it out in the caller's transaction."""
    before = incident.status
    incidents.save(incident, status=status)
    note = f": {reason}" if reason else ""
    frame.tell("status", f"Status {WORDS[before]} → {WORDS[status]}{note}", incident, by=by, now=now, key=True, before=before, after=status)
    return incident
