"""Who takes whose shift, who is away, and what a schedule said before: for programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting, own_or_administer
from tocsin.api.paging import Page, Paging, page
from tocsin.api.schedules import OverrideShape, ScheduleBody, ScheduleShape, SpanShape, override_shape, shape
from tocsin.api.shapes import Body, Data, NamedShape, named, one_of
from tocsin.lib.refusal import invalid, missing
from tocsin.oncall import operations, operations_people, preview, queries
from tocsin.oncall.models import ScheduleVersion, ShiftRequest, TimeOff
from tocsin.response import shift_requests

router = Router(tags=["Shifts"])


class ShiftAnswer(Body):
    """What somebody says to a request."""

    user: int | None = Field(None, description="For whom, where an administrator or a token acts; default: yourself.")
    answer: str = Field("", max_length=500)


class Take(Body):
    """Who takes the present shift, until when."""

    user: int | None = None
    until: datetime | None = Field(None, description="Default: until the present shift ends.")


class NewShiftRequest(Body):
    """A swap (with a span that is given back) or cover."""

    schedule: int
    starts_at: datetime
    ends_at: datetime
    asker: int | None = Field(None, description="Whose shift it is; default: yours.")
    of: int | None = Field(None, description="One person; left out, the schedule's people are asked for cover.")
    return_starts_at: datetime | None = None
    return_ends_at: datetime | None = None
    reason: str = Field("", max_length=500)


class Away(Body):
    """Time off."""

    user: int
    starts_at: datetime
    ends_at: datetime
    reason: str = Field("", max_length=200)


def _person(id: int | None, field: str) -> User | None:
    if id is None:
        return None
    found = User.objects.filter(pk=id, is_active=True, removed_at=None).first()
    if found is None:
        raise invalid(**{field: "There is no such active person."})
    return found


class ShiftRequestShape(TypedDict):
    """A request to take a shift."""

    id: int
    schedule: int
    asked_by: NamedShape
    asked_of: Annotated[NamedShape | None, Field(description="Null: the schedule's people.")]
    starts_at: datetime
    ends_at: datetime
    return_starts_at: Annotated[datetime | None, Field(description="Of a swap: the span in return.")]
    return_ends_at: datetime | None
    reason: str
    state: Annotated[str, one_of(ShiftRequest.State.values)]
    answered_by: NamedShape | None
    answer: str
    created_at: datetime
    answered_at: datetime | None


class ShiftTakenShape(ShiftRequestShape):
    """A request that was accepted."""

    overrides: Annotated[list[OverrideShape], Field(description="What was made of it.")]


class TimeOffShape(SpanShape):
    """Somebody is away."""

    id: int
    user: NamedShape
    reason: str


class ShiftDifferenceShape(SpanShape):
    """Where a change would give the pager to somebody else."""

    before: Annotated[NamedShape | None, Field(description="Null: nobody.")]
    after: NamedShape | None


class SchedulePreviewShape(TypedDict):
    """What would come of a change to a schedule."""

    differences: list[ShiftDifferenceShape]
    gaps: list[SpanShape]


class ScheduleVersionShape(TypedDict):
    """What a schedule said before."""

    id: int
    number: int
    at: datetime
    by: Annotated[str, Field(description="Who saved it.")]
    note: str
    content: Annotated[Data, Field(description="The schedule, in the form of its time.")]


def request_shape(row: ShiftRequest) -> ShiftRequestShape:
    """A request to take a shift."""
    return {
        "id": row.pk, "schedule": row.schedule_id, "asked_by": named(row.asked_by),
        "asked_of": named(row.asked_of), "starts_at": row.starts_at, "ends_at": row.ends_at,
        "return_starts_at": row.return_starts_at, "return_ends_at": row.return_ends_at, "reason": row.reason, "state": row.state,
        "answered_by": named(row.answered_by), "answer": row.answer, "created_at": row.created_at,
        "answered_at": row.answered_at,
    }  # fmt: skip


def _request(id: int) -> ShiftRequest:
    row = ShiftRequest.objects.select_related("schedule", "asked_by", "asked_of", "answered_by").filter(pk=id).first()
    if row is None:
        raise missing("request")
    return row


@router.post("/schedules/{int:id}/take", response={201: dict})
@needs(Needs.RESPOND)
def take_shift(request: HttpRequest, id: int, body: Take) -> Status[OverrideShape]:
    """Take the present shift, at once."""
    user = _person(body.user, "user")
    row = shift_requests.take_now(operations.schedule_of(id), user=user, until=body.until, by=acting(request), now=clock.now())
    return Status(201, override_shape(row))


@router.get("/shift-requests")
@needs(Needs.READ)
def list_requests(
    request: HttpRequest, paging: Query[Paging], schedule: int | None = None, state: str | None = None
) -> Page[ShiftRequestShape]:
    """Requests, newest first; `state=asked` are the open ones."""
    rows = ShiftRequest.objects.select_related("asked_by", "asked_of", "answered_by")
    if schedule is not None:
        rows = rows.filter(schedule_id=schedule)
    if state is not None:
        if state not in ShiftRequest.State.values:
            raise invalid(state="It is asked, accepted, declined, withdrawn or expired.")
        rows = rows.filter(state=state)
    return page(rows, paging, request_shape)


@router.post("/shift-requests", response={201: dict})
@needs(Needs.RESPOND)
def ask(request: HttpRequest, body: NewShiftRequest) -> Status[ShiftRequestShape]:
    """Ask for a swap (with a span in return), for one person to stand in, or the team for cover."""
    if (body.return_starts_at is None) != (body.return_ends_at is None):
        raise invalid(return_ends_at="Give both times of the span in return, or neither.")
    back = (body.return_starts_at, body.return_ends_at) if body.return_starts_at and body.return_ends_at else None
    row = shift_requests.ask(
        operations.schedule_of(body.schedule), starts_at=body.starts_at, ends_at=body.ends_at, of=_person(body.of, "of"), back=back,
        reason=body.reason, asker=_person(body.asker, "asker"), by=acting(request), now=clock.now(),
    )  # fmt: skip
    return Status(201, request_shape(row))


@router.post("/shift-requests/{int:id}/accept")
@needs(Needs.RESPOND)
def accept(request: HttpRequest, id: int, body: ShiftAnswer) -> ShiftTakenShape:
    """Take it; the overrides that were made."""
    made = shift_requests.accept(_request(id), user=_person(body.user, "user"), by=acting(request), now=clock.now())
    return {**request_shape(_request(id)), "overrides": [override_shape(row) for row in made]}


@router.post("/shift-requests/{int:id}/decline")
@needs(Needs.RESPOND)
def decline(request: HttpRequest, id: int, body: ShiftAnswer) -> ShiftRequestShape:
    """Say no."""
    return request_shape(shift_requests.decline(_request(id), answer=body.answer, by=acting(request, body.user), now=clock.now()))


@router.post("/shift-requests/{int:id}/withdraw")
@needs(Needs.RESPOND)
def withdraw(request: HttpRequest, id: int) -> ShiftRequestShape:
    """Take the question back."""
    return request_shape(shift_requests.withdraw(_request(id), by=acting(request), now=clock.now()))


@router.get("/time-off")
@needs(Needs.READ)
def list_time_off(request: HttpRequest, paging: Query[Paging], user: int | None = None) -> Page[TimeOffShape]:
    """Who is away now or later."""
    rows = TimeOff.objects.filter(removed_at=None, ends_at__gt=clock.now()).select_related("user")
    return page(rows.filter(user_id=user) if user is not None else rows, paging, _away)


@router.post("/time-off", response={201: dict})
@needs(Needs.SELF)
def add_time_off(request: HttpRequest, body: Away) -> Status[TimeOffShape]:
    """Say that you are away; administrators say it for everybody."""
    actor = own_or_administer(request, body.user)
    person = _person(body.user, "user")
    assert person is not None
    row = operations_people.add_time_off(
        person, starts_at=body.starts_at, ends_at=body.ends_at, reason=body.reason, by=actor, now=clock.now()
    )
    return Status(201, _away(row))


@router.delete("/time-off/{int:id}", response={204: None})
@needs(Needs.SELF)
def remove_time_off(request: HttpRequest, id: int) -> Status[None]:
    """Say that you are there after all."""
    row = TimeOff.objects.filter(pk=id, removed_at=None).first()
    if row is None:
        raise missing("time off")
    operations_people.remove_time_off(row, by=own_or_administer(request, row.user_id), now=clock.now())
    return Status(204, None)


def _away(row: TimeOff) -> TimeOffShape:
    return {
        "id": row.pk, "user": named(row.user), "starts_at": row.starts_at, "ends_at": row.ends_at,
        "reason": row.reason,
    }  # fmt: skip


@router.post("/schedules/{int:id}/preview")
@needs(Needs.READ)
def preview_schedule(request: HttpRequest, id: int, body: ScheduleBody, days: int = 28) -> SchedulePreviewShape:
    """What the next `days` days (at most 92) would be after this change, beside today's; nothing is saved."""
    if not 1 <= days <= 92:
        raise invalid(days="It is 1 to 92.")
    now = clock.now()
    found = preview.compare(operations.schedule_of(id), body.model_dump(), by=acting(request), now=now, until=now + timedelta(days=days))
    names = queries.names({side.user for one in found.differences for side in (one.before, one.after) if side})
    return {
        "differences": [
            {"starts_at": one.starts_at, "ends_at": one.ends_at,
             "before": {"id": one.before.user, "name": names.get(one.before.user, "")} if one.before else None,
             "after": {"id": one.after.user, "name": names.get(one.after.user, "")} if one.after else None}
            for one in found.differences
        ],
        "gaps": [{"starts_at": gap.starts_at, "ends_at": gap.ends_at} for gap in found.gaps],
    }  # fmt: skip


@router.get("/schedules/{int:id}/history")
@needs(Needs.READ)
def history(request: HttpRequest, id: int, paging: Query[Paging]) -> Page[ScheduleVersionShape]:
    """The versions of a schedule, oldest first."""
    return page(ScheduleVersion.objects.filter(schedule=operations.schedule_of(id)), paging, _version)


def _version(row: ScheduleVersion) -> ScheduleVersionShape:
    return {"id": row.pk, "number": row.number, "at": row.at, "by": row.saved_label, "note": row.note, "content": row.content}


@router.post("/schedules/{int:id}/history/{int:number}/restore")
@needs(Needs.ADMINISTER)
def restore(request: HttpRequest, id: int, number: int) -> ScheduleShape:
    """Say again what that version said (undo)."""
    return shape(operations.restore_version(operations.schedule_of(id), number, by=acting(request), now=clock.now()))
