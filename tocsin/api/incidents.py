"""Incidents over HTTP: declare, list, read, and move them through the procedure."""

from __future__ import annotations

from typing import Annotated, Literal

from django.db.models import Q
from django.http import HttpRequest
from ninja import Field, Query, Router, Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert, Service
from tocsin.api import incident_shapes as shapes
from tocsin.api import work_shapes
from tocsin.api.acting import acting
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import ActingBody
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import invalid
from tocsin.response.acknowledge import acknowledge_incident
from tocsin.response.assign_role import assign_role
from tocsin.response.change_severity import change_severity
from tocsin.response.change_status import change_status
from tocsin.response.close_incident import close_incident
from tocsin.response.declare_incident import declare
from tocsin.response.edit_incident import edit_incident
from tocsin.response.judge_incident import promises, report
from tocsin.response.resolve import resolve
from tocsin.response.tick_step import tick_step
from tocsin.response.verify_resolution import verify_resolution
from tocsin.response.waive import waive

router = Router(tags=["Incidents"])


class DeclareBody(ActingBody):
    """An incident; the severity is proposed where none is given."""

    title: str = Field(max_length=1000)
    severity: str | None = Field(None, max_length=20)
    impact: str = Field("", max_length=4000)
    reason: str = Field("", max_length=2000)
    private: bool = False
    drill: bool = False
    alert: int | None = None
    service: int | None = None
    incident_commander: int | None = None


class EditBody(ActingBody):
    """What is to be different; what is left out stays."""

    title: str | None = Field(None, max_length=1000)
    impact: str | None = Field(None, max_length=4000)
    private: bool | None = None


class SeverityBody(ActingBody):
    """How bad it is; a change needs its reason."""

    severity: str = Field(max_length=20)
    reason: str = Field("", max_length=2000)


class StatusBody(ActingBody):
    """How far it is."""

    status: str = Field(max_length=20)
    reason: str = Field("", max_length=2000)


class RoleBody(ActingBody):
    """Who takes a role; nobody: it is given up, with what the next one has to know."""

    role: str = Field(max_length=40)
    user: int | None = None
    handover: str = Field("", max_length=4000)


class ResolveBody(ActingBody):
    """What ended it."""

    resolution: str = Field("", max_length=8000)


class VerifyBody(ActingBody):
    """What shows that it is over, and for how many minutes it is watched."""

    evidence: str = Field("", max_length=8000)
    watch_minutes: int | None = None


class WaiveBody(ActingBody):
    """A clause that does not hold for this incident, and why."""

    clause: str = Field(max_length=100)
    reason: str = Field("", max_length=2000)


class ChecklistBody(ActingBody):
    """A line of a step's checklist."""

    step: str = Field(max_length=60)
    item: str = Field(max_length=80)
    done: bool = True
    note: str = Field("", max_length=2000)
    override: bool = False


class IncidentFilters(Paging):
    """Which incidents."""

    status: str | None = Field(None, max_length=20)
    severity: str | None = Field(None, max_length=20)
    service: int | None = None
    state: Literal["open", "closed"] | None = None
    q: str = Field("", max_length=200)


class TimelinePaging(Paging):
    """Which entries of the timeline."""

    limit: int = Field(200, ge=1, le=500)


class ConformanceShape(TypedDict):
    """What became of each clause of the procedure in an incident."""

    ref: str
    procedure_version: int
    clauses: list[work_shapes.ClauseShape]
    totals: Annotated[dict[str, int], Field(description="How many clauses have each verdict.")]


def find(request: HttpRequest, ref: str) -> Incident:
    """The incident, if whoever asks may know of it."""
    return queries.by_ref(ref, request.actor)  # type: ignore[attr-defined]


def known(request: HttpRequest, ref: str) -> Incident:
    """The same for what changes it: only its key, because every verb locks and reads the row itself."""
    return queries.by_ref(ref, request.actor, whole=False)  # type: ignore[attr-defined]


def somebody(user_id: int | None, name: str = "user") -> User | None:
    """The person of that id; refused where there is none."""
    if user_id is None:
        return None
    user = User.objects.filter(pk=user_id, removed_at=None).first()
    if user is None:
        raise invalid(**{name: "There is no such person."})
    return user


@router.get("")
@needs(Needs.READ)
def list_incidents(request: HttpRequest, filters: Query[IncidentFilters]) -> Page[shapes.IncidentShape]:
    """The incidents, newest first."""
    rows = queries.visible_to(request.actor)  # type: ignore[attr-defined]
    given = {"status": filters.status, "severity": filters.severity, "service_id": filters.service}
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    if filters.state:
        rows = rows.filter(status="closed") if filters.state == "closed" else rows.exclude(status="closed")
    if filters.q:
        rows = rows.filter(Q(title__icontains=filters.q) | Q(channel__icontains=filters.q))
    return page(rows, filters, shapes.brief, order=("-id",))


@router.post("", response={201: dict})
@needs(Needs.RESPOND)
def declare_incident(request: HttpRequest, body: DeclareBody) -> Status[shapes.IncidentDetailShape]:
    """Declare one; the title is enough."""
    alert = Alert.objects.filter(pk=body.alert).first() if body.alert else None
    service = Service.objects.select_related("team").filter(pk=body.service, removed_at=None).first() if body.service else None
    if body.alert and alert is None:
        raise invalid(alert="There is no such alert.")
    if body.service and service is None:
        raise invalid(service="There is no such service.")
    incident = declare(
        title=body.title, severity=body.severity, impact=body.impact, reason=body.reason, private=body.private, drill=body.drill,
        alert=alert,
        service=service, incident_commander=somebody(body.incident_commander, "incident_commander"), by=acting(request, body.by),
        now=clock.now(),
    )  # fmt: skip
    return Status(201, shapes.full(incident))


@router.get("/{ref}")
@needs(Needs.READ)
def get_incident(request: HttpRequest, ref: str) -> shapes.IncidentDetailShape:
    """One incident, with its people, situation, and where it stands in the procedure."""
    return shapes.full(find(request, ref))


@router.patch("/{ref}")
@needs(Needs.RESPOND)
def patch_incident(request: HttpRequest, ref: str, body: EditBody) -> shapes.IncidentDetailShape:
    """Change title, impact or privacy; only what is given."""
    given = body.model_dump(exclude_unset=True, exclude={"by"})
    return shapes.full(edit_incident(incident=find(request, ref), by=acting(request, body.by), now=clock.now(), **given))


@router.post("/{ref}/acknowledge")
@needs(Needs.RESPOND)
def acknowledge(request: HttpRequest, ref: str, body: ActingBody) -> shapes.IncidentDetailShape:
    """ "I have it": stops the paging."""
    incident = known(request, ref)
    acknowledge_incident(incident=incident, by=acting(request, body.by), now=clock.now())
    return shapes.full(find(request, ref))


@router.post("/{ref}/severity")
@needs(Needs.RESPOND)
def set_severity(request: HttpRequest, ref: str, body: SeverityBody) -> shapes.IncidentDetailShape:
    """Give it another severity, with the reason."""
    by, incident = acting(request, body.by), find(request, ref)
    return shapes.full(change_severity(incident=incident, severity=body.severity, reason=body.reason, by=by, now=clock.now()))


@router.post("/{ref}/status")
@needs(Needs.RESPOND)
def set_status(request: HttpRequest, ref: str, body: StatusBody) -> shapes.IncidentDetailShape:
    """Investigating, identified or monitoring."""
    by, incident = acting(request, body.by), find(request, ref)
    return shapes.full(change_status(incident=incident, status=body.status, reason=body.reason, by=by, now=clock.now()))


@router.post("/{ref}/roles")
@needs(Needs.RESPOND)
def set_role(request: HttpRequest, ref: str, body: RoleBody) -> shapes.IncidentDetailShape:
    """Give a role to a person, or (user null) take it from its holder."""
    incident = known(request, ref)
    assign_role(
        incident=incident, role=body.role, user=somebody(body.user), handover=body.handover, by=acting(request, body.by), now=clock.now()
    )
    return shapes.full(find(request, ref))


@router.post("/{ref}/resolve")
@needs(Needs.RESPOND)
def resolve_incident(request: HttpRequest, ref: str, body: ResolveBody) -> shapes.IncidentDetailShape:
    """Record what fixed it."""
    return shapes.full(resolve(incident=known(request, ref), resolution=body.resolution, by=acting(request, body.by), now=clock.now()))


@router.post("/{ref}/verify")
@needs(Needs.RESPOND)
def verify(request: HttpRequest, ref: str, body: VerifyBody) -> shapes.IncidentDetailShape:
    """Verify the fix, with evidence, and begin the watch."""
    by, incident = acting(request, body.by), find(request, ref)
    return shapes.full(
        verify_resolution(incident=incident, evidence=body.evidence, watch_minutes=body.watch_minutes, by=by, now=clock.now())
    )


@router.post("/{ref}/close")
@needs(Needs.RESPOND)
def close(request: HttpRequest, ref: str, body: ActingBody) -> shapes.IncidentDetailShape:
    """Close it; 409 with the list of what is still open."""
    return shapes.full(close_incident(incident=known(request, ref), by=acting(request, body.by), now=clock.now()))


@router.post("/{ref}/waive")
@needs(Needs.RESPOND)
def waive_clause(request: HttpRequest, ref: str, body: WaiveBody) -> shapes.EntryShape:
    """Set a clause aside, with a reason."""
    by, incident = acting(request, body.by), known(request, ref)
    return shapes.entry(waive(incident=incident, clause=body.clause, reason=body.reason, by=by, now=clock.now()))


@router.get("/{ref}/steps")
@needs(Needs.READ)
def get_steps(request: HttpRequest, ref: str) -> shapes.IncidentStepsShape:
    """The six steps with their lines, and where the incident stands."""
    return shapes.steps(find(request, ref))


@router.post("/{ref}/steps")
@needs(Needs.RESPOND)
def tick(request: HttpRequest, ref: str, body: ChecklistBody) -> shapes.IncidentStepsShape:
    """Tick a line of the checklist, or take the tick back."""
    incident = known(request, ref)
    tick_step(
        incident=incident, step=body.step, item=body.item, done=body.done, note=body.note, override=body.override,
        by=acting(request, body.by), now=clock.now(),
    )  # fmt: skip
    return shapes.steps(find(request, ref))


@router.get("/{ref}/timeline")
@needs(Needs.READ)
def timeline(request: HttpRequest, ref: str, paging: Query[TimelinePaging]) -> Page[shapes.EntryShape]:
    """The record, oldest first, that of its alerts included."""
    incident = find(request, ref)
    return page(queries.record_of(incident), paging, shapes.entry, order=("id",))


@router.get("/{ref}/obligations")
@needs(Needs.READ)
def list_obligations(request: HttpRequest, ref: str) -> Page[work_shapes.ObligationShape]:
    """What is and was promised, with what became of it."""
    incident, now = find(request, ref), clock.now()
    return {"items": [work_shapes.obligation(row, now) for row in promises(incident)], "next": None}


@router.get("/{ref}/conformance")
@needs(Needs.READ)
def conformance(request: HttpRequest, ref: str) -> ConformanceShape:
    """Clause by clause: met, late, missed, waived, not applicable or open, with the rows that prove it."""
    incident, now = find(request, ref), clock.now()
    clauses = [work_shapes.clause(row) for row in report(incident, now)]
    verdicts: list[str] = [row["verdict"] for row in clauses]
    totals = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
    return {"ref": incident.ref, "procedure_version": incident.procedure_version.number or 0, "clauses": clauses, "totals": totals}
