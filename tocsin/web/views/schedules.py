"""The pages of schedules: who is on call now, a week and four weeks of one schedule, overrides, calendar feed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain import final_schedule as rules
from tocsin.domain import rotation
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall import operations, queries
from tocsin.oncall.models import Override, Schedule
from tocsin.paging.models import Notification
from tocsin.web import pages, words
from tocsin.web.schedule_grid import Grid, hand_offs, shares

LOOK_AHEAD = timedelta(days=14)


@needs(Needs.READ)
@require_GET
def schedules(request: HttpRequest) -> HttpResponse:
    """Every schedule with who holds the pager now, until when, and the next gap of the coming two weeks."""
    now = pages.now(request)
    people = User.objects.in_bulk()
    lines = []
    for schedule in queries.active():
        current = next(iter(queries.on_call_now(schedule, now)), None)
        lines.append({
            "schedule": schedule,
            "person": people.get(current.user) if current else None,
            "until": current.ends_at if current and current.ends_at < now + queries.HORIZON else None,
            "gap": next(iter(queries.gaps(schedule, now, now + LOOK_AHEAD)), None),
        })  # fmt: skip
    return pages.page(request, "schedules/list.html", {"schedules": lines})


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """One schedule: a week by rotation, four weeks of the final schedule; forms for overrides and the calendar feed."""
    chosen = _found(schedule_id)
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
    context = _week(request, chosen) | {"errors": errors, "feed": feed, "form": _form(request)}
    return pages.page(request, "schedules/schedule.html", context, status=422 if errors else 200)


def _found(schedule_id: int) -> Schedule:
    chosen = Schedule.objects.filter(pk=schedule_id, removed_at=None).select_related("team").first()
    if chosen is None:
        raise missing("schedule")
    return chosen


def _zone(request: HttpRequest, chosen: Schedule, choice: str) -> tuple[str, ZoneInfo, list[tuple[str, str]]]:
    own = getattr(request.user, "time_zone", "UTC")
    names = {"schedule": chosen.time_zone, "mine": own, "utc": "UTC"}
    choice = choice if choice in names else "schedule"
    return choice, words.zone(names[choice]), [("schedule", "Schedule"), ("mine", "Mine"), ("utc", "UTC")]


def _week(request: HttpRequest, chosen: Schedule) -> dict[str, Any]:
    now = pages.now(request)
    choice, zone, zones = _zone(request, chosen, request.GET.get("zone") or request.POST.get("zone", ""))
    people = User.objects.in_bulk()
    grid = Grid(queries.value(chosen, since=now - timedelta(days=100)), people, zone, now, request.user.pk)
    today = now.astimezone(zone).date()
    monday = _monday(request.GET.get("from", ""), today)
    start = now - timedelta(weeks=12)
    days = [monday + timedelta(days=n) for n in range(7)]
    return {
        "schedule": chosen, "rows": grid.week(monday), "weeks": grid.weeks(monday), "days": days, "monday": monday, "today": today,
        "previous": monday - timedelta(days=7), "following": monday + timedelta(days=7), "now_at": grid.days_since(monday, now) / 7,
        "now_words": f"{now.astimezone(zone):%H:%M}", "zone_choice": choice, "zone_name": zone.key, "zones": zones,
        "week_words": f"{days[0].day} {days[0]:%b} to {days[6].day} {days[6]:%b %Y}",
        "gaps": [_gap(gap, zone) for gap in rules.gaps(grid.schedule, now, now + LOOK_AHEAD)[:3]],
        "hand_offs": hand_offs(grid), "shares": shares(grid, start, now, _pages_of(people, start)),
        "overrides": _ahead(chosen, now),
        "everybody": [person for person in sorted(people.values(), key=lambda p: p.name) if person.is_active],
    }  # fmt: skip


def _ahead(chosen: Schedule, now: datetime) -> list[Override]:
    ahead = Override.objects.filter(schedule=chosen, removed_at=None, ends_at__gt=now)
    return list(ahead.select_related("user").order_by("starts_at")[:50])


def _monday(text: str, today: date) -> date:
    try:
        wanted = date.fromisoformat(text) if text else today
    except ValueError:
        wanted = today
    wanted = min(max(wanted, date(2000, 1, 3)), date(2099, 12, 1))
    return wanted - timedelta(days=wanted.weekday())


def _gap(gap: rules.Span, zone: ZoneInfo) -> dict[str, Any]:
    first, last = gap.starts_at.astimezone(zone), gap.ends_at.astimezone(zone)
    told = f"{first:%a} {first.day} {first:%b %H:%M} to {last:%a} {last.day} {last:%b %H:%M}"
    return {"starts_at": gap.starts_at, "ends_at": gap.ends_at, "length": words.duration(gap.ends_at - gap.starts_at), "words": told}


def _pages_of(people: dict[int, User], since: datetime) -> dict[int, int]:
    rows = Notification.objects.filter(kind="page", created_at__gte=since).values_list("user").annotate(count=Count("id"))
    return {user: count for user, count in rows if user in people}


def _form(request: HttpRequest) -> dict[str, Any]:
    user = request.POST.get("user", "")
    return {name: request.POST.get(name, "") for name in ("starts_at", "ends_at", "reason")} | {
        "user": int(user) if user.isdigit() else request.user.pk
    }


def _act(request: HttpRequest, chosen: Schedule) -> str:
    """Carry out the posted form; the address of a new calendar feed, else nothing."""
    action, by, now = request.POST.get("action", ""), pages.actor(request), pages.now(request)
    if action == "feed":
        token = operations.issue_feed(schedule=chosen, by=by, now=now)
        return request.build_absolute_uri(f"/oncall/{token}.ics")
    if not request.user.may_respond:  # type: ignore[union-attr]
        raise Refused("Only responders may change who is on call.", status=403)
    if action == "remove-override":
        override = Override.objects.filter(schedule=chosen, pk=pages.number(request, "override") or 0).first()
        if override is None:
            raise missing("override")
        operations.remove_override(override, by=by, now=now)
    elif action == "take-now":
        current = next(iter(queries.on_call_now(chosen, now)), None)
        ends = current.ends_at if current else now + timedelta(hours=12)
        operations.add_override(chosen, user=request.user.pk, starts_at=now, ends_at=ends, reason="Took the pager", by=by, now=now)  # type: ignore[arg-type]
    elif action in ("override", "override-exact"):
        zone = ZoneInfo("UTC") if action == "override-exact" else _zone(request, chosen, request.POST.get("zone", ""))[1]
        person = pages.number(request, "user")
        times = {name: _time(request, name, zone) for name in ("starts_at", "ends_at")}
        operations.add_override(chosen, user=person or 0, reason=pages.text(request, "reason", 500), by=by, now=now, **times)
    else:
        raise invalid(reason="Choose what to do.")
    return ""


def _time(request: HttpRequest, name: str, zone: ZoneInfo) -> datetime:
    try:
        read = datetime.fromisoformat(request.POST.get(name, "").strip())
    except ValueError:
        raise invalid(**{name: "Give a date and a time."}) from None
    return read.astimezone(UTC) if read.tzinfo else rotation.instant(read, zone)
