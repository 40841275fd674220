"""Was the procedure followed in this incident? Clause by clause, with the row that proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tocsin.domain import checklist
from tocsin.domain.checklist import Line
from tocsin.domain.obligations import Owed, Verdict, judge
from tocsin.domain.procedure.model import Procedure, Severity

# From the one that decides to the one that says least: several promises of one clause get the worst verdict among them.
WORST_FIRST: tuple[Verdict, ...] = ("missed", "late", "open", "waived", "met", "not_applicable")


@dataclass(frozen=True, slots=True)
class Proof:
    """A row that proves something: what it says, when, and the entry of the timeline."""

    text: str
    at: datetime | None = None
    entry: int | None = None
    waived: bool = False
    gap: bool = False


@dataclass(frozen=True, slots=True)
class OwedFact:
    """A promise with what its row says about it."""

    owed: Owed
    evidence: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the report reads of one incident."""

    severity: str
    now: datetime
    closed_at: datetime | None
    public_update_owed: bool
    owed: tuple[OwedFact, ...] = ()
    ticks: Mapping[tuple[str, str], Proof] = field(default_factory=dict)
    declaration: Proof | None = None
    reached: Mapping[str, Proof] = field(default_factory=dict)  # "on_call", "leadership", "team_channel", "ticket"


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause and what became of it."""

    clause: str
    kind: str
    text: str
    verdict: Verdict
    late_by: timedelta = timedelta()
    by_reclassification: bool = False
    due_at: datetime | None = None
    at: datetime | None = None
    reason: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()


def conformance(procedure: Procedure, facts: Facts) -> list[Clause]:
    """The report: the severity's clauses, the roles, then the steps line by line, in the document's order."""
    severity = procedure.severity(facts.severity)
    groups: dict[str, list[OwedFact]] = {}
    for fact in facts.owed:
        groups.setdefault(_key(fact), []).append(fact)
    report = [_of_promises(clause, rows, facts) for clause, rows in groups.items() if not clause.startswith("step-")]
    report.sort(key=lambda clause: (clause.clause.startswith("role."), clause.kind != "acknowledge"))
    report.insert(1 if report else 0, _reach(severity, facts))
    if facts.declaration:
        step = next((s for s in procedure.steps if any(b.template == "declaration" or "INCIDENT" in b.template for b in s.blocks)), None)
        name = f"step-{step.number}" if step else "declaration"
        report.append(
            Clause(name, "declaration", "Incident declared", "met", at=facts.declaration.at, evidence=(_plain(facts.declaration),))
        )
    for row in checklist.lines(procedure):
        report.append(_of_line(procedure, severity, row, groups.get(row.clause, []), facts))
    return report


def _key(fact: OwedFact) -> str:
    """Promises about updates of every severity the incident ever had make one clause per kind, so that none hides another."""
    return fact.owed.promise.clause


def _of_promises(clause: str, rows: Iterable[OwedFact], facts: Facts) -> Clause:
    judged = [(fact, judge(fact.owed, facts.closed_at or facts.now)) for fact in rows]
    fact, verdict = min(judged, key=lambda pair: (WORST_FIRST.index(pair[1].verdict), -pair[1].by))
    promise = fact.owed.promise
    evidence = tuple(dict(f.evidence) for f, _ in judged if f.evidence)
    text = promise.text if len(judged) == 1 else f"{promise.text} ({sum(v.verdict == 'met' for _, v in judged)} of {len(judged)} in time)"
    return Clause(
        clause,
        promise.kind,
        text,
        verdict.verdict,
        verdict.by,
        verdict.by_reclassification,
        promise.due_at,
        fact.owed.stopped_at,
        fact.reason,
        evidence,
    )


def _reach(severity: Severity, facts: Facts) -> Clause:
    """Who had to be reached for the severity, and was."""
    reach = severity.escalation
    demanded = [*reach.page, *(["team_channel"] if reach.team_channel else []), *(["ticket"] if reach.ticket else [])]
    proofs = [facts.reached[name] for name in demanded if name in facts.reached]
    unreached = [name.replace("_", " ") for name in demanded if name not in facts.reached]
    verdict: Verdict = "met" if not unreached else "missed" if facts.closed_at else "open"
    return Clause(
        f"{severity.id}.escalation", "escalation", reach.text, verdict if demanded else "not_applicable",
        at=max((p.at for p in proofs if p.at), default=None), reason=f"Not reached: {', '.join(unreached)}" if unreached else "",
        evidence=tuple(_plain(proof) for proof in proofs),
    )  # fmt: skip


def _of_line(procedure: Procedure, severity: Severity, row: Line, promises: list[OwedFact], facts: Facts) -> Clause:
    """One line of the checklist: its promise if it has one, else its tick."""
    kind = promises[0].owed.promise.kind if promises else "step"
    proof = facts.ticks.get(row.key)
    if promises:
        judged = _of_promises(row.clause, promises, facts)
        evidence = judged.evidence or ((_plain(proof),) if proof else ())
        if judged.verdict != "not_applicable":
            return Clause(
                row.clause,
                kind,
                row.words,
                judged.verdict,
                judged.late_by,
                judged.by_reclassification,
                judged.due_at,
                judged.at,
                judged.reason,
                evidence,
            )
    if proof:
        verdict: Verdict = "waived" if proof.waived else "not_applicable" if proof.gap else "met"
        return Clause(
            row.clause,
            kind,
            row.words,
            verdict,
            at=proof.at,
            reason=proof.text if proof.waived or proof.gap else "",
            evidence=(_plain(proof),),
        )
    if reason := _not_demanded(procedure, severity, row, facts):
        return Clause(row.clause, kind, row.words, "not_applicable", reason=reason)
    before_close = row.step.number < procedure.steps[-1].number
    return Clause(row.clause, kind, row.words, "missed" if facts.closed_at and before_close else "open")


def _not_demanded(procedure: Procedure, severity: Severity, row: Line, facts: Facts) -> str:
    """Why the line asks for nothing in this incident; empty when it asks."""
    if row.block.heading.rstrip(":").lower() == checklist.MITIGATIONS:
        return "Offered, not needed"
    if row == checklist.line(procedure, checklist.CHANNEL) and not severity.channel:
        return f"{severity.id} has no channel"
    if row == checklist.line(procedure, checklist.STATUS_PAGE) and not facts.public_update_owed:
        return f"{severity.id} owes no public update"
    if row.step.number == procedure.steps[-1].number and not severity.postmortem_required:
        return f"{severity.id} needs no post-mortem"
    return ""


def _plain(proof: Proof) -> dict[str, Any]:
    plain: dict[str, Any] = {"text": proof.text}
    if proof.at:
        plain["at"] = proof.at.isoformat().replace("+00:00", "Z")
    if proof.entry:
        plain["entry"] = proof.entry
    return plain
