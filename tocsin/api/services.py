"""The services, for programs."""

from __future__ import annotations

from typing import Annotated, Any, cast

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations
from tocsin.alerts.models import Service
from tocsin.api.paging import Page, Paging, page
from tocsin.api.rehearsal_shapes import RehearsedStepShape
from tocsin.api.shapes import At, Body, given, rfc3339
from tocsin.lib.refusal import missing
from tocsin.response import rehearse

router = Router(tags=["Services"])


class NewService(Body):
    """A thing that breaks; policies, team, components and other services by their ids."""

    name: str = Field(max_length=120)
    description: str = Field("", max_length=2000)
    team: int | None = None
    escalation_policy: int | None = None
    leadership_policy: int | None = None
    components: list[int] = Field(default_factory=list, max_length=200)
    depends_on: list[int] = Field(
        default_factory=list, max_length=200, description="Services that it uses: alerts of both may be one cause."
    )
    critical: bool = Field(False, description="Its alerts are one severity step worse.")
    tier: int = Field(3, description="How much it matters, from 1 (the most) to 4: steps of a policy may count for some tiers alone.")
    severity_map: dict[str, str] = Field(default_factory=dict, description='{"critical": "SEV1"}: overrides the procedure\'s table.')
    runbook: str = Field("", max_length=1000)
    group_minutes: int | None = Field(None, description="Alerts within so many minutes are one cause; 0 never, null: as the organisation.")


class ServiceChanges(Body):
    """What to change; fields left out stay."""

    name: str | None = Field(None, max_length=120)
    description: str | None = Field(None, max_length=2000)
    team: int | None = None
    escalation_policy: int | None = None
    leadership_policy: int | None = None
    components: list[int] | None = Field(None, max_length=200)
    depends_on: list[int] | None = Field(None, max_length=200)
    critical: bool | None = None
    tier: int | None = None
    severity_map: dict[str, str] | None = None
    runbook: str | None = Field(None, max_length=1000)
    group_minutes: int | None = None


REFERENCES = ("team", "escalation_policy", "leadership_policy")


class ServiceShape(TypedDict):
    """A thing that breaks."""

    id: int
    name: str
    description: str
    team: int | None
    escalation_policy: int | None
    leadership_policy: int | None
    components: list[int]
    critical: Annotated[bool, Field(description="Its alerts are one severity step worse.")]
    tier: Annotated[int, Field(description="How much it matters, from 1 (the most) to 4.")]
    depends_on: list[int]
    severity_map: dict[str, str]
    runbook: str | None
    group_minutes: Annotated[int | None, Field(description="Null: as the organisation.")]
    created_at: At


class RehearsedTrackShape(TypedDict):
    """Who would be paged on one track."""

    track: str
    policy: Annotated[str | None, Field(description="Null: none is set.")]
    note: str
    steps: list[RehearsedStepShape]


def shape(service: Service) -> ServiceShape:
    """A service as the API shows it."""
    return {
        "id": service.pk, "name": service.name, "description": service.description, "team": service.team_id,
        "escalation_policy": service.escalation_policy_id, "leadership_policy": service.leadership_policy_id,
        "components": [component.pk for component in service.components.all()], "critical": service.critical, "tier": service.tier,
        "depends_on": sorted(one.pk for one in service.depends_on.all() if one.removed_at is None),
        "severity_map": service.severity_map, "runbook": service.runbook or None, "group_minutes": service.group_minutes, "created_at": rfc3339(service.created_at),
    }  # fmt: skip


def _service(service_id: int) -> Service:
    found = Service.objects.filter(pk=service_id, removed_at=None).first()
    if found is None:
        raise missing("service")
    return found


@router.get("")
@needs(Needs.READ)
def list_services(request: HttpRequest, paging: Query[Paging]) -> Page[ServiceShape]:
    """Every service."""
    return page(Service.objects.filter(removed_at=None).prefetch_related("components", "depends_on"), paging, shape)


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def add_service(request: HttpRequest, body: NewService) -> Status[ServiceShape]:
    """Add a service."""
    return Status(201, shape(operations.create_service(**body.model_dump(), by=request.actor, now=clock.now())))  # type: ignore[attr-defined]


@router.get("/{int:service_id}")
@needs(Needs.READ)
def get_service(request: HttpRequest, service_id: int) -> ServiceShape:
    """One service."""
    return shape(_service(service_id))


@router.patch("/{int:service_id}")
@needs(Needs.ADMINISTER)
def change_service(request: HttpRequest, service_id: int, body: ServiceChanges) -> ServiceShape:
    """Change a service; null takes a team or a policy away."""
    changes: dict[str, Any] = {
        field: value for field, value in given(body).items() if value is not None or field in (*REFERENCES, "group_minutes")
    }
    return shape(operations.change_service(_service(service_id), **changes, by=request.actor, now=clock.now()))  # type: ignore[attr-defined]


@router.get("/{int:service_id}/dry-run")
@needs(Needs.READ)
def dry_run(request: HttpRequest, service_id: int, severity: Annotated[str, Query(max_length=20)] = "") -> Page[RehearsedTrackShape]:
    """Who would be paged if it fired now, track by track, step by step; with a severity, those tracks that the procedure pages for it."""
    tracks = rehearse.rehearse(_service(service_id), severity=severity, now=clock.now())
    return {"items": [cast(RehearsedTrackShape, rehearse.shape(track)) for track in tracks], "next": None}


@router.delete("/{int:service_id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_service(request: HttpRequest, service_id: int) -> Status[None]:
    """Remove a service that no integration belongs to."""
    operations.remove_service(_service(service_id), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)
