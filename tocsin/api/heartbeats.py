"""The heartbeats, for programs: what should be heard, how often, and what was."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, NotRequired

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Integration
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, given, one_of, rfc3339
from tocsin.domain.heartbeats import WORDS
from tocsin.heartbeats import operations, queries
from tocsin.heartbeats.models import Adoption, Heartbeat, Ping
from tocsin.lib.refusal import missing

router = Router(tags=["Heartbeats"])
MOST_SECONDS = 366 * 86_400


class NewHeartbeat(Body):
    """What should be heard: `period` and `grace` in seconds, or `cron` (five fields) in `time_zone`. `watchdog`: an alertname that is its ping."""

    integration: int
    name: str = Field(max_length=200)
    description: str = Field("", max_length=2000)
    period: int = Field(3600, ge=0, le=MOST_SECONDS)
    grace: int = Field(300, ge=0, le=MOST_SECONDS)
    cron: str = Field("", max_length=100)
    time_zone: str = Field("", max_length=60)
    business_hours: bool = False
    severity: str = Field("", max_length=10)
    message: str = Field("", max_length=500)
    tags: list[str] = Field(default_factory=list, max_length=20)
    watchdog: str = Field("", max_length=200)
    enabled: bool = True


class HeartbeatChanges(Body):
    """What to change; fields left out stay. `enabled: false` pauses it, `true` resumes it."""

    name: str | None = Field(None, max_length=200)
    description: str | None = Field(None, max_length=2000)
    period: int | None = Field(None, ge=0, le=MOST_SECONDS)
    grace: int | None = Field(None, ge=0, le=MOST_SECONDS)
    cron: str | None = Field(None, max_length=100)
    time_zone: str | None = Field(None, max_length=60)
    business_hours: bool | None = None
    severity: str | None = Field(None, max_length=10)
    message: str | None = Field(None, max_length=500)
    tags: list[str] | None = Field(None, max_length=20)
    watchdog: str | None = Field(None, max_length=200)
    enabled: bool | None = None


class UnknownNames(Body):
    """Do unknown names that are pinged become heartbeats of that integration?"""

    integration: int
    create: bool


class HeartbeatShape(TypedDict):
    """What should be heard, how often, and what was."""

    id: int
    integration: int
    name: str
    description: str
    period: Annotated[int, Field(description="Seconds, as is the grace.")]
    grace: int
    cron: Annotated[str, Field(description="Instead of the period; empty where there is none.")]
    time_zone: str
    business_hours: bool
    severity: Annotated[str, Field(description="Empty: the integration's default.")]
    message: str
    tags: list[str]
    watchdog: Annotated[str, Field(description="The alertname whose firing events are its pings.")]
    enabled: bool
    state: Annotated[str, one_of(Heartbeat.State.values)]
    state_in_words: str
    last_ping_at: At | None
    started_at: Annotated[At | None, Field(description="A run that has begun and not ended.")]
    expected_at: At | None
    late_at: At | None
    changed_at: At | None
    created_at: At
    address: NotRequired[Annotated[str, Field(description="Where it is pinged; for administrators.")]]


class PingShape(TypedDict):
    """One sign of life."""

    id: int
    at: At
    kind: Annotated[str, one_of(Ping.Kind.values)]
    exit_code: int | None
    run: str
    took_seconds: float | None
    method: str
    agent: str
    body: Annotated[str, Field(description="Its beginning.")]
    body_bytes: int


class AdoptionShape(TypedDict):
    """Whether unknown names that are pinged become heartbeats of an integration."""

    integration: int
    create: bool


def shape(row: Heartbeat, secret: bool = True) -> HeartbeatShape:
    """A heartbeat as the API shows it; its address only to those who may change it."""
    shown: HeartbeatShape = {
        "id": row.pk, "integration": row.integration_id, "name": row.name, "description": row.description,
        "period": int(row.period.total_seconds()), "grace": int(row.grace.total_seconds()), "cron": row.cron, "time_zone": row.time_zone,
        "business_hours": row.business_hours, "severity": row.severity, "message": row.message, "tags": row.tags, "watchdog": row.watchdog,
        "enabled": row.state != Heartbeat.State.PAUSED, "state": row.state, "state_in_words": WORDS[row.state],
        "last_ping_at": rfc3339(row.last_ping_at), "started_at": rfc3339(row.started_at), "expected_at": rfc3339(row.expected_at),
        "late_at": rfc3339(row.missing_at), "changed_at": rfc3339(row.changed_at), "created_at": rfc3339(row.created_at),
    }  # fmt: skip
    if secret:
        shown["address"] = f"{settings.TOCSIN_URL}/ping/{row.token}"
    return shown


def ping_shape(one: Ping) -> PingShape:
    """A ping as the API shows it."""
    return {
        "id": one.pk, "at": rfc3339(one.at), "kind": one.kind, "exit_code": one.exit_code, "run": one.run,
        "took_seconds": one.took.total_seconds() if one.took is not None else None, "method": one.method, "agent": one.agent,
        "body": bytes(one.body)[:4096].decode("utf-8", "replace").replace("\0", ""), "body_bytes": len(one.body),
    }  # fmt: skip


def _may_see(request: HttpRequest) -> bool:
    return bool(request.actor.may(Needs.ADMINISTER))  # type: ignore[attr-defined]


def _heartbeat(heartbeat_id: int) -> Heartbeat:
    found = queries.heartbeats().filter(pk=heartbeat_id).first()
    if found is None:
        raise missing("heartbeat")
    return found


def _lengths(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: timedelta(seconds=value) if name in ("period", "grace") else value for name, value in fields.items()}


@router.get("")
@needs(Needs.READ)
def list_heartbeats(request: HttpRequest, paging: Query[Paging], integration: int | None = None, state: str = "") -> Page[HeartbeatShape]:
    """Every heartbeat; by integration, or by state: never, ok, late, failed, paused."""
    secret = _may_see(request)
    return page(queries.heartbeats(integration=integration, state=state), paging, lambda row: shape(row, secret))


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def add_heartbeat(request: HttpRequest, body: NewHeartbeat) -> Status[HeartbeatShape]:
    """Add a heartbeat; its clock starts with the first ping."""
    row = operations.create(**_lengths(body.model_dump()), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(201, shape(row))


@router.get("/unknown-names")
@needs(Needs.READ)
def list_unknown_names(request: HttpRequest) -> Page[AdoptionShape]:
    """The integrations at which an unknown name that is pinged becomes a heartbeat."""
    return {"items": [{"integration": row.integration_id, "create": True} for row in Adoption.objects.order_by("id")], "next": None}


@router.put("/unknown-names")
@needs(Needs.ADMINISTER)
def set_unknown_names(request: HttpRequest, body: UnknownNames) -> AdoptionShape:
    """Say whether unknown names that are pinged at an integration become heartbeats."""
    integration = Integration.objects.filter(pk=body.integration, removed_at=None).first()
    if integration is None:
        raise missing("integration")
    operations.adopt(integration, body.create, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return {"integration": integration.pk, "create": body.create}


@router.get("/{int:heartbeat_id}")
@needs(Needs.READ)
def get_heartbeat(request: HttpRequest, heartbeat_id: int) -> HeartbeatShape:
    """One heartbeat."""
    return shape(_heartbeat(heartbeat_id), _may_see(request))


@router.get("/{int:heartbeat_id}/pings")
@needs(Needs.READ)
def list_pings(request: HttpRequest, heartbeat_id: int, paging: Query[Paging]) -> Page[PingShape]:
    """Its last 100 pings, the newest first."""
    return page(_heartbeat(heartbeat_id).pings.all(), paging, ping_shape, order=("-id",))


@router.patch("/{int:heartbeat_id}")
@needs(Needs.ADMINISTER)
def change_heartbeat(request: HttpRequest, heartbeat_id: int, body: HeartbeatChanges) -> HeartbeatShape:
    """Change, pause or resume a heartbeat."""
    changes = _lengths({field: value for field, value in given(body).items() if value is not None})
    return shape(operations.change(_heartbeat(heartbeat_id), **changes, by=request.actor, now=clock.now()))  # type: ignore[attr-defined]


@router.delete("/{int:heartbeat_id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_heartbeat(request: HttpRequest, heartbeat_id: int) -> Status[None]:
    """Take it out of use; an alert that it opened is over."""
    operations.remove(_heartbeat(heartbeat_id), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)
