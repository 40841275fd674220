"""The pages that make and change a schedule: one form for everything it can say, a preview of who would be on call, its history with undo."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts import rules
from tocsin.accounts.models import Team, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.final_schedule import Difference
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall import operations, preview, queries, versions
from tocsin.oncall.models import Schedule, ScheduleVersion
from tocsin.response.remove_schedule import remove_schedule
from tocsin.web import pages, rotation_form, words
from tocsin.web.rotation_form import UNITS, WEEKDAYS
from tocsin.web.schedule_forms import everybody

PREVIEWED = timedelta(days=28)
MOST_DIFFERENCES = 40  # stretches of time that a preview lists
A_PAGE = 20  # versions on one page of a history


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """An empty schedule with one weekly rotation."""
    return _edit(request, None)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The rotations of one schedule."""
    return _edit(request, operations.schedule_of(schedule_id))


def _edit(request: HttpRequest, schedule: Schedule | None) -> HttpResponse:
    errors: dict[str, str] = {}
    now, previewed, status = pages.now(request), None, 200
    seen = pages.number(request, "version") if request.method == "POST" else _newest(schedule)
    if request.method == "POST":
        form = rotation_form.posted(request.POST)
        try:
            if (action := request.POST.get("action", "")) in ("save", "preview"):
                rotation_form.take_chosen(form, request.POST)
            match action:
                case "save":
                    return pages.go(reverse("schedule", args=[_save(request, schedule, form, seen).pk]))
                case "preview":
                    previewed = _compared(request, schedule, rotation_form.facts(form))
                case "remove" if schedule:
                    remove_schedule(schedule, by=pages.actor(request), now=now)
                    return pages.go(reverse("schedules"))
                case _:
                    rotation_form.step(form, request.POST, now)
        except Refused as refused:
            errors, status = refused.errors or {"name": refused.detail}, refused.status
            seen = _newest(schedule) if refused.code == "conflict" else seen
    else:
        form = rotation_form.stored(schedule) if schedule else rotation_form.empty(getattr(request.user, "time_zone", "UTC"), now)
    context = {**_context(schedule, form, errors, previewed), "seen": seen}
    return pages.page(request, "schedules/edit.html", context, status=status)


def _newest(schedule: Schedule | None) -> int | None:
    """The version that is shown, so that a save knows whether somebody else saved meanwhile; 0 where none was kept yet."""
    return schedule.versions.order_by("-number").values_list("number", flat=True).first() or 0 if schedule else None


def _context(
    schedule: Schedule | None, form: rotation_form.Form, errors: dict[str, str], previewed: dict[str, Any] | None
) -> dict[str, Any]:
    people = User.objects.in_bulk({pk for turn in form["rotations"] for pk in turn["participants"]})
    for n, turn in enumerate(form["rotations"]):
        turn["people"] = [people[pk] for pk in turn["participants"] if pk in people]
        turn["errors"] = {
            field.removeprefix(f"rotations.{n}."): said for field, said in errors.items() if field.startswith(f"rotations.{n}.")
        }
    return {
        "schedule": schedule, "form": form, "errors": errors, "teams": Team.objects.filter(removed_at=None).order_by("name"),
        "everybody": everybody(), "units": UNITS, "weekdays": WEEKDAYS, "zones": sorted(rules.zones()), "previewed": previewed,
        "calendars": list(schedule.calendars.filter(removed_at=None).order_by("id")) if schedule else [],
    }  # fmt: skip


def _save(request: HttpRequest, schedule: Schedule | None, form: rotation_form.Form, seen: int | None) -> Schedule:
    facts, by, now = rotation_form.facts(form), pages.actor(request), pages.now(request)
    if schedule is None:
        return operations.create_schedule(**facts, by=by, now=now)
    return operations.change_schedule(schedule, by=by, now=now, seen=seen, **facts)


def _compared(request: HttpRequest, schedule: Schedule | None, facts: dict[str, Any]) -> dict[str, Any]:
    """Who would be on call instead of whom within four weeks, and the gaps there would be; times in the schedule's zone."""
    now = pages.now(request)
    found = preview.compare(schedule, facts, by=pages.actor(request), now=now, until=now + PREVIEWED)
    names = queries.names({side.user for one in found.differences for side in (one.before, one.after) if side})
    zone = facts["time_zone"]
    return {
        "lines": [_difference(one, names, zone) for one in found.differences[:MOST_DIFFERENCES]], "zone": zone, "made": schedule is None,
        "more": max(len(found.differences) - MOST_DIFFERENCES, 0),
        "gaps": [(_span(gap.starts_at, gap.ends_at, zone), words.duration(gap.ends_at - gap.starts_at)) for gap in found.gaps[:MOST_DIFFERENCES]],
    }  # fmt: skip


def _difference(one: Difference, names: dict[int, str], zone: str) -> dict[str, str]:
    before, after = (names.get(side.user, "somebody removed") if side else "nobody" for side in (one.before, one.after))
    return {"when": _span(one.starts_at, one.ends_at, zone), "before": before, "after": after, "gap": "yes" if one.after is None else ""}


def _span(begin: datetime, end: datetime, zone: str) -> str:
    first, last = begin.astimezone(words.zone(zone)), end.astimezone(words.zone(zone))
    return f"{first:%a} {first.day} {first:%b %H:%M} to {last:%a} {last.day} {last:%b %H:%M}"


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def history(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """What a schedule said before, what each change changed, and the way back."""
    schedule = operations.schedule_of(schedule_id)
    here = reverse("schedule_history", args=[schedule.pk])
    if request.method == "POST":
        if not pages.actor(request).is_administrator:
            raise Refused("Only administrators change schedules.", status=403)
        number = pages.number(request, "version") or 0
        said = f"The schedule says again what version {number} said."
        return pages.act(
            request, lambda: operations.restore_version(schedule, number, by=pages.actor(request), now=pages.now(request)), here, said
        )
    rows = Paginator(ScheduleVersion.objects.filter(schedule=schedule).order_by("-number"), A_PAGE).get_page(request.GET.get("page"))
    shown = list(rows)
    before = ScheduleVersion.objects.filter(schedule=schedule, number=shown[-1].number - 1).first() if shown else None
    people = {pk for row in [*shown, *([before] if before else [])] for turn in row.content["rotations"] for pk in turn["participants"]}
    names = queries.names(people)
    lines = [
        {"row": row, "changes": versions.changes(older.content, row.content, names) if older else ["made"]}
        for row, older in zip(shown, [*shown[1:], before], strict=True)
    ]
    context = {
        "schedule": schedule,
        "lines": lines,
        "page": rows,
        "newest": schedule.versions.order_by("-number").first(),
        **_looked_at(request, schedule),
    }
    return pages.page(request, "schedules/history.html", context)


def _looked_at(request: HttpRequest, schedule: Schedule) -> dict[str, Any]:
    """The version that the reader asks about, and what restoring it would change from now on."""
    number = request.GET.get("version", "")
    if not number.isascii() or not number.isdigit() or len(number) > 6:
        return {}
    version = ScheduleVersion.objects.filter(schedule=schedule, number=int(number)).first()
    if version is None:
        raise missing("version")
    try:
        return {"looked_at": version, "previewed": _compared(request, schedule, version.content)}
    except Refused as refused:
        return {"looked_at": version, "refused": pages.sentence(refused)}
