"""The page of one shift, or gap, of a schedule: who has it, and the forms to take it, give it away, swap it or have it covered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain import final_schedule
from tocsin.domain.rotation import Shift, Span
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall import operations, queries
from tocsin.oncall.models import Schedule, ShiftRequest
from tocsin.response import shift_requests
from tocsin.web import pages, words
from tocsin.web.schedule_forms import ZONES, asker_of, everybody, read_time, shown_time, zone_of

MOST_OFFERED = 40  # shifts in return that a swap offers


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def shift(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """What the final schedule says at `at`, and what can be done about it."""
    chosen = operations.schedule_of(schedule_id)
    zone = zone_of(request, chosen)[1]
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            said = _act(request, chosen, zone)
            return pages.act(request, lambda: None, reverse("schedule", args=[chosen.pk]), said)
        except Refused as refused:
            if refused.status in (403, 404):
                raise
            errors = refused.errors or {"": refused.detail}
    return pages.page(request, "schedules/shift.html", _shown(request, chosen, errors), status=422 if errors else 200)


def _at(request: HttpRequest) -> datetime:
    try:
        at = datetime.fromisoformat(request.GET.get("at", ""))
    except ValueError:
        at = pages.now(request)
    return at if at.tzinfo and 2000 <= at.year <= 2099 else pages.now(request)


def _shown(request: HttpRequest, chosen: Schedule, errors: dict[str, str]) -> dict[str, Any]:
    now, at = pages.now(request), _at(request)
    choice, zone = zone_of(request, chosen)
    edges = (at - queries.HORIZON, at + queries.HORIZON)
    found = final_schedule.spans(queries.value(chosen, since=edges[0], until=edges[1]), *edges)
    span = next(one for one in found if one.starts_at <= at < one.ends_at)
    people = User.objects.in_bulk({pk for one in found if isinstance(one, Shift) for pk in (one.user, one.instead_of) if pk})
    holder = people.get(span.user) if isinstance(span, Shift) else None
    begin, end = max(span.starts_at, now), span.ends_at
    form = {name: request.POST.get(name, "") for name in ("starts_at", "ends_at", "reason", "back")}
    if request.method != "POST":
        form |= {"starts_at": shown_time(begin, zone), "ends_at": shown_time(end, zone)}
    mine = holder is not None and holder.pk == request.user.pk
    return {
        "schedule": chosen, "span": span, "holder": holder, "mine": mine, "over": end <= now, "running": span.starts_at <= now < end,
        "begins": span.starts_at > edges[0], "ends": span.ends_at < edges[1],
        "gap": isinstance(span, Span), "source": getattr(span, "source", ""), "errors": errors, "form": form, "everybody": everybody(),
        "instead_of": people.get(getattr(span, "instead_of", None) or 0), "length": words.duration(end - span.starts_at),
        "may_ask": isinstance(span, Span) or mine or bool(getattr(request.user, "is_administrator", False)), "zone_name": zone.key,
        "zone_choice": choice, "zones": ZONES, "offers": _offers(found, people, holder, zone, now), "at": at.isoformat(),
    }  # fmt: skip


def _offers(
    found: list[Shift | Span], people: dict[int, User], holder: User | None, zone: ZoneInfo, now: datetime
) -> list[tuple[str, str]]:
    """Shifts of the others that could be given in return: what the form sends, and what it shows."""
    offers = []
    for one in found:
        if isinstance(one, Shift) and holder and one.user != holder.pk and one.ends_at > now and one.user in people:
            begin, end = max(one.starts_at, now).astimezone(zone), one.ends_at.astimezone(zone)
            told = f"{people[one.user].name}: {begin:%a} {begin.day} {begin:%b %H:%M} to {end:%a} {end.day} {end:%b %H:%M}"
            offers.append((f"{one.user}|{begin.isoformat()}|{end.isoformat()}", told))
    return offers[:MOST_OFFERED]


def _act(request: HttpRequest, chosen: Schedule, zone: ZoneInfo) -> str:
    """Carry out the posted form; what is to be said about it."""
    if not request.user.may_respond:  # type: ignore[union-attr]
        raise Refused("Only responders may change who is on call.", status=403)
    action, by, now = request.POST.get("action", ""), pages.actor(request), pages.now(request)
    if action == "take-now":
        row = shift_requests.take_now(chosen, by=by, now=now)
        return f"You are on call until {row.ends_at.astimezone(zone):%a %H:%M}."
    begin, end = read_time(request, "starts_at", zone), read_time(request, "ends_at", zone)
    reason = pages.text(request, "reason", 500)
    if action == "override":
        user = pages.number(request, "user") or 0
        row = operations.add_override(chosen, user=user, starts_at=begin, ends_at=end, reason=reason, by=by, now=now)
        return f"{row.user.name} stands in."
    if action not in ("cover", "swap"):
        raise invalid(action="Choose what to do.")
    asker = asker_of(request, "asker")
    of, back = _in_return(request) if action == "swap" else (None, None)
    shift_requests.ask(chosen, starts_at=begin, ends_at=end, of=of, back=back, reason=reason, asker=asker, by=by, now=now)
    return f"{of.name} is asked." if of else "The schedule's people are asked. Who says yes first takes it."


def _in_return(request: HttpRequest) -> tuple[User, tuple[datetime, datetime]]:
    person, _, rest = request.POST.get("back", "").partition("|")
    try:
        begin, end = (datetime.fromisoformat(part) for part in rest.split("|"))
        user = User.objects.filter(pk=int(person), is_active=True, removed_at=None).first()
    except ValueError:
        user = None
    if user is None:
        raise invalid(back="Choose the shift that you take in return.")
    return user, (max(begin, pages.now(request) + timedelta(seconds=1)), end)


@needs(Needs.RESPOND)
@require_POST
def answer(request: HttpRequest, schedule_id: int, request_id: int) -> HttpResponse:
    """Accept, decline or take back a request."""
    rows = ShiftRequest.objects.select_related("schedule", "asked_by", "asked_of", "answered_by")
    row = rows.filter(pk=request_id, schedule=operations.schedule_of(schedule_id)).first()
    if row is None:
        raise missing("request")
    by, now = pages.actor(request), pages.now(request)
    said, verb = {
        "accept": ("It is yours.", lambda: shift_requests.accept(row, by=by, now=now)),
        "decline": (f"{row.asked_by.name} hears that you cannot.", lambda: shift_requests.decline(row, by=by, now=now)),
        "withdraw": ("The request was taken back.", lambda: shift_requests.withdraw(row, by=by, now=now)),
    }.get(request.POST.get("action", ""), ("", None))
    if verb is None:
        raise missing("action")
    return pages.act(request, verb, pages.back(request, reverse("schedule", args=[schedule_id])), said)
