"""What does an incident look like over HTTP: in a list, by itself, its steps, its timeline?"""

from __future__ import annotations

from typing import Annotated, Any, Literal, overload

from ninja import Field
from typing_extensions import TypedDict

from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.api.shapes import At, Data, NamedShape, PersonShape, named, one_of
from tocsin.api.shapes import rfc3339 as stamp
from tocsin.domain import checklist
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.procedures import operations as procedures
from tocsin.timeline.models import Entry


@overload
def person(user: User) -> PersonShape: ...
@overload
def person(user: User | None) -> PersonShape | None: ...
def person(user: User | None) -> PersonShape | None:
    """A person, as other things name them."""
    return {"id": user.pk, "name": user.name, "initials": user.initials} if user else None


class ChannelShape(TypedDict):
    """The built-in room of an incident."""

    name: str


class IncidentShape(TypedDict):
    """An incident in a list."""

    ref: Annotated[str, Field(description="What it is called by, here and in addresses.")]
    number: int
    title: str
    severity: Annotated[str, Field(description="A severity of its version of the procedure.")]
    severity_reason: str
    status: Annotated[str, one_of(Incident.Status.values)]
    impact: Annotated[str, Field(description="What users cannot do.")]
    private: bool
    drill: bool
    service: NamedShape | None
    team: NamedShape | None
    procedure_version: int
    channel: ChannelShape
    declared_at: At
    declared_by: PersonShape | None
    acknowledged_at: At | None
    restored_at: At | None
    restored_partially: bool
    resolved_at: At | None
    verified_at: At | None
    watch_until: At | None
    closed_at: At | None
    reopened: int


class SituationShape(TypedDict):
    """What is known of an incident, as it was last told."""

    impact: str
    cause: str
    actions: str
    next_steps: str
    eta: str
    by: PersonShape | None
    at: At | None


class IncidentRoleShape(TypedDict):
    """A role of the procedure, with who holds it."""

    role: str
    title: str
    duties: list[str]
    user: PersonShape | None
    assigned_at: At | None


class ResponderShape(TypedDict):
    """Somebody who works on an incident."""

    user: PersonShape
    joined_at: At
    task: str
    task_state: str


class IncidentAlertShape(TypedDict):
    """An alert of an incident."""

    id: int
    title: str
    status: Annotated[str, one_of(Alert.Status.values)]


class ChecklistItemShape(TypedDict):
    """A line of a step's checklist."""

    id: str
    clause: str
    text: str
    heading: str
    done: bool
    parked: Annotated[bool, Field(description="Put off, because it depends on something that is not so.")]
    waived: bool
    at: At | None
    by: str | None
    note: str


class IncidentStepShape(TypedDict):
    """One of the six steps, with its lines."""

    id: str
    number: int
    title: str
    state: Literal["done", "current", "ahead"]
    items: list[ChecklistItemShape]


class IncidentStepsShape(TypedDict):
    """Where an incident stands in the procedure."""

    step: Annotated[int, Field(description="The number of the one where it stands.")]
    steps: list[IncidentStepShape]


class IncidentDetailShape(IncidentShape, IncidentStepsShape):
    """An incident by itself."""

    resolution: str
    verification: str
    situation: SituationShape
    roles: list[IncidentRoleShape]
    responders: list[ResponderShape]
    alerts: list[IncidentAlertShape]


def brief(incident: Incident) -> IncidentShape:
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
        "service": named(incident.service),
        "team": named(incident.team),
        "procedure_version": incident.procedure_version.number or 0,
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


def full(incident: Incident) -> IncidentDetailShape:
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


def steps(incident: Incident) -> IncidentStepsShape:
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


def _line(row: checklist.Line, tick: Any, parked: bool) -> ChecklistItemShape:
    return {
        "id": row.item.id, "clause": row.clause, "text": row.words, "heading": row.block.heading, "done": tick is not None,
        "parked": parked,
        "waived": bool(tick and tick.waived), "at": stamp(tick.at) if tick else None, "by": tick.by_label if tick else None,
        "note": tick.note if tick else "",
    }  # fmt: skip


class ActorShape(TypedDict):
    """Who did something; a program or a rule has no id."""

    id: int | None
    name: str


class EntryShape(TypedDict):
    """A line of the timeline."""

    id: int
    at: At
    kind: str
    text: str
    actor: ActorShape
    via: str
    key: Annotated[bool, Field(description="A key moment.")]
    data: Data


def entry(row: Entry) -> EntryShape:
    """A line of the timeline."""
    return {
        "id": row.pk, "at": stamp(row.at), "kind": row.kind, "text": row.text, "actor": {"id": row.actor_id, "name": row.actor_label},
        "via": row.via, "key": row.key, "data": row.data,
    }  # fmt: skip
