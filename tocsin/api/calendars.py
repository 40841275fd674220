"""Outside calendars that a schedule's rotations follow, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.paging import Page
from tocsin.api.shapes import Body
from tocsin.lib.refusal import missing
from tocsin.oncall import operations, operations_calendars, queries_calendars
from tocsin.oncall.models import ExternalCalendar

router = Router(tags=["Schedules"])


class CalendarBody(Body):
    """A calendar of somebody else's as a rotation."""

    address: str = Field(max_length=500, description="Where the calendar lies (iCalendar, .ics); webcal:// is read as https://.")
    name: str = Field("", max_length=120)


class CalendarChange(Body):
    """Who is who in it."""

    people: dict[str, int | None] = Field(max_length=200, description='Who is meant by which name: {"annie": 3}; null: nobody any more.')


class CalendarShape(TypedDict):
    """An outside calendar that a rotation follows."""

    id: int
    name: str
    host: Annotated[str, Field(description="Where it lies; the whole address is a secret.")]
    events: Annotated[int, Field(description="How many its last good copy holds.")]
    people: Annotated[dict[str, int], Field(description="Who is meant by which name.")]
    unknown_names: list[str]
    read_at: datetime | None
    error: Annotated[str, Field(description="Why the last reading failed; empty where it did not.")]
    failing_since: datetime | None
    notes: Annotated[str, Field(description="What of it was left out.")]


def _shape(row: ExternalCalendar) -> CalendarShape:
    return {
        "id": row.pk, "name": row.name, "host": row.host, "events": len(row.events), "people": row.people,
        "unknown_names": queries_calendars.nobodys(row)[:200], "read_at": row.read_at, "error": row.error, "failing_since": row.failing_since,
        "notes": row.notes,
    }  # fmt: skip


def _row(id: int, calendar: int) -> ExternalCalendar:
    found = operations.schedule_of(id).calendars.filter(pk=calendar, removed_at=None).select_related("schedule").first()
    if found is None:
        raise missing("calendar")
    return found


@router.get("/schedules/{int:id}/calendars")
@needs(Needs.READ)
def list_calendars(request: HttpRequest, id: int) -> Page[CalendarShape]:
    """The schedule's outside calendars (at most 10), with what is wrong with them."""
    rows = operations.schedule_of(id).calendars.filter(removed_at=None).order_by("id")
    return {"items": [_shape(row) for row in rows], "next": None}


@router.post("/schedules/{int:id}/calendars", response={201: dict})
@needs(Needs.ADMINISTER)
def add_calendar(request: HttpRequest, id: int, body: CalendarBody) -> Status[CalendarShape]:
    """A calendar becomes the schedule's last rotation; it is read within a minute and then every 15."""
    row = operations_calendars.add(operations.schedule_of(id), **body.model_dump(), by=acting(request), now=clock.now())
    return Status(201, _shape(row))


@router.patch("/schedules/{int:id}/calendars/{int:calendar}")
@needs(Needs.ADMINISTER)
def change_calendar(request: HttpRequest, id: int, calendar: int, body: CalendarChange) -> CalendarShape:
    """Say who is meant by which name."""
    return _shape(operations_calendars.give_names(_row(id, calendar), body.people, by=acting(request), now=clock.now()))


@router.delete("/schedules/{int:id}/calendars/{int:calendar}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_calendar(request: HttpRequest, id: int, calendar: int) -> Status[None]:
    """Take it and its rotation away."""
    operations_calendars.remove(_row(id, calendar), by=acting(request), now=clock.now())
    return Status(204, None)
