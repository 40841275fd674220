"""Reports over HTTP: which alerts are noise, and alerts as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Literal, cast

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Field, Query, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing, queries_noise
from tocsin.alerts.models import Alert
from tocsin.api.alert_filters import AlertFilters
from tocsin.api.alerts import shape
from tocsin.api.answers import Media
from tocsin.domain.alert_filters import AlertFilter
from tocsin.domain.noise import Noise, suggestions
from tocsin.lib import csv_rows
from tocsin.lib.refusal import invalid

router = Router(tags=["Reports"])
Csv = Annotated[HttpResponseBase, Media("text/csv")]
JsonLines = Annotated[HttpResponseBase, Media("application/jsonl")]
LONGEST_PERIOD = 90  # days
MOST_EXPORTED = 100_000
PIECE = 500
COLUMNS = (
    "id", "status", "severity", "title", "service", "integration", "dedup_key", "event_count", "started_at", "first_seen", "last_seen", "resolved_at",
    "suppressed_by", "verdict", "link", "labels",
)  # fmt: skip


class NoiseShape(TypedDict):
    """What came of the alerts of one service, integration, rule or title."""

    key: str
    name: str
    alerts: int
    paged: Annotated[int, Field(description="Alerts for which somebody was paged.")]
    pages: int
    at_night: int
    acknowledged: int
    false_alarms: int
    useful: int
    noise: int
    passing: Annotated[int, Field(description="Over by themselves within five minutes.")]
    suggestions: Annotated[list[str], Field(description="What to try, the strongest reason first.")]


class NoiseReportShape(TypedDict):
    """What the alerts of each caused in the last days."""

    items: list[NoiseShape]
    by: str
    days: int


@router.get("/reports/noise")
@needs(Needs.READ)
def noise(request: HttpRequest, by: Literal["service", "integration", "rule", "title"] = "service", days: int = 7) -> NoiseReportShape:
    """What the alerts of each caused in the last days, what came of them, and what to try."""
    items = [cast(NoiseShape, {**asdict(row), "suggestions": suggestions(row)}) for row in _noise(by, days)]
    return {"items": items, "by": by, "days": days}


@router.get("/reports/noise.csv")
@needs(Needs.READ)
def noise_csv(request: HttpRequest, by: Literal["service", "integration", "rule", "title"] = "service", days: int = 7) -> Csv:
    """The same as CSV."""
    rows = _noise(by, days)
    head = list(Noise.__dataclass_fields__)
    text = "".join(csv_rows.lines([*head, "suggestions"], ([*asdict(row).values(), " ".join(suggestions(row))] for row in rows)))
    return HttpResponse(
        text, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="noise-by-{by}.csv"'}
    )


def _noise(by: str, days: int) -> list[Noise]:
    if not 1 <= days <= LONGEST_PERIOD:
        raise invalid(days=f"From 1 to {LONGEST_PERIOD} days.")
    now = clock.now()
    return queries_noise.report(by, now - timedelta(days=days), now)


@router.get("/alerts.csv")
@needs(Needs.READ)
def alerts_csv(request: HttpRequest, wanted: Query[AlertFilters]) -> Csv:
    """The alerts that match, the newest first, as CSV; at most 100,000."""
    rows = ([_cell(dict(shape(row))[name]) for name in COLUMNS] for row in _all(wanted.read()))
    return as_file(csv_rows.lines(COLUMNS, rows), "text/csv; charset=utf-8", "alerts.csv")


@router.get("/alerts.jsonl")
@needs(Needs.READ)
def alerts_jsonl(request: HttpRequest, wanted: Query[AlertFilters]) -> JsonLines:
    """The alerts that match, the newest first, one JSON object a line; at most 100,000."""
    return as_file((json.dumps(shape(row)) + "\n" for row in _all(wanted.read())), "application/jsonl", "alerts.jsonl")


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return value["name"] if "name" in value and "id" in value else json.dumps(value, ensure_ascii=False)
    return value


def _all(wanted: AlertFilter) -> Iterator[Alert]:
    """Piece by piece, so that no export holds more than PIECE alerts in memory."""
    now, cursor, left = clock.now(), None, MOST_EXPORTED
    wanted = AlertFilter(**{name: getattr(wanted, name) for name in AlertFilter.__dataclass_fields__ if name != "sort"})
    while left > 0:
        found = listing.page(wanted, now, cursor=cursor, limit=min(PIECE, left))
        yield from found.rows
        left -= len(found.rows)
        if not (cursor := found.next):
            return


def as_file(lines: Iterator[str], kind: str, name: str) -> StreamingHttpResponse:
    """Lines as a file that browsers save, sent while they are made."""
    return StreamingHttpResponse(lines, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
