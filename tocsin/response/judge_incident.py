"""What became of each clause of the procedure in this incident? Reads the rows and lets domain.conformance judge."""

from __future__ import annotations

from datetime import datetime

from tocsin.diagnosis.models import Check
from tocsin.domain import checklist
from tocsin.domain.conformance import Clause, Facts, OwedFact, Proof, conformance
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import queries
from tocsin.incidents.models import Incident, Ticket
from tocsin.obligations import queries as obligations
from tocsin.obligations.models import Obligation
from tocsin.paging.models import Escalation
from tocsin.procedures import operations as procedures
from tocsin.response.close_incident import public_update_owed
from tocsin.timeline.models import Entry


def report(incident: Incident, now: datetime) -> list[Clause]:
    """The conformance of one incident, in the order of the document that it was declared under."""
    procedure = procedures.document(incident.procedure_version)
    return conformance(procedure, facts(incident, procedure, now))


def promises(incident: Incident) -> list[Obligation]:
    """Everything that is or was owed for the incident, the acknowledgement of its alerts included."""
    return obligations.of_incident(incident.pk, [alert.pk for alert in queries.alerts_of(incident)])


def facts(incident: Incident, procedure: Procedure, now: datetime) -> Facts:
    """What the rules read of it."""
    alerts = queries.alerts_of(incident)
    owed = tuple(OwedFact(obligations.as_owed(row), row.evidence, row.reason) for row in promises(incident))
    declared = Entry.objects.filter(incident_id=incident.pk, kind="declared").order_by("id").first()
    return Facts(
        severity=incident.severity, now=now, closed_at=incident.closed_at, public_update_owed=public_update_owed(incident, procedure),
        owed=owed, ticks=_ticks(incident, procedure), declaration=_proof(declared) if declared else None,
        reached=_reached(incident, [alert.pk for alert in alerts]),
    )  # fmt: skip


def _ticks(incident: Incident, procedure: Procedure) -> dict[tuple[str, str], Proof]:
    proofs = {
        key: Proof(f"{row.by_label}{f': {row.note}' if row.note else ''}", row.at, waived=row.waived)
        for key, row in queries.ticks_of(incident).items()
    }
    for check in Check.objects.filter(incident=incident, state__in=["answered", "gap"]).select_related("answered_by"):
        heading = checklist.INITIAL_CHECKS if check.kind == "initial" else checklist.DATA_GATHERING
        for line in checklist.under(procedure, heading):
            if line.item.id == check.item:
                _add_check(proofs, line.key, check)
    return proofs


def _add_check(proofs: dict[tuple[str, str], Proof], key: tuple[str, str], check: Check) -> None:
    """The check's own row says more than its tick; a waiver and a tick by hand over a gap stand."""
    if check.state == "gap":
        proofs.setdefault(key, Proof(check.evidence, check.answered_at, gap=True))
    elif key not in proofs or not proofs[key].waived:
        found = check.evidence.partition("\n")[0][:200]
        proofs[key] = Proof(f"{check.answered_by or 'Tocsin'}: {check.answer}. {found}".strip(), check.answered_at)


def _reached(incident: Incident, alert_ids: list[int]) -> dict[str, Proof]:
    """Who was reached: the first escalation of each track, the message to the team, the ticket."""
    runs = Escalation.objects.filter(incident_id=incident.pk) | Escalation.objects.filter(alert_id__in=alert_ids)
    found = {}
    for run in runs.filter(policy_track="").order_by("-started_at"):
        found[run.track] = Proof(f"{run.track.replace('_', ' ').capitalize()} paged; the escalation is {run.status}", run.started_at)
    if message := Entry.objects.filter(incident_id=incident.pk, kind="team_message").order_by("id").first():
        found["team_channel"] = _proof(message)
    if ticket := Ticket.objects.filter(incident=incident).order_by("id").first():
        found["ticket"] = Proof(f"Ticket T-{ticket.number}", ticket.created_at)
    return found


def _proof(entry: Entry) -> Proof:
    return Proof(entry.text.splitlines()[0][:300] if entry.text else entry.kind, entry.at, entry.pk)
