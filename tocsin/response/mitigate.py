"""What is tried to stop the harm? Proposed by anybody, decided by the commander, recorded with what came of it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain import checklist
from tocsin.domain.lifecycle import OUTCOMES
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.mitigation import operations as mitigation
from tocsin.mitigation.models import Mitigation
from tocsin.paging import operations as paging
from tocsin.response import frame

State = Mitigation.State
RESTORED = ("service_restored", "partially_restored")


def offer(incident: Incident, procedure: Procedure) -> list[Mitigation]:
    """The procedure's common mitigations, ready to be proposed."""
    return mitigation.offer(incident, [(row.item.id, row.words[:200]) for row in checklist.under(procedure, checklist.MITIGATIONS)])


def propose(
    *, incident: Incident, mitigation_id: int | None = None, title: str = "", effect: str = "", by: Actor, now: datetime
) -> Mitigation:
    """Propose one that is offered, or one of your own by its `title`; the commander is told."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by)
        effect = frame.limit("effect", effect, 1000)
        if mitigation_id is None:
            row = mitigation.add(incident, title=frame.limit("title", title, 200, needed="Name it in a few words."))
        else:
            row = _of(incident, mitigation_id)
        mitigation.propose(row, effect=effect, by=by.user, now=now)
        text = f"Proposed: {row.title}{f'. {effect}' if effect else ''}"
        entry = frame.tell("mitigation", text, incident, by=by, now=now, mitigation=row.pk, state=row.state)
        commander = incidents.holder(incident, "incident_commander")
        if commander and commander != by.user:
            paging.notice(
                commander, title=f"{incident.ref}: decide on “{row.title}”", text=f"{by.label} proposes it. {effect}".strip(),
                identity=f"proposal:{entry.pk}", now=now, incident_id=incident.pk,
            )  # fmt: skip
        return row


def decide(*, incident: Incident, mitigation_id: int, approved: bool, reason: str = "", by: Actor, now: datetime) -> Mitigation:
    """The commander's decision; it is kept in the decision log."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by)
        row = _of(incident, mitigation_id)
        frame.require_command(incident, by, "whether a mitigation is carried out")
        if row.state in (State.DONE, State.FAILED):
            raise Refused(f"“{row.title}” is carried out already.", status=409, code="done")
        reason = frame.limit("reason", reason, 1000)
        mitigation.decide(row, approved=approved, reason=reason, by=by.user, now=now)
        _decision(incident, row, approved, reason, by, now)
        return row


def record(
    *, incident: Incident, mitigation_id: int, note: str = "", outcome: str = "", output: str = "", by: Actor, now: datetime
) -> Mitigation:
    """What was done and what came of it. One that nobody decided on yet is decided by being recorded, if this person may decide."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        row = _of(incident, mitigation_id)
        note, output = frame.limit("note", note, 2000), frame.limit("output", output, 20_000)
        if outcome not in OUTCOMES:
            raise invalid(outcome=f"Say what came of it: {', '.join(OUTCOMES)}.")
        if row.state == State.DECLINED:
            raise Refused(f"“{row.title}” was declined; propose it again first.", status=409, code="declined")
        if row.state != State.APPROVED:
            frame.require_command(incident, by, "whether a mitigation is carried out")
            mitigation.decide(row, approved=True, reason="", by=by.user, now=now)
            _decision(incident, row, True, "", by, now)
        mitigation.record(row, note=note, outcome=outcome, output=output, failed=outcome == "made_worse", by=by.user, now=now)
        text = f"{row.title}: {OUTCOMES[outcome].lower()}{f'. {note}' if note else ''}"
        frame.tell(
            "mitigation",
            text,
            incident,
            by=by,
            now=now,
            key=True,
            mitigation=row.pk,
            state=row.state,
            outcome=outcome,
            output=output[:2000],
        )
        for line in checklist.under(procedure, checklist.MITIGATIONS):
            if line.item.id == row.item:
                incidents.tick(incident, line.step.id, line.item.id, by=by.user, label=by.label, note=OUTCOMES[outcome], now=now)
        if outcome in RESTORED:
            restored(incident, procedure, partially=outcome == "partially_restored", by=by, now=now)
        return row


def restore(*, incident: Incident, partially: bool = False, by: Actor, now: datetime) -> Incident:
    """Users have their service back, at least in part: the first of the priority order."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        return restored(incident, procedure, partially=partially, by=by, now=now)


def restored(incident: Incident, procedure: Procedure, *, partially: bool, by: Actor, now: datetime) -> Incident:
    """Mark it in the caller's transaction; the first time counts, and a full restoration replaces a partial one."""
    if incident.restored_at and (partially or not incident.restored_partially):
        return incident
    incidents.save(incident, restored_at=incident.restored_at or now, restored_partially=partially)
    frame.tell("restored", "Service partially restored" if partially else "Service restored", incident, by=by, now=now, key=True)
    frame.tick(incident, procedure, checklist.RESTORE, by=by, note="partially" if partially else "", now=now)
    return incident


def _decision(incident: Incident, row: Mitigation, approved: bool, reason: str, by: Actor, now: datetime) -> None:
    text = f"{'Approved' if approved else 'Declined'}: {row.title}{f'. {reason}' if reason else ''}"
    entry = frame.tell("decision", text, incident, by=by, now=now, key=True, mitigation=row.pk, approved=approved)
    if row.proposed_by and row.proposed_by != by.user:
        paging.notice(
            row.proposed_by, title=f"{incident.ref}: {text}"[:300], text=reason or text,
            identity=f"decision:{entry.pk}", now=now, incident_id=incident.pk,
        )  # fmt: skip


def _of(incident: Incident, mitigation_id: int) -> Mitigation:
    row = (
        Mitigation.objects.select_for_update(of=("self",)).filter(pk=mitigation_id, incident=incident).select_related("proposed_by").first()
    )
    if row is None:
        raise missing("mitigation")
    return row
