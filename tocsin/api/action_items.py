"""Action items over HTTP: what was promised to improve."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from ninja import Field, Query, Router, Status

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api import work_shapes
from tocsin.api.acting import acting
from tocsin.api.incidents import find, somebody
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import ActingBody
from tocsin.incidents import queries
from tocsin.incidents.models import ActionItem
from tocsin.lib.refusal import missing
from tocsin.response.action_items import add_action_item, change_action_item

router = Router(tags=["Action items"])


class ActionItemFilters(Paging):
    """Which action items."""

    status: Literal["open", "done"] | None = None
    owner: int | None = None
    incident: str | None = Field(None, max_length=20)


class NewActionItem(ActingBody):
    """Work that a post-mortem or an incident leaves behind."""

    title: str = Field(max_length=1000)
    incident: str | None = Field(None, max_length=20)
    owner: int | None = None
    due_on: date | None = None


class ActionItemChanges(ActingBody):
    """What is to be different; what is left out stays."""

    title: str | None = Field(None, max_length=1000)
    owner: int | None = None
    due_on: date | None = None
    done: bool | None = None


@router.get("")
@needs(Needs.READ)
def list_action_items(request: HttpRequest, filters: Query[ActionItemFilters]) -> Page[work_shapes.ActionItemShape]:
    """The action items, newest first."""
    rows = _visible(request)
    if filters.incident:
        rows = rows.filter(incident=find(request, filters.incident))
    given = {"status": filters.status, "owner_id": filters.owner}
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    return page(rows, filters, work_shapes.action_item, order=("-id",))


@router.post("", response={201: dict})
@needs(Needs.RESPOND)
def add(request: HttpRequest, body: NewActionItem) -> Status[work_shapes.ActionItemShape]:
    """Promise an improvement, of an incident or by itself."""
    incident = find(request, body.incident) if body.incident else None
    by, owner = acting(request, body.by), somebody(body.owner, "owner")
    item = add_action_item(title=body.title, incident=incident, owner=owner, due_on=body.due_on, by=by, now=clock.now())
    return Status(201, work_shapes.action_item(item))


@router.get("/{item_id}")
@needs(Needs.READ)
def get(request: HttpRequest, item_id: int) -> work_shapes.ActionItemShape:
    """One action item."""
    return work_shapes.action_item(_find(request, item_id))


@router.patch("/{item_id}")
@needs(Needs.RESPOND)
def change(request: HttpRequest, item_id: int, body: ActionItemChanges) -> work_shapes.ActionItemShape:
    """Change title, owner or due date, or mark it done; only what is given."""
    given = body.model_dump(exclude_unset=True, exclude={"by"})
    if "owner" in given:
        given["owner"] = somebody(given["owner"], "owner")
    if given.get("title") is None:
        given.pop("title", None)
    return work_shapes.action_item(change_action_item(item=_find(request, item_id), by=acting(request, body.by), now=clock.now(), **given))


def _visible(request: HttpRequest) -> Any:
    theirs = queries.visible_to(request.actor)  # type: ignore[attr-defined]
    return ActionItem.objects.filter(Q(incident=None) | Q(incident__in=theirs.values("pk"))).select_related("owner", "incident", "done_by")


def _find(request: HttpRequest, item_id: int) -> ActionItem:
    item = _visible(request).filter(pk=item_id).first()
    if item is None:
        raise missing("action item")
    return item
