"""Saved views of the alerts list over HTTP."""

from __future__ import annotations

from typing import Annotated, NotRequired, cast

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing
from tocsin.alerts import operations_views as operations
from tocsin.alerts.models import SavedView
from tocsin.api.acting import acting
from tocsin.api.alert_filters import AlertFilters
from tocsin.api.incident_shapes import person
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, NamedShape, PersonShape, given, named, rfc3339
from tocsin.domain import alert_filters
from tocsin.lib.refusal import Refused

router = Router(tags=["Alerts"])
MOST_COUNTED_OF_A_VIEW = 100


class NewView(Body):
    """Filters and order under a name; for oneself, or with `shared` for everybody, or with `team` for that team."""

    name: str = Field(max_length=80)
    filters: AlertFilters | None = None
    shared: bool = False
    team: int | None = None
    pinned: bool = Field(False, description="At the head of the alerts page of everybody who sees the view.")
    default: bool = Field(False, description="What the alerts page opens with for the team, or for everybody whose team has none.")
    by: int | None = None


class ViewChanges(Body):
    """What to change; fields left out stay. `team: null` takes the team away."""

    name: str | None = Field(None, max_length=80)
    filters: AlertFilters | None = None
    shared: bool | None = None
    team: int | None = None
    pinned: bool | None = None
    default: bool | None = None


class SavedViewShape(TypedDict):
    """Filters and order of the alerts list under a name."""

    id: int
    name: str
    filters: Annotated[dict[str, str | list[str]], Field(description="As in the address of the list; only what differs from the default.")]
    shared: bool
    pinned: bool
    default: bool
    team: NamedShape | None
    owner: PersonShape | None
    created_at: At


class CountedViewShape(SavedViewShape):
    """A view with how many alerts match."""

    count: Annotated[int | None, Field(description="Null: counting takes too long.")]
    exact: Annotated[bool, Field(description="False: there are more.")]


class ListedViewShape(SavedViewShape):
    """A view in the list; with `counts=true` with how many alerts match."""

    count: NotRequired[int | None]
    exact: NotRequired[bool]


def shape(row: SavedView) -> SavedViewShape:
    """A view as the API shows it."""
    return {
        "id": row.pk, "name": row.name, "filters": row.filters, "shared": row.shared, "pinned": row.pinned, "default": row.default,
        "team": named(row.team), "owner": person(row.owner), "created_at": rfc3339(row.created_at),
    }  # fmt: skip


def counted(row: SavedView) -> CountedViewShape:
    """The same with how many alerts match now: exact up to a limit; null where counting takes too long."""
    try:
        number = listing.count(alert_filters.read(row.filters), clock.now(), MOST_COUNTED_OF_A_VIEW)
    except Refused:
        return {**shape(row), "count": None, "exact": False}
    return {**shape(row), "count": number.number, "exact": not number.more}


@router.get("")
@needs(Needs.READ)
def list_views(request: HttpRequest, paging: Query[Paging], counts: bool = False) -> Page[ListedViewShape]:
    """The views that you see; with `counts=true` each says how many alerts match (pages of at most 20 then)."""
    if counts:
        paging.limit = min(paging.limit, 20)
    rows = operations.visible_to(request.actor)  # type: ignore[attr-defined]
    return cast(Page[ListedViewShape], page(rows, paging, counted) if counts else page(rows, paging, shape))


@router.post("", response={201: dict})
@needs(Needs.SELF)
def add_view(request: HttpRequest, body: NewView) -> Status[SavedViewShape]:
    """Save a view."""
    fields = {
        **body.model_dump(exclude={"by", "filters"}),
        "filters": (body.filters or AlertFilters.model_validate({})).read(status="firing"),
    }
    return Status(201, shape(operations.save_view(**fields, by=acting(request, body.by), now=clock.now())))


@router.get("/{int:view_id}")
@needs(Needs.READ)
def get_view(request: HttpRequest, view_id: int) -> CountedViewShape:
    """One view, with how many alerts match."""
    return counted(operations.found(view_id, request.actor))  # type: ignore[attr-defined]


@router.patch("/{int:view_id}")
@needs(Needs.SELF)
def change_view(request: HttpRequest, view_id: int, body: ViewChanges) -> SavedViewShape:
    """Change a view of yours, or as an administrator any shared one."""
    by = request.actor  # type: ignore[attr-defined]
    changes = {name: value for name, value in given(body).items() if value is not None or name == "team"}
    if body.filters is not None:
        changes["filters"] = body.filters.read(status="firing")
    return shape(operations.change_view(operations.found(view_id, by), changes, by=by, now=clock.now()))


@router.delete("/{int:view_id}", response={204: None})
@needs(Needs.SELF)
def delete_view(request: HttpRequest, view_id: int) -> Status[None]:
    """Delete a view of yours, or as an administrator any shared one."""
    by = request.actor  # type: ignore[attr-defined]
    operations.delete_view(operations.found(view_id, by), by=by, now=clock.now())
    return Status(204, None)
