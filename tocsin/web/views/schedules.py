"""The pages of schedules: who is on call now, one schedule as week, fortnight or month, overrides, calendar feed."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain import ahead as rules
from tocsin.domain import notices
from tocsin.domain.rotation import Absence, instant
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall import absences, operations, queries
from tocsin.oncall.models import Override, Schedule, ShiftRequest
from tocsin.response import ahead, report_on_call, shift_requests
from tocsin.web import named, pages, words
from tocsin.web.schedule_forms import ZONES, asker_of, everybody, read_day, read_time, zone_of
from tocsin.web.schedule_grid import Grid, Period, handoffs, monday_of, period

MOST_TROUBLES = 8  # on the page of one schedule
AROUND = timedelta(days=100)  # of what is shown, overrides, holidays and outside calendars are read
SHARED_WEEKS = timedelta(weeks=12)


@needs(Needs.SELF)
@require_http_methods(["GET", "HEAD", "POST"])
def schedules(request: HttpRequest) -> HttpResponse:
    """Every schedule with who holds the pager now, until when, and the next gap of the coming two weeks; the reader's own shifts, what is
    asked of them, and the feed of their shifts."""
    now = pages.now(request)
    feed = ""
    if request.method == "POST":
        feed = _feed(request, user=pages.actor(request).user)
        if not feed:
            return pages.go(reverse("schedules"))
    people = User.objects.in_bulk()
    everyone, lines, mine = list(queries.active()), list[dict[str, Any]](), list[dict[str, Any]]()
    found = named.listed(request, queries.active(), "name", "team__name")
    for schedule in everyone:
        coming = notices.holdings(queries.shifts(schedule, now, now + queries.HORIZON))
        mine += [
            {"schedule": schedule, "shift": shift, "running": shift.starts_at <= now, "ends": shift.ends_at < now + queries.HORIZON}
            for shift in coming
            if shift.user == request.user.pk
        ]
    for schedule in found:
        current = next(iter(queries.on_call_now(schedule, now)), None)
        gap = next(iter(queries.gaps(schedule, now, now + ahead.LOOK_AHEAD)), None)
        lines.append({
            "schedule": schedule, "person": people.get(current.user) if current else None, "gap": gap,
            "until": current.ends_at if current and current.ends_at < now + queries.HORIZON else None,
        })  # fmt: skip
    mine.sort(key=lambda line: line["shift"].starts_at)
    asked = _asked(request.user.pk or 0, {schedule.pk for schedule in everyone})
    context = {"schedules": lines, "found": found, "mine": mine[:6], "requests": asked, "feed": feed}
    return pages.page(request, "schedules/list.html", context)


def _feed(request: HttpRequest, **whose: Any) -> str:
    """Carry out a form about a calendar feed: the new address, shown once; nothing where it was stopped."""
    by, now = pages.actor(request), pages.now(request)
    if request.POST.get("action") == "stop-feed":
        operations.revoke_feed(**whose, by=by, now=now)
        return ""
    return request.build_absolute_uri(f"/oncall/{operations.issue_feed(**whose, by=by, now=now)}.ics")


def _asked(me: int, known: set[int]) -> list[ShiftRequest]:
    """Open requests that the reader made, was asked, or may answer as one of the schedule's people."""
    rows = ShiftRequest.objects.filter(state=ShiftRequest.State.ASKED, schedule_id__in=known)
    team = Q(asked_of=None, schedule__rotations__participants=me)
    rows = rows.filter(Q(asked_of=me) | Q(asked_by=me) | team).distinct()
    return list(rows.select_related("schedule", "asked_by", "asked_of").order_by("starts_at")[:20])


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """One schedule: a week, fortnight or month of it, what is wrong ahead, what is asked; forms for overrides and the calendar feed."""
    chosen = operations.schedule_of(schedule_id)
    errors: dict[str, str] = {}
    feed = ""
    if request.method == "POST":
        try:
            feed = _act(request, chosen)
        except Refused as refused:
            if refused.status in (403, 404):
                raise
            errors = refused.errors or {"reason": refused.detail}
        if not errors and not feed:
            return pages.go(reverse("schedule", args=[chosen.pk]))
    context = _shown(request, chosen) | {"errors": errors, "feed": feed, "form": _form(request)}
    return pages.page(request, "schedules/schedule.html", context, status=422 if errors else 200)


def _shown(request: HttpRequest, chosen: Schedule) -> dict[str, Any]:
    now = pages.now(request)
    choice, zone = zone_of(request, chosen)
    people = User.objects.in_bulk()
    today = now.astimezone(zone).date()
    shown = period(request.GET.get("view", ""), read_day(request.GET.get("from", ""), today), today)
    at = instant(datetime.combine(shown.first, time()), zone)
    value = queries.value(chosen, since=min(now, at) - AROUND, until=max(now, at) + AROUND)
    grid = Grid(value, people, zone, now, request.user.pk, chosen.created_at)
    # Years away from what is shown holidays are not read: what comes next is asked for around now.
    around_now = grid
    if abs(at - now) > AROUND:
        near = queries.value(chosen, since=now - AROUND, until=now + AROUND)
        around_now = Grid(near, people, zone, now, request.user.pk, chosen.created_at)
    monday = monday_of(shown.first)
    return {
        "schedule": chosen, "shown": shown, "views": [("week", "Week"), ("fortnight", "Fortnight"), ("month", "Month")], "today": today,
        "rows": grid.rows(shown.first, shown.days, _away(grid, shown)) if shown.view != "month" else [],
        "weeks": grid.weeks(monday, 6, shown.first.month) if shown.view == "month" else grid.weeks(monday),
        "days": [shown.first + timedelta(days=n) for n in range(shown.days)], "weekdays": [monday + timedelta(days=n) for n in range(7)],
        "now_at": grid.days_since(shown.first, now) / shown.days, "now_words": f"{now.astimezone(zone):%H:%M}",
        "zone_choice": choice, "zone_name": zone.key, "zones": ZONES, "troubles": _troubles(request, chosen, grid),
        "handoffs": handoffs(around_now), "shares": report_on_call.report([chosen], now - SHARED_WEEKS, now).lines,
        "overrides": _ahead(chosen, now), "everybody": everybody(), "requests": _requests(chosen),
        "holder": next(iter(queries.on_call_now(chosen, now)), None),
        "ill_calendars": list(chosen.calendars.filter(removed_at=None).exclude(error="")),
    }  # fmt: skip


def _away(grid: Grid, shown: Period) -> list[Absence]:
    """Who of the schedule's people is away in what is shown."""
    crew = {user for turn in grid.schedule.rotations for user in turn.participants}
    return absences.of(crew, grid.midnight(shown.first), grid.midnight(shown.first + timedelta(days=shown.days)))


def _troubles(request: HttpRequest, chosen: Schedule, grid: Grid) -> list[dict[str, Any]]:
    """What is wrong in the coming two weeks: the same of the same person once, with how often."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    me = request.user.pk
    for one in ahead.of(chosen, grid.now):
        key = (one.kind, one.user, one.why)
        if key in found:
            found[key]["more"] += 1
            continue
        mine = one.kind == rules.Kind.GAP or one.user == me or bool(getattr(request.user, "is_administrator", False))
        found[key] = {
            "kind": one.kind, "said": rules.words(one, grid.name(one.user) if one.user else ""), "more": 0, "person": one.user,
            "length": words.duration(one.ends_at - one.starts_at), "words": grid.span(one.starts_at, one.ends_at),
            "starts_at": one.starts_at.isoformat(), "ends_at": one.ends_at.isoformat(), "may_take": one.user != me, "may_ask": mine,
        }  # fmt: skip
    worst = sorted(found.values(), key=lambda one: one["kind"] not in (rules.Kind.GAP, rules.Kind.UNREACHABLE))
    if left := worst[MOST_TROUBLES:]:
        worst[MOST_TROUBLES - 1]["unsaid"] = len(left)
    return worst[:MOST_TROUBLES]


def _requests(chosen: Schedule) -> list[ShiftRequest]:
    rows = ShiftRequest.objects.filter(schedule=chosen, state=ShiftRequest.State.ASKED).select_related("asked_by", "asked_of")
    return list(rows.order_by("starts_at")[:20])


def _ahead(chosen: Schedule, now: datetime) -> list[Override]:
    ahead = Override.objects.filter(schedule=chosen, removed_at=None, ends_at__gt=now)
    return list(ahead.select_related("user").order_by("starts_at")[:50])


def _form(request: HttpRequest) -> dict[str, Any]:
    user = request.POST.get("user", "")
    return {name: request.POST.get(name, "") for name in ("starts_at", "ends_at", "reason")} | {
        "user": int(user) if user.isdecimal() else request.user.pk
    }


def _act(request: HttpRequest, chosen: Schedule) -> str:
    """Carry out the posted form; the address of a new calendar feed, else nothing."""
    action, by, now = request.POST.get("action", ""), pages.actor(request), pages.now(request)
    if action in ("feed", "stop-feed"):
        return _feed(request, schedule=chosen)
    if not request.user.may_respond:  # type: ignore[union-attr]
        raise Refused("Only responders may change who is on call.", status=403)
    if action == "remove-override":
        override = Override.objects.filter(schedule=chosen, pk=pages.number(request, "override") or 0, removed_at=None).first()
        if override is None:
            raise missing("override")
        operations.remove_override(override, by=by, now=now)
        return ""
    if action == "take-now":
        shift_requests.take_now(chosen, by=by, now=now)
        return ""
    if action not in ("override", "override-exact", "cover"):
        raise invalid(reason="Choose what to do.")
    zone = ZoneInfo("UTC") if action == "override-exact" else zone_of(request, chosen)[1]
    begin, end = read_time(request, "starts_at", zone), read_time(request, "ends_at", zone)
    reason = pages.text(request, "reason", 500)
    if action == "cover":
        shift_requests.ask(chosen, starts_at=begin, ends_at=end, reason=reason, asker=asker_of(request, "user"), by=by, now=now)
    else:
        operations.add_override(
            chosen, user=pages.number(request, "user") or 0, starts_at=begin, ends_at=end, reason=reason, by=by, now=now
        )
    return ""
