"""The page of how being on call is shared: hours, nights, weekends, interruptions of each person, as table, plot and CSV."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from tocsin.accounts.permissions import Needs, needs
from tocsin.lib import csv_rows
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations, queries
from tocsin.oncall.models import Schedule
from tocsin.response import report_on_call
from tocsin.response.report_on_call import COLUMNS, LONGEST, Line, Report, cells
from tocsin.web import pages
from tocsin.web.schedule_forms import read_day

USUAL = timedelta(weeks=12)
PLOTTED = 30  # people in the plot
WORDS = (("hours", "Hours"), ("nights", "Nights"), ("weekend_hours", "Weekend hours"), ("pages", "Pages"))


@needs(Needs.READ)
@require_GET
def on_call_report(request: HttpRequest) -> HttpResponse:
    """The last twelve weeks of every schedule, or the span and the schedule that the address names; `?form=csv` is the table as a file."""
    today = pages.now(request).astimezone(UTC).date()
    last = read_day(request.GET.get("until", ""), today)
    first = read_day(request.GET.get("since", ""), last - USUAL)
    chosen = _schedules(request)
    error, found = "", Report([], 0.0, {})
    try:
        found = report_on_call.report(chosen, _midnight(first), min(_midnight(last + timedelta(days=1)), pages.now(request)))
    except Refused as refused:
        error = pages.sentence(refused)
    if request.GET.get("form") == "csv" and not error:
        return as_csv(found, f"on-call-{first}-to-{last}.csv")
    context = {
        "lines": found.lines, "gap_hours": f"{round(found.gap_hours):,}", "first": first, "last": last, "longest": LONGEST.days, "error": error,
        "even": [(label, found.evenness.get(name)) for name, label in WORDS], "schedules": list(queries.active()),
        "chosen": chosen[0].pk if len(chosen) == 1 and request.GET.get("schedule") else None, "plot": _plot(found.lines),
    }  # fmt: skip
    return pages.page(request, "schedules/report.html", context, status=422 if error else 200)


def _schedules(request: HttpRequest) -> list[Schedule]:
    wanted = request.GET.get("schedule", "")
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 18:
        return [operations.schedule_of(int(wanted))]
    return list(queries.active())


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _plot(lines: list[Line]) -> list[dict[str, Any]]:
    """A bar for each person, in hundredths of the longest: all hours, and the part of them that were nights or weekends."""
    most = max((line.share.hours for line in lines), default=0) or 1
    bars = []
    for line in lines[:PLOTTED]:
        hard = min(line.share.night_hours + line.share.weekend_hours, line.share.hours)
        bars.append({
            "name": line.person, "all": round(100 * line.share.hours / most, 1), "hard": round(100 * hard / most, 1),
            "hours": round(line.share.hours), "hard_hours": round(hard),
        })  # fmt: skip
    return bars


def as_csv(found: Report, name: str) -> HttpResponse:
    """The table as a file."""
    text = "".join(csv_rows.lines(COLUMNS, (cells(line) for line in found.lines)))
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'})
