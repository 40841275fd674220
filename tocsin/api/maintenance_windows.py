"""Maintenance windows over HTTP: planned work during which nobody is paged for what matches."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import queries_quiet
from tocsin.alerts.models import MaintenanceWindow
from tocsin.api.acting import acting
from tocsin.api.incident_shapes import person
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, PersonShape, one_of, rfc3339
from tocsin.api.silences import MatcherBody, MatcherShape
from tocsin.lib.refusal import missing
from tocsin.response import maintain
from tocsin.statuspage import queries_maintenance
from tocsin.statuspage.models import Maintenance

router = Router(tags=["Maintenance windows"])
SHOWN = 5


class PublicBody(Body):
    """What the status page says of it: what customers will notice, without hosts, releases or names of staff."""

    title: str = Field(max_length=200)
    text: str = Field(max_length=5000)
    components: list[int] = Field(default_factory=list, max_length=200, description="Ids of components: under maintenance while it lasts")


class PublicUpdateBody(Body):
    """A word to the public while it is announced."""

    status: str = Field(max_length=12, description="scheduled, in_progress, verifying or completed")
    text: str = Field(max_length=5000)
    by: int | None = None


class NewWindow(Body):
    """What is worked on, when by the wall clock of a zone, how long, how often."""

    title: str = Field(max_length=200)
    reason: str = Field(max_length=1000)
    starts: str = Field(max_length=16, description="2026-11-28T02:00, by the wall clock of time_zone")
    minutes: int
    time_zone: str = Field("UTC", max_length=64)
    rule: str = Field("", max_length=500, description="RFC 5545, with COUNT or UNTIL: FREQ=WEEKLY;BYDAY=SU;COUNT=10. Empty: once.")
    services: list[int] = Field(default_factory=list, max_length=100)
    team: int | None = None
    matchers: list[MatcherBody] = Field(default_factory=list, max_length=20)
    public: PublicBody | None = Field(None, description="Given: it stands on the status page")
    by: int | None = None


class ChangedWindow(Body):
    """What is to be otherwise; what is left out stays."""

    title: str | None = Field(None, max_length=200)
    reason: str | None = Field(None, max_length=1000)
    starts: str | None = Field(None, max_length=16)
    minutes: int | None = None
    time_zone: str | None = Field(None, max_length=64)
    rule: str | None = Field(None, max_length=500)
    services: list[int] | None = Field(None, max_length=100)
    team: int | None = None
    matchers: list[MatcherBody] | None = Field(None, max_length=20)
    public: PublicBody | None = Field(None, description="null takes it off the status page")
    by: int | None = None


class PublicUpdateShape(TypedDict):
    """A word to the public about planned work."""

    status: Annotated[str, one_of(Maintenance.Status.values)]
    text: str
    at: At


class PublicNoticeShape(TypedDict):
    """What the status page says of planned work."""

    title: str
    components: list[int]
    status: Annotated[str, one_of(Maintenance.Status.values)]
    starts_at: At
    ends_at: At
    updates: list[PublicUpdateShape]


class MaintenanceWindowShape(TypedDict):
    """Planned work during which nobody is paged for what matches."""

    id: int
    title: str
    reason: str
    starts: Annotated[str, Field(description="2026-11-28T02:00, by the wall clock of time_zone")]
    minutes: int
    time_zone: str
    rule: Annotated[str, Field(description="RFC 5545; empty: once.")]
    services: list[int]
    team: int | None
    matchers: list[MatcherShape]
    created_by: PersonShape | None
    created_at: At
    ended_at: At | None
    next: Annotated[list[At], Field(description="When it starts next.")]
    in_force: bool
    public: PublicNoticeShape | None


def shape(row: MaintenanceWindow) -> MaintenanceWindowShape:
    """A window as the API shows it, with its next starts."""
    now = clock.now()
    ahead = (at for at, _ in queries_quiet.occurrences(row) if at > now) if row.ended_at is None else iter(())
    return {
        "id": row.pk, "title": row.title, "reason": row.reason, "starts": row.starts, "minutes": row.minutes, "time_zone": row.time_zone,
        "rule": row.rule, "services": row.services, "team": row.team_id, "matchers": row.matchers, "created_by": person(row.created_by),
        "created_at": rfc3339(row.created_at), "ended_at": rfc3339(row.ended_at), "next": [rfc3339(at) for at in islice(ahead, SHOWN)],
        "in_force": row.silences.filter(starts_at__lte=now, ends_at__gt=now, ended_at=None).exists(), "public": _public(row),
    }  # fmt: skip


def _public(row: MaintenanceWindow) -> PublicNoticeShape | None:
    """What the status page says of it now."""
    notice = queries_maintenance.open_notice(row)
    if notice is None:
        return None
    return {
        "title": notice.title, "components": notice.components, "status": notice.status, "starts_at": rfc3339(notice.starts_at),
        "ends_at": rfc3339(notice.ends_at),
        "updates": [{"status": one.status, "text": one.text, "at": rfc3339(one.at)} for one in notice.updates.order_by("-id")],
    }  # fmt: skip


def _said(body: NewWindow | ChangedWindow) -> maintain.Public | None:
    return maintain.Public(body.public.title, body.public.text, tuple(body.public.components)) if body.public else None


def _window(window_id: int) -> MaintenanceWindow:
    found = MaintenanceWindow.objects.select_related("created_by").filter(pk=window_id).first()
    if found is None:
        raise missing("maintenance window")
    return found


@router.get("")
@needs(Needs.READ)
def list_windows(request: HttpRequest, paging: Query[Paging], active: bool | None = None) -> Page[MaintenanceWindowShape]:
    """Maintenance windows, the newest first; `active=true`: those that are in force or come."""
    rows = MaintenanceWindow.objects.select_related("created_by")
    return page(rows.filter(ended_at=None) if active else rows, paging, shape, order=("-id",))


@router.post("", response={201: dict})
@needs(Needs.RESPOND)
def add_window(request: HttpRequest, body: NewWindow) -> Status[MaintenanceWindowShape]:
    """Plan one."""
    row = maintain.plan(**body.model_dump(exclude={"by", "public"}), public=_said(body), by=acting(request, body.by), now=clock.now())
    return Status(201, shape(row))


@router.get("/{int:window_id}")
@needs(Needs.READ)
def get_window(request: HttpRequest, window_id: int) -> MaintenanceWindowShape:
    """One maintenance window."""
    return shape(_window(window_id))


@router.patch("/{int:window_id}")
@needs(Needs.RESPOND)
def change_window(request: HttpRequest, window_id: int, body: ChangedWindow) -> MaintenanceWindowShape:
    """Plan it otherwise; what it no longer holds back and still fires is paged."""
    given = body.model_dump(exclude_unset=True, exclude={"by", "public"})
    fields = {name: value for name, value in given.items() if value is not None or name == "team"}
    public = _said(body) if "public" in body.model_fields_set else maintain.STAYS
    return shape(maintain.change(_window(window_id), **fields, public=public, by=acting(request, body.by), now=clock.now()))


@router.post("/{int:window_id}/updates", response={201: dict})
@needs(Needs.RESPOND)
def tell_public(request: HttpRequest, window_id: int, body: PublicUpdateBody) -> Status[MaintenanceWindowShape]:
    """Publish an update about it on the status page."""
    row = _window(window_id)
    maintain.tell_public(row, status=body.status, text=body.text, by=acting(request, body.by), now=clock.now())
    return Status(201, shape(row))


@router.delete("/{int:window_id}")
@needs(Needs.RESPOND)
def end_window(request: HttpRequest, window_id: int) -> MaintenanceWindowShape:
    """Cancel it, or end it now; what it held back and still fires is paged."""
    return shape(maintain.end(_window(window_id), by=request.actor, now=clock.now()))  # type: ignore[attr-defined]
