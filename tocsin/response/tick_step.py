"""Which line of the checklist is done?"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain import checklist
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, missing
from tocsin.response import frame
from tocsin.response.mitigate import restored

# Lines that only the act itself ticks, with the verb that does.
BY_ACT = {
    checklist.FIX: "resolve the incident with what fixed it",
    checklist.VERIFY_FIX: "verify the fix with evidence",
    checklist.WATCH: "the watch ends by itself",
    checklist.STATUS_PAGE: "publish the update that says Resolved",
    checklist.CLOSE: "close the incident",
}


def tick_step(
    *, incident: Incident, step: str, item: str, done: bool = True, note: str = "", override: bool = False, by: Actor, now: datetime
) -> None:
    """Tick a line, or take the tick back. The root cause waits until service is restored; the commander may override that, with a note."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by, closed=True)
        row = checklist.line_by_id(procedure, step, item)
        if row is None:
            raise missing("line in the checklist")
        note = frame.limit("note", note, 1000)
        for words, act in BY_ACT.items():
            if row == checklist.line(procedure, words):
                raise Refused(f"“{row.words}” is ticked by the act itself: {act}; or waive it with a reason.", status=409, code="by_act")
        if not done:
            if incidents.untick(incident, step, item, now=now):
                frame.tell("step", f"Not done after all: {row.words}", incident, by=by, now=now, step=step, item=item, done=False)
            return
        if checklist.parked(procedure, row, queries.ticks_of(incident)):
            _override(incident, row.words, override, note, by)
        if row == checklist.line(procedure, checklist.RESTORE):
            restored(incident, procedure, partially="partial" in note.lower(), by=by, now=now)
            return
        if incidents.tick(incident, step, item, by=by.user, label=by.label, note=note, now=now):
            text = f"Done: {row.words}{f'. {note}' if note else ''}"
            frame.tell("step", text, incident, by=by, now=now, step=step, item=item, done=True, override=override)


def _override(incident: Incident, words: str, override: bool, note: str, by: Actor) -> None:
    if not override:
        raise Refused(
            f"“{words}” is parked until service is restored; the incident commander may override that.", status=409, code="parked"
        )
    frame.require_command(incident, by, "whether the root cause comes before the service")
    if not note:
        raise Refused("An override needs a reason: it stands in the record.", errors={"note": "Say why it cannot wait."}, code="invalid")
