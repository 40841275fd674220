"""Which alerts are noise? What each service, integration, rule or title caused, what came of it, and what to try."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest, HttpResponse

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import queries_noise
from tocsin.domain import noise
from tocsin.web import pages

PERIODS = {"1": "Day", "7": "7 days", "30": "30 days", "90": "90 days"}
LABELS = {"service": "Service", "integration": "Integration", "rule": "Rule", "title": "Title"}
HEIGHT, WIDTH = 120, 600


@needs(Needs.READ)
def report(request: HttpRequest) -> HttpResponse:
    """The report."""
    by, days = request.GET.get("by", "service"), request.GET.get("days", "7")
    by, days = by if by in LABELS else "service", days if days in PERIODS else "7"
    until = pages.now(request) + timedelta(seconds=1)
    since = until - timedelta(days=int(days))
    rows = queries_noise.report(by, since, until)
    counted = queries_noise.by_day(since, until)
    most = max((number for _, number in counted), default=0) or 1
    step = WIDTH / max(len(counted), 1)
    bars = [
        {"x": round(n * step + step * 0.1, 1), "w": round(step * 0.8, 1), "h": round(number / most * HEIGHT, 1), "y": round(HEIGHT - number / most * HEIGHT, 1)}
        for n, (_, number) in enumerate(counted)
    ]  # fmt: skip
    context = {
        "rows": [(row, noise.suggestions(row), row.share(row.acknowledged, row.paged), row.share(row.false_alarms)) for row in rows],
        "by": by, "days": days, "labels": LABELS, "periods": PERIODS, "counted": counted, "bars": bars, "most": most, "until": counted[-1][0] if counted else "", "label": LABELS[by],
    }  # fmt: skip
    return pages.page(request, "alerts/noise.html", context)
