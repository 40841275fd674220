"""Schedules over HTTP: rotations, overrides, the final schedule with its gaps, and the address of the calendar feed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, cast

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import Body, NamedShape, named
from tocsin.lib.refusal import invalid, missing
from tocsin.oncall import operations, queries, versions
from tocsin.oncall.models import Override, Schedule
from tocsin.response.remove_schedule import remove_schedule as remove_schedule_verb

router = Router(tags=["Schedules"])
LONGEST_SPAN = timedelta(days=400)


class RotationBody(Body):
    """People who take turns."""

    name: str = Field("", max_length=120)
    participants: list[int] = Field(default_factory=list, max_length=100)
    starts_at: str = Field(max_length=30, description="Wall-clock time of the schedule's zone, 2026-01-05T09:00:00.")
    ends_at: str | None = Field(None, max_length=40)
    shift: dict[str, int] = Field(
        default_factory=lambda: {"days": 7}, description='{"days": 7}, {"weeks": 2}, {"hours": 12} or {"months": 1}'
    )
    month_day: bool = Field(False, description="Months hand off on the day of the month instead of on its weekday (the second Tuesday).")
    time_zone: str = Field("", max_length=64, description="The rotation's own zone; empty for the schedule's.")
    restrictions: list[dict[str, Any]] = Field(default_factory=list, max_length=20)
    calendar: int | None = Field(None, description="An outside calendar of this schedule says whose turn it is; there are no participants.")


class ScheduleBody(Body):
    """Who holds the pager when: the first rotation that has somebody counts."""

    name: str = Field(max_length=500)
    team: int | None = None
    time_zone: str = Field("UTC", max_length=64)
    description: str = Field("", max_length=1000)
    hand_over_time_off: bool = Field(False, description="Turns of people who are away go to the next participant who is there.")
    hand_over_holidays: bool = Field(False, description="The same on public holidays where the person lives.")
    gaps_meant: bool = Field(False, description="It covers certain hours only: nobody is warned of gaps.")
    rotations: list[RotationBody] = Field(default_factory=list, max_length=20)


class ScheduleChange(Body):
    """What is to be different; what is left out stays, rotations are taken as a whole."""

    name: str | None = Field(None, max_length=500)
    team: int | None = None
    time_zone: str | None = Field(None, max_length=64)
    description: str | None = Field(None, max_length=1000)
    hand_over_time_off: bool | None = None
    hand_over_holidays: bool | None = None
    gaps_meant: bool | None = None
    rotations: list[RotationBody] | None = Field(None, max_length=20)


class OverrideBody(Body):
    """Somebody holds the pager in that span, whoever's turn it is."""

    user: int
    starts_at: datetime
    ends_at: datetime
    reason: str = Field("", max_length=500)
    by: int | None = None


RestrictionShape = TypedDict("RestrictionShape", {"weekdays": list[int], "from": str, "until": str})
RestrictionShape.__doc__ = "Between these times of day a rotation counts, on these weekdays: 0 is Monday."


class RotationShape(TypedDict):
    """People who take turns."""

    id: int
    name: str
    participants: Annotated[list[int], Field(description="People, in their order.")]
    starts_at: Annotated[str, Field(description="By the wall clock of its zone: 2026-01-05T09:00:00.")]
    ends_at: datetime | None
    shift: Annotated[dict[str, int], Field(description='How long a turn is: {"days": 7}, {"hours": 12} or {"months": 1}.')]
    month_day: bool
    time_zone: Annotated[str, Field(description="Empty: the schedule's.")]
    restrictions: Annotated[list[RestrictionShape], Field(description="Empty: always.")]
    calendar: Annotated[int | None, Field(description="The outside calendar that says whose turn it is.")]


class ScheduleShape(TypedDict):
    """A schedule with its rotations, the most important first."""

    id: int
    name: str
    time_zone: str
    team: int | None
    description: str
    hand_over_time_off: bool
    hand_over_holidays: bool
    gaps_meant: bool
    rotations: list[RotationShape]


class OverrideShape(TypedDict):
    """One person stands in for a span of time."""

    id: int
    schedule: int
    user: NamedShape
    starts_at: datetime
    ends_at: datetime
    reason: str


class SpanShape(TypedDict):
    """A span of time."""

    starts_at: datetime
    ends_at: datetime


class ShiftShape(SpanShape):
    """One person holds the pager."""

    user: NamedShape
    source: Annotated[str, Field(description="The name of a rotation, or override.")]
    instead_of: Annotated[int | None, Field(description="Whose turn it would be.")]


class ShiftsShape(TypedDict):
    """Who holds the pager between two instants, and when nobody does."""

    items: list[ShiftShape]
    gaps: list[SpanShape]
    next: None


class FeedShape(TypedDict):
    """The address of a calendar feed; it is a secret, and shown once."""

    url: str


def shape(schedule: Schedule) -> ScheduleShape:
    """A schedule with its rotations in their order."""
    rows = schedule.rotations.prefetch_related("places")
    rotations = [{"id": row.id, **versions.rotation_document(row), "ends_at": row.ends_at} for row in rows]
    return cast(ScheduleShape, {"id": schedule.id, **versions.document(schedule), "rotations": rotations})


def override_shape(row: Override) -> OverrideShape:
    """An override."""
    return {
        "id": row.id, "schedule": row.schedule_id, "user": named(row.user), "starts_at": row.starts_at,
        "ends_at": row.ends_at, "reason": row.reason,
    }  # fmt: skip


@router.get("")
@needs(Needs.READ)
def list_schedules(request: HttpRequest, paging: Query[Paging]) -> Page[ScheduleShape]:
    """All schedules."""
    return page(Schedule.objects.filter(removed_at=None), paging, shape)


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def create_schedule(request: HttpRequest, body: ScheduleBody) -> Status[ScheduleShape]:
    """A new schedule with its rotations, the most important first."""
    schedule = operations.create_schedule(**body.model_dump(), by=acting(request), now=clock.now())
    return Status(201, shape(schedule))


@router.get("/{int:id}")
@needs(Needs.READ)
def get_schedule(request: HttpRequest, id: int) -> ScheduleShape:
    """One schedule."""
    return shape(operations.schedule_of(id))


@router.patch("/{int:id}")
@needs(Needs.ADMINISTER)
def change_schedule(request: HttpRequest, id: int, body: ScheduleChange) -> ScheduleShape:
    """Change what is given; rotations are replaced as a whole."""
    changes = body.model_dump(exclude_unset=True)
    for field in ("name", "time_zone", "rotations", "hand_over_time_off", "hand_over_holidays", "gaps_meant"):
        if field in changes and changes[field] is None:
            raise invalid(**{field: "It cannot be empty."})
    return shape(operations.change_schedule(operations.schedule_of(id), by=acting(request), now=clock.now(), **changes))


@router.delete("/{int:id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_schedule(request: HttpRequest, id: int) -> Status[None]:
    """Take it out of use; refused while a policy or a role of incidents leads to it."""
    remove_schedule_verb(operations.schedule_of(id), by=acting(request), now=clock.now())
    return Status(204, None)


@router.get("/{int:id}/shifts")
@needs(Needs.READ)
def list_shifts(request: HttpRequest, id: int, since: datetime | None = None, until: datetime | None = None) -> ShiftsShape:
    """The final schedule between two instants (default: the next 14 days), and its gaps."""
    schedule = operations.schedule_of(id)
    start = since or clock.now()
    end = until or start + timedelta(days=14)
    if start.tzinfo is None or end.tzinfo is None or not start < end <= start + LONGEST_SPAN:
        raise invalid(until="Give two times with their zone, the second later, at most 400 days apart.")
    found = queries.shifts(schedule, start, end)
    names = dict(User.objects.filter(pk__in={shift.user for shift in found}).values_list("id", "name"))
    return {
        "items": [
            {
                "user": {"id": s.user, "name": names.get(s.user, "")},
                "starts_at": s.starts_at,
                "ends_at": s.ends_at,
                "source": s.source,
                "instead_of": s.instead_of,
            }
            for s in found
        ],
        "gaps": [{"starts_at": gap.starts_at, "ends_at": gap.ends_at} for gap in queries.gaps(schedule, start, end)],
        "next": None,
    }


@router.get("/{int:id}/overrides")
@needs(Needs.READ)
def list_overrides(request: HttpRequest, id: int, paging: Query[Paging]) -> Page[OverrideShape]:
    """Overrides that are not over yet."""
    rows = Override.objects.filter(schedule=operations.schedule_of(id), removed_at=None, ends_at__gt=clock.now()).select_related("user")
    return page(rows, paging, override_shape)


@router.post("/{int:id}/overrides", response={201: dict})
@needs(Needs.RESPOND)
def create_override(request: HttpRequest, id: int, body: OverrideBody) -> Status[OverrideShape]:
    """One person stands in for a span of time; it counts at once."""
    fields = body.model_dump(exclude={"by"})
    return Status(
        201, override_shape(operations.add_override(operations.schedule_of(id), **fields, by=acting(request, body.by), now=clock.now()))
    )


@router.delete("/{int:id}/overrides/{int:override}", response={204: None})
@needs(Needs.RESPOND)
def remove_override(request: HttpRequest, id: int, override: int) -> Status[None]:
    """Take an override back."""
    row = Override.objects.filter(pk=override, schedule=operations.schedule_of(id), removed_at=None).first()
    if row is None:
        raise missing("override")
    operations.remove_override(row, by=acting(request), now=clock.now())
    return Status(204, None)


@router.post("/{int:id}/feed", response={201: dict})
@needs(Needs.RESPOND)
def issue_feed(request: HttpRequest, id: int) -> Status[FeedShape]:
    """A new address for this schedule's calendar feed; the one before stops working. It is shown once."""
    token = operations.issue_feed(schedule=operations.schedule_of(id), by=acting(request), now=clock.now())
    return Status(201, {"url": f"{settings.TOCSIN_URL}/oncall/{token}.ics"})
