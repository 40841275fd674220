"""The page that makes and changes a schedule's rotations: one form that works without scripts, each button a small step."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.models import Team, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall import operations
from tocsin.oncall.models import Schedule
from tocsin.paging.models import EscalationPolicy
from tocsin.web import pages

WHENS = (
    ("", "Always"),
    ("weekdays", "Monday to Friday, 09:00 to 17:00"),
    ("nights", "Every day, 17:00 to 09:00"),
    ("weekends", "Saturday and Sunday"),
)
RESTRICTIONS: dict[str, list[dict[str, Any]]] = {
    "": [],
    "weekdays": [{"weekdays": [0, 1, 2, 3, 4], "from": "09:00", "until": "17:00"}],
    "nights": [{"weekdays": [0, 1, 2, 3, 4, 5, 6], "from": "17:00", "until": "09:00"}],
    "weekends": [{"weekdays": [5, 6], "from": "00:00", "until": "00:00"}],
}
KEPT = "kept"  # restrictions that this form has no words for stay as they are


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """An empty schedule with one weekly rotation."""
    return _edit(request, None)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, schedule_id: int) -> HttpResponse:
    """The rotations of one schedule."""
    schedule = Schedule.objects.filter(pk=schedule_id, removed_at=None).first()
    if schedule is None:
        raise missing("schedule")
    return _edit(request, schedule)


def _edit(request: HttpRequest, schedule: Schedule | None) -> HttpResponse:
    errors: dict[str, str] = {}
    form = _posted(request) if request.method == "POST" else _stored(request, schedule)
    action, *places = request.POST.get("action", "").split(":")
    if request.method == "POST":
        try:
            if action == "save":
                saved = _save(request, schedule, form)
                return pages.go(reverse("schedule", args=[saved.pk]))
            if action == "remove" and schedule:
                _remove(request, schedule)
                return pages.go(reverse("schedules"))
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
        _step(request, form, action, [int(place) for place in places if place.isdigit()])
    people = User.objects.in_bulk()
    for turn in form["rotations"]:
        turn["people"] = [people[pk] for pk in turn["participants"] if pk in people]
    context = {
        "schedule": schedule, "form": form, "errors": errors, "teams": Team.objects.filter(removed_at=None).order_by("name"),
        "everybody": [person for person in sorted(people.values(), key=lambda p: p.name) if person.is_active],
        "whens": [*WHENS, (KEPT, "As it is (set through the API)")] if any(t["when"] == KEPT for t in form["rotations"]) else WHENS,
    }  # fmt: skip
    return pages.page(request, "schedules/edit.html", context, status=422 if errors else 200)


def _stored(request: HttpRequest, schedule: Schedule | None) -> dict[str, Any]:
    monday = pages.now(request) - timedelta(days=pages.now(request).weekday())
    if schedule is None:
        first = {"name": "primary", "days": "7", "starts_at": f"{monday:%Y-%m-%d}T09:00", "when": "", "participants": []}
        return {"name": "", "team": None, "time_zone": getattr(request.user, "time_zone", "UTC"), "rotations": [first]}
    rotations = []
    for row in schedule.rotations.prefetch_related("places"):
        when = next((name for name, known in RESTRICTIONS.items() if known == row.restrictions), KEPT)
        rotations.append({
            "name": row.name, "days": f"{row.shift_hours}h" if row.shift_hours else str(row.shift_days), "starts_at": row.starts_local[:16],
            "when": when, "participants": [place.user_id for place in row.places.all()],
        })  # fmt: skip
    return {"name": schedule.name, "team": schedule.team_id, "time_zone": schedule.time_zone, "rotations": rotations}


def _posted(request: HttpRequest) -> dict[str, Any]:
    rotations = []
    for n in range(20):
        if f"name-{n}" not in request.POST:
            break
        rotations.append({
            "name": request.POST[f"name-{n}"][:120], "days": request.POST.get(f"days-{n}", "")[:6].strip(),
            "starts_at": request.POST.get(f"starts-{n}", "")[:19], "when": request.POST.get(f"when-{n}", ""),
            "participants": [int(pk) for pk in request.POST.getlist(f"person-{n}")[:100] if pk.isdigit()],
        })  # fmt: skip
    team = request.POST.get("team", "")
    return {
        "name": request.POST.get("name", "").strip(), "team": int(team) if team.isdigit() else None,
        "time_zone": request.POST.get("time_zone", "").strip(), "rotations": rotations,
    }  # fmt: skip


def _step(request: HttpRequest, form: dict[str, Any], action: str, places: list[int]) -> None:
    """Carry out one button of the form on what was posted; nothing is saved."""
    rotations = form["rotations"]
    if action == "add" and len(rotations) < 20:
        rotations.append({**_stored(request, None)["rotations"][0], "name": f"rotation {len(rotations) + 1}"})
        return
    if not places or places[0] >= len(rotations):
        return
    n = places[0]
    people = rotations[n]["participants"]
    if action == "drop" and len(rotations) > 1:
        rotations.pop(n)
    elif action == "up" and n:
        rotations[n - 1], rotations[n] = rotations[n], rotations[n - 1]
    elif action == "person-add" and request.POST.get(f"add-{n}", "").isdigit():
        people.append(int(request.POST[f"add-{n}"]))
    elif len(places) == 2 and places[1] < len(people):
        m = places[1]
        if action == "person-drop":
            people.pop(m)
        elif action == "person-up" and m:
            people[m - 1], people[m] = people[m], people[m - 1]


def _save(request: HttpRequest, schedule: Schedule | None, form: dict[str, Any]) -> Schedule:
    kept = {row.name: row.restrictions for row in schedule.rotations.all()} if schedule else {}
    rotations = [
        {
            "name": turn["name"], "participants": turn["participants"],
            "starts_at": turn["starts_at"] + (":00" if len(turn["starts_at"]) == 16 else ""), "shift": _length(turn["days"]),
            "restrictions": kept.get(turn["name"], []) if turn["when"] == KEPT else RESTRICTIONS.get(turn["when"], []),
        }
        for turn in form["rotations"]
    ]  # fmt: skip
    facts = {"name": form["name"], "team": form["team"], "time_zone": form["time_zone"], "rotations": rotations}
    by, now = pages.actor(request), pages.now(request)
    if schedule is None:
        return operations.create_schedule(**facts, by=by, now=now)
    return operations.change_schedule(schedule, by=by, now=now, **facts)


def _length(text: str) -> dict[str, int]:
    number = text.removesuffix("h")
    if not number.isdigit():
        return {"days": 0}  # the rules say what would be right
    return {"hours" if text.endswith("h") else "days": int(number)}


def _remove(request: HttpRequest, schedule: Schedule) -> None:
    target = {"kind": "schedule", "id": schedule.pk}
    users = [p.name for p in EscalationPolicy.objects.filter(removed_at=None) if any(target in step["targets"] for step in p.steps)]
    if users:
        raise Refused(f"{', '.join(users)} pages this schedule. Change that policy first.", status=409)
    operations.remove_schedule(schedule, by=pages.actor(request), now=pages.now(request))
