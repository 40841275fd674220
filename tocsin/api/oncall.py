"""Who is on call? Over HTTP: now or at an instant, for one schedule or all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.paging import Page
from tocsin.api.shapes import NamedShape
from tocsin.lib.refusal import invalid
from tocsin.oncall import operations, queries

router = Router(tags=["On call"])


class OnCallShape(TypedDict):
    """Somebody is on call."""

    schedule: NamedShape
    user: NamedShape
    since: datetime
    until: Annotated[datetime | None, Field(description="Null: as far as can be seen.")]
    source: Annotated[str, Field(description="The name of a rotation, or override.")]


@router.get("")
@needs(Needs.READ)
def on_call(request: HttpRequest, schedule: int | None = None, at: datetime | None = None) -> Page[OnCallShape]:
    """One item for each schedule (of the first 200) that has somebody on call: user, since, until, and through what."""
    if at is not None and at.tzinfo is None:
        raise invalid(at="Give a time with its zone, for example 2026-11-23T20:00:00Z.")
    at = at or clock.now()
    chosen = [operations.schedule_of(schedule)] if schedule is not None else list(queries.active()[:200])
    found = [(one, shift) for one in chosen for shift in queries.on_call_now(one, at)]
    people = User.objects.in_bulk({shift.user for _, shift in found})
    items: list[OnCallShape] = [
        {
            "schedule": {"id": one.id, "name": one.name}, "user": {"id": shift.user, "name": people[shift.user].name},
            "since": shift.starts_at, "until": shift.ends_at if shift.ends_at < at + queries.HORIZON else None, "source": shift.source,
        }
        for one, shift in found
    ]  # fmt: skip
    return {"items": items, "next": None}
