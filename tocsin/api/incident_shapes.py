"""What does an incident, and what hangs on it, look like over HTTP?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.accounts.models import User
from tocsin.diagnosis.models import Check
from tocsin.domain import checklist
from tocsin.domain.conformance import Clause
from tocsin.incidents import queries
from tocsin.incidents.models import ActionItem, Incident, Ticket, Update
from tocsin.mitigation.models import Mitigation
from tocsin.obligations.models import Obligation
from tocsin.obligations.queries import verdict
from tocsin.procedures import operations as procedures
from tocsin.timeline.models import Entry


def stamp(at: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def person(user: User | None) -> dict[str, Any] | None:
    """A person, as other things name them."""
    return {"id": user.pk, "name": user.name, "initials": user.initials} if user else None


def brief(incident: Incident) -> dict[str, Any]:
    """An incident in a list."""
    return {
        "ref": incident.ref,
        "number": incident.number,
        "title": incident.title,
        "severity": incident.severity,
        "severity_reason": incident.severity_reason,
        "status": incident.status,
        "impact": incident.impact,
        "private": incident.private,
        "drill": incident.drill,
        "service": {"id": incident.service_id, "name": incident.service.name} if incident.service else None,
        "team": {"id": incident.team_id, "name": incident.team.name} if incident.team else None,
        "procedure_version": incident.procedure_version.number,
        "channel": {"name": incident.channel},
        "declared_at": stamp(incident.declared_at),
        "declared_by": person(incident.declared_by),
        "acknowledged_at": stamp(incident.acknowledged_at),
        "restored_at": stamp(incident.restored_at),
        "restored_partially": incident.restored_partially,
        "resolved_at": stamp(incident.resolved_at),
        "verified_at": stamp(incident.verified_at),
        "watch_until": stamp(incident.watch_until),
        "closed_at": stamp(incident.closed_at),
        "reopened": incident.reopened,
    }


def full(incident: Incident) -> dict[str, Any]:
    """An incident by itself: its people, its situation, its alerts, and where it stands in the procedure."""
    procedure = procedures.document(incident.procedure_version)
    held = queries.holders(incident)
    return {
        **brief(incident),
        "resolution": incident.resolution,
        "verification": incident.verification,
        "situation": {
            "impact": incident.impact, "cause": incident.cause, "actions": incident.actions, "next_steps": incident.next_steps,
            "eta": incident.eta, "by": person(incident.situation_by), "at": stamp(incident.situation_at),
        },
        "roles": [
            {
                "role": role.id, "title": role.title, "duties": list(role.duties),
                "user": person(held[role.id].user) if role.id in held else None,
                "assigned_at": stamp(held[role.id].assigned_at) if role.id in held else None,
            }
            for role in procedure.roles
        ],
        "responders": [
            {"user": person(row.user), "joined_at": stamp(row.joined_at), "task": row.task, "task_state": row.task_state}
            for row in queries.responders(incident)
        ],
        "alerts": [
            {"id": id, "title": title, "status": status}
            for id, title, status in queries.alert_titles(incident)
        ],
        **steps(incident),
    }  # fmt: skip


def steps(incident: Incident) -> dict[str, Any]:
    """The six steps with their lines, ticked or not, and the one where the incident stands."""
    procedure = procedures.document(incident.procedure_version)
    ticks = queries.ticks_of(incident)
    current = queries.current_step(incident, procedure)
    lines = checklist.lines(procedure)
    return {
        "step": current,
        "steps": [
            {
                "id": step.id, "number": step.number, "title": step.title,
                "state": "done" if step.number < current else "current" if step.number == current else "ahead",
                "items": [_line(row, ticks.get(row.key), checklist.parked(procedure, row,
                ticks)) for row in lines if row.step.id == step.id],
            }
            for step in procedure.steps
        ],
    }  # fmt: skip


def _line(row: checklist.Line, tick: Any, parked: bool) -> dict[str, Any]:
    return {
        "id": row.item.id, "clause": row.clause, "text": row.words, "heading": row.block.heading, "done": tick is not None,
        "parked": parked,
        "waived": bool(tick and tick.waived), "at": stamp(tick.at) if tick else None, "by": tick.by_label if tick else None,
        "note": tick.note if tick else "",
    }  # fmt: skip


def entry(row: Entry) -> dict[str, Any]:
    """A line of the timeline."""
    return {
        "id": row.pk, "at": stamp(row.at), "kind": row.kind, "text": row.text, "actor": {"id": row.actor_id, "name": row.actor_label},
        "via": row.via, "key": row.key, "data": row.data,
    }  # fmt: skip


def update(row: Update) -> dict[str, Any]:
    """An update, as it went out."""
    return {
        "id": row.pk, "audience": row.audience, "status": row.status, "text": row.text, "fields": row.fields, "components": row.components,
        "published_at": stamp(row.published_at), "next_update_at": stamp(row.next_update_at), "by": person(row.by),
    }  # fmt: skip


def check(row: Check) -> dict[str, Any]:
    """An initial check or a kind of data."""
    return {
        "id": row.pk, "position": row.position, "kind": row.kind, "item": row.item, "question": row.question, "state": row.state,
        "answer": row.answer or None, "evidence": row.evidence, "link": row.link, "data": row.data, "collector": row.collector,
        "window": {"start": stamp(row.window_start), "end": stamp(row.window_end)}, "answered_at": stamp(row.answered_at),
        "answered_by": person(row.answered_by),
    }  # fmt: skip


def mitigation(row: Mitigation) -> dict[str, Any]:
    """A mitigation: offered, proposed, decided, done."""
    return {
        "id": row.pk, "position": row.position, "item": row.item, "title": row.title, "state": row.state, "effect": row.effect,
        "note": row.note,
        "outcome": row.outcome, "output": row.output, "proposed_at": stamp(row.proposed_at), "proposed_by": person(row.proposed_by),
        "decided_at": stamp(row.decided_at), "decided_by": person(row.decided_by), "decision_reason": row.decision_reason,
        "done_at": stamp(row.done_at), "done_by": person(row.done_by),
    }  # fmt: skip


def obligation(row: Obligation, now: datetime) -> dict[str, Any]:
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


def clause(row: Clause) -> dict[str, Any]:
    """A clause with its verdict and the rows that prove it."""
    return {
        "clause": row.clause, "kind": row.kind, "text": row.text, "verdict": row.verdict,
        "late_by_seconds": round(row.late_by.total_seconds()),
        "late_by_reclassification": row.by_reclassification, "due_at": stamp(row.due_at), "at": stamp(row.at), "reason": row.reason,
        "evidence": [dict(proof) for proof in row.evidence],
    }  # fmt: skip


def action_item(row: ActionItem) -> dict[str, Any]:
    """A promised improvement."""
    return {
        "id": row.pk, "incident": row.incident.ref if row.incident else None, "title": row.title, "owner": person(row.owner),
        "due_on": row.due_on.isoformat() if row.due_on else None, "status": row.status, "created_at": stamp(row.created_at),
        "done_at": stamp(row.done_at), "done_by": person(row.done_by),
    }  # fmt: skip


def ticket(row: Ticket) -> dict[str, Any]:
    """A built-in ticket."""
    return {
        "id": row.pk, "number": row.number, "title": row.title, "incident": row.incident.ref if row.incident else None,
        "alert": row.alert_id,
        "team": {"id": row.team_id, "name": row.team.name} if row.team else None, "status": row.status, "due_at": stamp(row.due_at),
        "created_at": stamp(row.created_at), "done_at": stamp(row.done_at), "done_by": person(row.done_by),
    }  # fmt: skip
