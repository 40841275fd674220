"""Change events over HTTP: what was deployed or changed, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from typing_extensions import TypedDict

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import ChangeEvent
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Data, one_of, rfc3339
from tocsin.lib.refusal import missing

router = Router(tags=["Change events"])


class ChangeEventFilters(Schema):
    """Which change events."""

    service: int | None = Field(None, description="The id of a service.")
    kind: Literal["", "deployment", "infrastructure", "other"] = ""
    since: datetime | None = None
    until: datetime | None = None


class ChangeEventShape(TypedDict):
    """A deployment or another change that was reported."""

    id: int
    kind: Annotated[str, one_of(["deployment", "infrastructure", "other"])]
    summary: str
    source: str
    at: At
    received_at: At
    service: int | None
    integration: int
    link: str | None
    details: Data
    event: Annotated[int | None, Field(description="Its raw event, as long as that is kept.")]


def shape(change: ChangeEvent) -> ChangeEventShape:
    """A change as the API shows it."""
    return {
        "id": change.pk, "kind": change.kind, "summary": change.summary, "source": change.source, "at": rfc3339(change.at),
        "received_at": rfc3339(change.received_at), "service": change.service_id, "integration": change.integration_id,
        "link": change.link or None, "details": change.details, "event": change.raw_event_id,
    }  # fmt: skip


@router.get("")
@needs(Needs.READ)
def list_change_events(request: HttpRequest, filters: Query[ChangeEventFilters], paging: Query[Paging]) -> Page[ChangeEventShape]:
    """Changes, the newest first."""
    rows = ChangeEvent.objects.all()
    wanted = {"service_id": filters.service, "kind": filters.kind, "at__gte": filters.since, "at__lte": filters.until}
    return page(rows.filter(**{name: value for name, value in wanted.items() if value}), paging, shape, order=("-at",))


@router.get("/{int:change_id}")
@needs(Needs.READ)
def get_change_event(request: HttpRequest, change_id: int) -> ChangeEventShape:
    """One change."""
    found = ChangeEvent.objects.filter(pk=change_id).first()
    if found is None:
        raise missing("change event")
    return shape(found)
