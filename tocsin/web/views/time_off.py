"""The page of who is away: time off by one's own word, public holidays where people live, and what becomes of the shifts in it."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.rotation import Absence, instant
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall import absences, operations_people, queries
from tocsin.oncall.models import TimeOff
from tocsin.web import pages, words
from tocsin.web.schedule_forms import everybody

SHOWN = 100  # rows of time off, and holidays
HOLIDAYS_AHEAD = timedelta(days=92)


@needs(Needs.SELF)
@require_http_methods(["GET", "HEAD", "POST"])
def time_off(request: HttpRequest) -> HttpResponse:
    """Who is away now or later, with the shifts in it; a form to say that you are (administrators: that anybody is)."""
    errors: dict[str, str] = {}
    here = reverse("time_off")
    if request.method == "POST":
        try:
            return pages.act(request, lambda: None, here, _act(request))
        except Refused as refused:
            if refused.status in (403, 404):
                raise
            errors = refused.errors or {"": refused.detail}
    return pages.page(request, "schedules/time_off.html", _shown(request, errors), status=422 if errors else 200)


def _shown(request: HttpRequest, errors: dict[str, str]) -> dict[str, Any]:
    now, me = pages.now(request), request.user.pk or 0
    crew = set(User.objects.filter(rotations__schedule__removed_at=None, is_active=True, removed_at=None).values_list("pk", flat=True))
    rows = list(TimeOff.objects.filter(removed_at=None, ends_at__gt=now).select_related("user").order_by("starts_at", "id")[:SHOWN])
    free = absences.of(crew | {me}, now, now + HOLIDAYS_AHEAD, time_off=False)
    free = sorted(free, key=lambda one: one.starts_at)
    spans = [Absence(row.user_id, row.starts_at, row.ends_at) for row in rows]
    touched = queries.touched([*spans, *free], now)
    names = queries.names({one.user for one in free} | {shift.user for found in touched.values() for _, shift in found})
    form = {name: request.POST.get(name, "") for name in ("starts_at", "ends_at", "reason", "user")}
    return {
        "rows": [{"row": row, "shifts": _lines(touched[span], span, names)} for row, span in zip(rows, spans, strict=True)],
        "holidays": [
            {"person": names.get(one.user, ""), "absence": one, "shifts": _lines(touched[one], one, names)}
            for one in free if one.user == me or touched[one]
        ][:SHOWN],
        "errors": errors, "form": form, "everybody": everybody(), "me": me, "zone_name": _zone(request),
        "person": request.user,
    }  # fmt: skip


def _lines(found: list[tuple[Any, Any]], absence: Absence, names: dict[int, str]) -> list[dict[str, Any]]:
    return [
        {"schedule": schedule, "shift": shift, "instead": names.get(shift.user, "") if shift.user != absence.user else ""}
        for schedule, shift in found
    ]


def _zone(request: HttpRequest) -> str:
    return getattr(request.user, "time_zone", "") or "UTC"


def _act(request: HttpRequest) -> str:
    by, now = pages.actor(request), pages.now(request)
    if request.POST.get("action") == "remove":
        row = TimeOff.objects.filter(pk=pages.number(request, "row") or 0, removed_at=None).select_related("user").first()
        if row is None:
            raise missing("time off")
        _own(request, row.user_id)
        operations_people.remove_time_off(row, by=by, now=now)
        return f"{row.user.name} is there after all."
    person = User.objects.filter(pk=pages.number(request, "user") or request.user.pk or 0, is_active=True, removed_at=None).first()
    if person is None:
        raise missing("person")
    _own(request, person.pk)
    begin, end = _edge(request, "starts_at", False), _edge(request, "ends_at", True)
    operations_people.add_time_off(person, starts_at=begin, ends_at=end, reason=pages.text(request, "reason", 200), by=by, now=now)
    return f"{person.name} is away. Look below at what becomes of the shifts in it."


def _own(request: HttpRequest, person: int) -> None:
    if person != request.user.pk and not pages.actor(request).is_administrator:
        raise Refused("You can say it only of yourself; administrators say it of everybody.", status=403)


def _edge(request: HttpRequest, name: str, end: bool) -> datetime:
    """A day (the last one counts whole) or a day with a time, in the reader's zone."""
    sent = request.POST.get(name, "").strip()
    zone = words.zone(_zone(request))
    try:
        read = datetime.fromisoformat(sent)
    except ValueError:
        raise Refused("Give a day.", errors={name: "Give a day, or a day with a time."}) from None
    if len(sent) == 10:
        read = datetime.combine(read.date() + timedelta(days=1 if end else 0), time())
    return read.astimezone(UTC) if read.tzinfo else instant(read, zone)
