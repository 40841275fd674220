"""How being on call is shared, over HTTP: as JSON and as CSV."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Field, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.reports import Csv, as_file
from tocsin.lib import csv_rows
from tocsin.lib.refusal import invalid
from tocsin.oncall import operations, queries
from tocsin.response import report_on_call
from tocsin.response.report_on_call import COLUMNS, Report, cells

router = Router(tags=["Reports"])
USUAL = timedelta(weeks=12)


class OnCallShareShape(TypedDict):
    """One person's part of being on call; hours that overlap between schedules count once."""

    user: int
    person: str
    hours: float
    night_hours: Annotated[float, Field(description="From 22:00 to 07:00.")]
    weekend_hours: float
    holiday_hours: float
    nights: Annotated[int, Field(description="Shifts that cover 02:00 to 05:00.")]
    shifts: int
    pages: int
    night_pages: int
    interrupted_nights: int
    taken: Annotated[float, Field(description="Hours that they took over from others.")]


class OnCallReportShape(TypedDict):
    """How being on call was shared."""

    items: list[OnCallShareShape]
    gap_hours: Annotated[float, Field(description="In which nobody was on call.")]
    evenness: Annotated[dict[str, int | None], Field(description="How even each burden was, 0 to 100.")]
    next: None


def _report(schedule: int | None, since: datetime | None, until: datetime | None) -> Report:
    end = until or clock.now()
    start = since or end - USUAL
    for name, at in (("since", start), ("until", end)):
        if at.tzinfo is None:
            raise invalid(**{name: "Give a time with its zone, for example 2026-11-23T20:00:00Z."})
    chosen = [operations.schedule_of(schedule)] if schedule is not None else list(queries.active())
    return report_on_call.report(chosen, start, end)


@router.get("/reports/on-call")
@needs(Needs.READ)
def on_call(
    request: HttpRequest, schedule: int | None = None, since: datetime | None = None, until: datetime | None = None
) -> OnCallReportShape:
    """Hours, nights, weekends, holidays and interruptions of each person between two instants (default: the last twelve weeks, at most 400
    days), the hours in which nobody was on call, and how even the load was, 0 to 100."""
    found = _report(schedule, since, until)
    items = [cast(OnCallShareShape, {"person": line.person, **asdict(line.share)}) for line in found.lines]
    return {"items": items, "gap_hours": found.gap_hours, "evenness": found.evenness, "next": None}


@router.get("/reports/on-call.csv")
@needs(Needs.READ)
def on_call_csv(request: HttpRequest, schedule: int | None = None, since: datetime | None = None, until: datetime | None = None) -> Csv:
    """The same as CSV, a line for each person."""
    rows = (cells(line) for line in _report(schedule, since, until).lines)
    return as_file(csv_rows.lines(COLUMNS, rows), "text/csv; charset=utf-8", "on-call.csv")
