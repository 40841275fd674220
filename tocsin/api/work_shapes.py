"""What does the work in an incident look like over HTTP: updates, checks, mitigations, promises, action items, tickets?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from ninja import Field
from pydantic import WithJsonSchema
from typing_extensions import TypedDict

from tocsin.api.incident_shapes import person
from tocsin.api.shapes import At, Data, NamedShape, PersonShape, named, one_of
from tocsin.api.shapes import rfc3339 as stamp
from tocsin.diagnosis.models import Check
from tocsin.domain.conformance import Clause
from tocsin.domain.obligations import Verdict
from tocsin.incidents.models import ActionItem, Ticket, Update
from tocsin.mitigation.models import Mitigation
from tocsin.obligations.models import Obligation
from tocsin.obligations.queries import verdict


class UpdateShape(TypedDict):
    """An update, as it went out."""

    id: int
    audience: Annotated[str, one_of(["public", "internal"])]
    status: str
    text: str
    fields: Data
    components: Annotated[dict[str, str], Field(description="The state that each component was given.")]
    published_at: At
    next_update_at: At | None
    by: PersonShape | None


def update(row: Update) -> UpdateShape:
    """An update, as it went out."""
    return {
        "id": row.pk, "audience": row.audience, "status": row.status, "text": row.text, "fields": row.fields, "components": row.components,
        "published_at": stamp(row.published_at), "next_update_at": stamp(row.next_update_at), "by": person(row.by),
    }  # fmt: skip


class WindowShape(TypedDict):
    """Between which times a check looked."""

    start: At | None
    end: At | None


class CheckShape(TypedDict):
    """An initial check or a kind of data."""

    id: int
    position: int
    kind: Annotated[str, one_of(["initial", "data"])]
    item: str
    question: str
    state: Annotated[str, one_of(["open", "running", "answered", "gap"])]
    answer: Annotated[str, one_of(["yes", "no", "unknown"])] | None
    evidence: str
    link: str
    data: Data
    collector: str
    window: WindowShape
    answered_at: At | None
    answered_by: PersonShape | None


def check(row: Check) -> CheckShape:
    """An initial check or a kind of data."""
    return {
        "id": row.pk, "position": row.position, "kind": row.kind, "item": row.item, "question": row.question, "state": row.state,
        "answer": row.answer or None, "evidence": row.evidence, "link": row.link, "data": row.data, "collector": row.collector,
        "window": {"start": stamp(row.window_start), "end": stamp(row.window_end)}, "answered_at": stamp(row.answered_at),
        "answered_by": person(row.answered_by),
    }  # fmt: skip


class MitigationShape(TypedDict):
    """A mitigation: offered, proposed, decided, done."""

    id: int
    position: int
    item: str
    title: str
    state: Annotated[str, one_of(Mitigation.State.values)]
    effect: str
    note: str
    outcome: str
    output: str
    proposed_at: At | None
    proposed_by: PersonShape | None
    decided_at: At | None
    decided_by: PersonShape | None
    decision_reason: str
    done_at: At | None
    done_by: PersonShape | None


def mitigation(row: Mitigation) -> MitigationShape:
    """A mitigation: offered, proposed, decided, done."""
    return {
        "id": row.pk, "position": row.position, "item": row.item, "title": row.title, "state": row.state, "effect": row.effect,
        "note": row.note,
        "outcome": row.outcome, "output": row.output, "proposed_at": stamp(row.proposed_at), "proposed_by": person(row.proposed_by),
        "decided_at": stamp(row.decided_at), "decided_by": person(row.decided_by), "decision_reason": row.decision_reason,
        "done_at": stamp(row.done_at), "done_by": person(row.done_by),
    }  # fmt: skip


class EvidenceShape(TypedDict, total=False):
    """What proves something: an entry of the timeline."""

    entry: int | None
    text: str
    at: At | None


class EarlierDueShape(TypedDict):
    """When a promise was due before, and why that changed."""

    at: At
    due_at: At | None
    reason: str
    reclassified: bool


class ObligationShape(TypedDict):
    """A promise with its verdict."""

    id: int
    kind: str
    clause: str
    text: str
    severity: str
    state: Annotated[str, one_of(Obligation.State.values)]
    verdict: Verdict
    late_by_seconds: int
    late_by_reclassification: bool
    started_at: At
    warn_at: At | None
    due_at: At | None
    stopped_at: At | None
    breached_at: At | None
    owner_role: str
    owner: PersonShape | None
    reason: str
    waived_by: PersonShape | None
    evidence: Annotated[EvidenceShape, Field(description="Without fields where there is none yet.")]
    history: list[EarlierDueShape]


def obligation(row: Obligation, now: datetime) -> ObligationShape:
    """A promise with its verdict."""
    judged = verdict(row, now)
    return {
        "id": row.pk, "kind": row.kind, "clause": row.clause, "text": row.text, "severity": row.severity, "state": row.state,
        "verdict": judged.verdict, "late_by_seconds": round(judged.by.total_seconds()),
        "late_by_reclassification": row.late_by_reclassification,
        "started_at": stamp(row.started_at), "warn_at": stamp(row.warn_at), "due_at": stamp(row.due_at),
        "stopped_at": stamp(row.stopped_at),
        "breached_at": stamp(row.breached_at), "owner_role": row.owner_role, "owner": person(row.owner), "reason": row.reason,
        "waived_by": person(row.waived_by), "evidence": row.evidence, "history": row.history,
    }  # fmt: skip


class ClauseShape(TypedDict):
    """A clause with its verdict and the rows that prove it."""

    clause: str
    kind: str
    text: str
    verdict: Verdict
    late_by_seconds: int
    late_by_reclassification: bool
    due_at: At | None
    at: At | None
    reason: str
    evidence: list[EvidenceShape]


def clause(row: Clause) -> ClauseShape:
    """A clause with its verdict and the rows that prove it."""
    return {
        "clause": row.clause, "kind": row.kind, "text": row.text, "verdict": row.verdict,
        "late_by_seconds": round(row.late_by.total_seconds()),
        "late_by_reclassification": row.by_reclassification, "due_at": stamp(row.due_at), "at": stamp(row.at), "reason": row.reason,
        "evidence": [cast(EvidenceShape, dict(proof)) for proof in row.evidence],
    }  # fmt: skip


class ActionItemShape(TypedDict):
    """A promised improvement."""

    id: int
    incident: Annotated[str | None, Field(description="Its `ref`.")]
    title: str
    owner: PersonShape | None
    due_on: Annotated[str, WithJsonSchema({"type": "string", "format": "date"})] | None
    status: Annotated[str, one_of(["open", "done"])]
    created_at: At
    done_at: At | None
    done_by: PersonShape | None


def action_item(row: ActionItem) -> ActionItemShape:
    """A promised improvement."""
    return {
        "id": row.pk, "incident": row.incident.ref if row.incident else None, "title": row.title, "owner": person(row.owner),
        "due_on": row.due_on.isoformat() if row.due_on else None, "status": row.status, "created_at": stamp(row.created_at),
        "done_at": stamp(row.done_at), "done_by": person(row.done_by),
    }  # fmt: skip


class TicketShape(TypedDict):
    """A built-in ticket."""

    id: int
    number: int
    title: str
    incident: Annotated[str | None, Field(description="Its `ref`.")]
    alert: int | None
    team: NamedShape | None
    status: Annotated[str, one_of(["open", "done"])]
    due_at: At | None
    created_at: At
    done_at: At | None
    done_by: PersonShape | None


def ticket(row: Ticket) -> TicketShape:
    """A built-in ticket."""
    return {
        "id": row.pk, "number": row.number, "title": row.title, "incident": row.incident.ref if row.incident else None,
        "alert": row.alert_id,
        "team": named(row.team), "status": row.status, "due_at": stamp(row.due_at),
        "created_at": stamp(row.created_at), "done_at": stamp(row.done_at), "done_by": person(row.done_by),
    }  # fmt: skip
