"""What did the checks find? Opens them at the declaration, lets collectors answer, takes people's answers with their evidence."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import DatabaseError, transaction

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.diagnosis import operations as diagnosis
from tocsin.diagnosis.collectors import COLLECTORS, collector_for
from tocsin.diagnosis.models import Check
from tocsin.domain import checklist
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import invalid, missing
from tocsin.response import frame

log = logging.getLogger(__name__)

ANSWERS = ("yes", "no", "unknown")
NO_COLLECTOR = "No collector is connected for this; add what you see by hand."


def open_checks(incident: Incident, procedure: Procedure, now: datetime) -> list[Check]:
    """The procedure's initial checks and kinds of data, as rows of this incident; those with a collector answer themselves at once."""
    kinds = (("initial", checklist.INITIAL_CHECKS), ("data", checklist.DATA_GATHERING))
    rows = [
        {"kind": kind, "item": line.item.id, "question": line.words[:200], "collector": collector_for(line.words)}
        for kind, heading in kinds
        for line in checklist.under(procedure, heading)
    ]
    made = diagnosis.open_checks(incident, rows)
    for check in made:
        if check.collector or check.kind == "data":
            collect(incident, procedure, check, now)
    return made


def collect(incident: Incident, procedure: Procedure, check: Check, now: datetime) -> Check:
    """Ask the check's collector, in the caller's transaction. One that is missing or fails leaves a gap and stops nothing."""
    if not check.collector:
        return check if check.state == "answered" else diagnosis.gap(check, reason=NO_COLLECTOR, now=now)
    try:
        with transaction.atomic():
            found = COLLECTORS[check.collector](incident, now)
    except (DatabaseError, KeyError, ValueError) as error:
        log.exception("collector %s failed", check.collector)
        return diagnosis.gap(check, reason=f"The collector failed: {error}"[:500], now=now)
    before = check.evidence
    diagnosis.collected(check, answer=found.answer, evidence=found.evidence, link=found.link, data=found.data, window=found.window, now=now)
    if found.evidence != before and (found.answer == "yes" or before):
        frame.tell(
            "check", f"{check.question} {found.answer}. {found.evidence}", incident, by=SYSTEM, now=now, check=check.pk, answer=found.answer
        )
    _tick(incident, procedure, check, by=SYSTEM, now=now)
    return check


def run_check(*, incident: Incident, check_id: int, by: Actor, now: datetime) -> Check:
    """Let the check's collector answer again now."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        return collect(incident, procedure, _of(incident, check_id), now)


def answer_check(*, incident: Incident, check_id: int, answer: str, evidence: str = "", link: str = "", by: Actor, now: datetime) -> Check:
    """A person's answer: yes, no or unknown; yes and no need the evidence that they rest on. Answering again replaces it, on the record."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        check = _of(incident, check_id)
        if answer not in ANSWERS:
            raise invalid(answer=f"It is one of {', '.join(ANSWERS)}.")
        needed = "" if answer == "unknown" else "Say what you saw: a number, a link, a line of a log."
        evidence = frame.limit("evidence", evidence, 8000, needed="" if link.strip() else needed)
        link = frame.limit("link", link, 2000)
        if link and not link.lower().startswith(("https://", "http://")):
            raise invalid(link="It must begin with https:// or http://.")
        diagnosis.answer(check, answer=answer, evidence=evidence, link=link, by=by.user, now=now)
        text = f"{check.question} {answer}. {evidence}".strip()
        frame.tell("check", text, incident, by=by, now=now, check=check.pk, answer=answer)
        _tick(incident, procedure, check, by=by, now=now)
        return check


def _of(incident: Incident, check_id: int) -> Check:
    check = Check.objects.select_for_update(of=("self",)).filter(pk=check_id, incident=incident).first()
    if check is None:
        raise missing("check")
    return check


def _tick(incident: Incident, procedure: Procedure, check: Check, *, by: Actor, now: datetime) -> None:
    heading = checklist.INITIAL_CHECKS if check.kind == "initial" else checklist.DATA_GATHERING
    for line in checklist.under(procedure, heading):
        if line.item.id == check.item:
            incidents.tick(incident, line.step.id, line.item.id, by=by.user, label=by.label, note=check.answer, now=now)


def found_now(incident: Incident, check: Check, now: datetime) -> dict[str, object] | None:
    """What the check's collector would find at this moment, without keeping it; None without a collector and after the close."""
    if not check.collector or not incident.is_open:
        return None
    found = COLLECTORS[check.collector](incident, now)
    return {"answer": found.answer, "evidence": found.evidence, "data": found.data}
