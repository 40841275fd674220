"""The lines of the status page over HTTP."""

from __future__ import annotations

from typing import Annotated

from django.db import transaction
from django.http import HttpRequest
from ninja import Field, Query, Router, Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, one_of
from tocsin.api.shapes import rfc3339 as stamp
from tocsin.lib.refusal import missing
from tocsin.statuspage import operations
from tocsin.statuspage.jobs import publish
from tocsin.statuspage.models import STATUSES, Component

router = Router(tags=["Status page"])


class ComponentBody(Body):
    """A line of the status page."""

    name: str = Field(max_length=1000)
    group: str = Field("", max_length=1000)
    description: str = Field("", max_length=2000)
    status: str = "operational"
    by: int | None = None


class ComponentChanges(Body):
    """What is to be different; what is left out stays."""

    name: str | None = Field(None, max_length=1000)
    group: str | None = Field(None, max_length=1000)
    description: str | None = Field(None, max_length=2000)
    status: str | None = None
    position: int | None = None
    by: int | None = None


class ComponentShape(TypedDict):
    """A line of the status page."""

    id: int
    code: Annotated[str, Field(description="Its id on the public page.")]
    name: str
    group: str
    description: str
    status: Annotated[str, one_of(STATUSES)]
    position: int
    created_at: At
    updated_at: At


def shape(row: Component) -> ComponentShape:
    """A component over HTTP; `code` is its id on the public page."""
    return {
        "id": row.pk, "code": row.code, "name": row.name, "group": row.group, "description": row.description, "status": row.status,
        "position": row.position, "created_at": stamp(row.created_at), "updated_at": stamp(row.updated_at),
    }  # fmt: skip


def _found(component_id: int) -> Component:
    row = Component.objects.filter(pk=component_id, removed_at=None).first()
    if row is None:
        raise missing("component")
    return row


@router.get("/components")
@needs(Needs.READ)
def components(request: HttpRequest, paging: Query[Paging]) -> Page[ComponentShape]:
    """Every component, in the order of the page."""
    return page(Component.objects.filter(removed_at=None), paging, shape, order=("position", "id"))


@router.post("/components", response={201: dict})
@needs(Needs.ADMINISTER)
def add(request: HttpRequest, body: ComponentBody) -> Status[ComponentShape]:
    """Put a component on the page; it is published at once."""
    by = acting(request, body.by)
    with transaction.atomic():
        row = operations.add_component(**body.dict(exclude={"by"}), by=by, now=clock.now())
        publish.defer()
    return Status(201, shape(row))


@router.get("/components/{component_id}")
@needs(Needs.READ)
def component(request: HttpRequest, component_id: int) -> ComponentShape:
    """One component."""
    return shape(_found(component_id))


@router.patch("/components/{component_id}")
@needs(Needs.ADMINISTER)
def change(request: HttpRequest, component_id: int, body: ComponentChanges) -> ComponentShape:
    """Change the given fields; it is published at once."""
    by = acting(request, body.by)
    with transaction.atomic():
        given = {name: value for name, value in body.dict(exclude={"by"}, exclude_unset=True).items() if value is not None}
        row = operations.change_component(_found(component_id), by=by, now=clock.now(), **given)
        publish.defer()
    return shape(row)


@router.delete("/components/{component_id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove(request: HttpRequest, component_id: int) -> Status[None]:
    """Take it off the page; its history stays."""
    with transaction.atomic():
        operations.remove_component(_found(component_id), by=acting(request), now=clock.now())
        publish.defer()
    return Status(204, None)
