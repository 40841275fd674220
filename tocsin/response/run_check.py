"""What did the checks find? Opens them at the declaration, lets collectors answer, takes people's answers with their evidence."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.diagnosis import operations as diagnosis
from tocsin.diagnosis.collectors import COLLECTORS, Found, collector_for, recent
from tocsin.diagnosis.models import Check
from tocsin.domain import checklist
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import invalid, missing
from tocsin.response import frame

log = logging.getLogger(__name__)

HEADINGS = {"initial": checklist.INITIAL_CHECKS, "data": checklist.DATA_GATHERING}
ANSWERS = ("yes", "no", "unknown")
NO_COLLECTOR = "No collector is connected for this; add what you see by hand."


def open_checks(incident: Incident, procedure: Procedure, now: datetime) -> list[Check]:
    """The procedure's initial checks and kinds of data, as rows of this incident; those with a collector answer themselves at once."""
    found = _collect_all(incident, now)
    rows = []
    for kind, heading in HEADINGS.items():
        for line in checklist.under(procedure, heading):
            row = {"kind": kind, "item": line.item.id, "question": line.words[:200], "collector": collector_for(line.words)}
            rows.append(row | _known(kind, row["collector"], found, now))
    made = diagnosis.open_checks(incident, rows)
    for check in made:
        if check.answer == "yes":
            _tell(incident, check, SYSTEM, now)
    answered = [(line.step.id, line.item.id, check.answer) for check in made if check.answer for line in _lines(procedure, check)]
    incidents.tick_many(incident, answered, by=None, label=SYSTEM.label, now=now)
    return made


def _known(kind: str, collector: str, found: dict[str, Found] | str, now: datetime) -> dict[str, Any]:
    """What a new check knows already: its collector's answer, a gap, or nothing."""
    if collector and isinstance(found, dict):
        answer = found[collector]
        return {
            "state": "answered", "answer": answer.answer, "evidence": answer.evidence, "link": answer.link, "data": answer.data,
            "window_start": answer.window[0], "window_end": answer.window[1], "answered_at": now,
        }  # fmt: skip
    if collector or kind == "data":
        return {"state": "gap", "evidence": found if collector and isinstance(found, str) else NO_COLLECTOR, "answered_at": now}
    return {}


def _collect_all(incident: Incident, now: datetime) -> dict[str, Found] | str:
    """Every collector's answer from one look at the changes; why there is none where that failed, which stops nothing."""
    try:
        with transaction.atomic():
            rows = recent(incident, now)
    except DatabaseError as error:
        log.exception("the changes could not be read")
        return f"The collector failed: {error}"[:500]
    return {name: collector(incident, now, rows) for name, collector in COLLECTORS.items()}


def collect(incident: Incident, procedure: Procedure, check: Check, now: datetime) -> Check:
    """Ask the check's collector, in the caller's transaction. One that is missing or fails leaves a gap and stops nothing."""
    if not check.collector:
        return check if check.state == "answered" else diagnosis.gap(check, reason=NO_COLLECTOR, now=now)
    answers = _collect_all(incident, now)
    if isinstance(answers, str):
        return diagnosis.gap(check, reason=answers, now=now)
    found, before = answers[check.collector], check.evidence
    diagnosis.collected(check, answer=found.answer, evidence=found.evidence, link=found.link, data=found.data, window=found.window, now=now)
    if found.evidence != before:
        _tell(incident, check, SYSTEM, now)
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
        _tell(incident, check, by, now)
        _tick(incident, procedure, check, by=by, now=now)
        return check


def _of(incident: Incident, check_id: int) -> Check:
    check = Check.objects.select_for_update(of=("self",)).filter(pk=check_id, incident=incident).first()
    if check is None:
        raise missing("check")
    return check


def _tell(incident: Incident, check: Check, by: Actor, now: datetime) -> None:
    text = f"{check.question} {check.answer}. {check.evidence}".strip()
    frame.tell("check", text, incident, by=by, now=now, check=check.pk, answer=check.answer)


def _lines(procedure: Procedure, check: Check) -> list[checklist.Line]:
    return [line for line in checklist.under(procedure, HEADINGS[check.kind]) if line.item.id == check.item]


def _tick(incident: Incident, procedure: Procedure, check: Check, *, by: Actor, now: datetime) -> None:
    for line in _lines(procedure, check):
        incidents.tick(incident, line.step.id, line.item.id, by=by.user, label=by.label, note=check.answer, now=now)


def found_now(incident: Incident, check: Check, now: datetime) -> dict[str, object] | None:
    """What the check's collector would find at this moment, without keeping it; None without a collector and after the close."""
    if not check.collector or not incident.is_open:
        return None
    found = COLLECTORS[check.collector](incident, now, recent(incident, now))
    return {"answer": found.answer, "evidence": found.evidence, "data": found.data}
