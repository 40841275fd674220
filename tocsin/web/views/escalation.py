"""The pages of escalation policies: the list, and one form without scripts in which each button is a small step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.models import Team, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Service
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Schedule
from tocsin.paging import operations_policies, queries
from tocsin.paging.models import EscalationPolicy
from tocsin.web import pages

MOST_STEPS = 20


@dataclass(frozen=True)
class Check:
    """One thing that should hold for a policy."""

    good: bool
    text: str


@needs(Needs.READ)
@require_GET
def policies(request: HttpRequest) -> HttpResponse:
    """Every policy, with how many services use it."""
    found = list(EscalationPolicy.objects.filter(removed_at=None).select_related("team").order_by("name"))
    users = list(Service.objects.filter(removed_at=None).values_list("escalation_policy_id", "leadership_policy_id"))
    for policy in found:
        policy.used_by = sum(policy.pk in pair for pair in users)  # type: ignore[attr-defined]
    return pages.page(request, "escalation/list.html", {"policies": found})


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """An empty policy with one step."""
    return _edit(request, None)


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest, policy_id: int) -> HttpResponse:
    """One policy: readable for all, a form for administrators; beside it who would be paged if it fired now."""
    found = EscalationPolicy.objects.filter(pk=policy_id, removed_at=None).select_related("team").first()
    if found is None:
        raise missing("escalation policy")
    return _edit(request, found)


def _edit(request: HttpRequest, found: EscalationPolicy | None) -> HttpResponse:
    errors: dict[str, str] = {}
    form = _stored(found)
    action = ""
    if request.method == "POST":
        if not request.user.is_administrator:  # type: ignore[union-attr]
            raise Refused("Only administrators may change escalation policies.", status=403)
        form = _posted(request)
        action, *places = request.POST.get("action", "").split(":")
        try:
            if action == "save":
                return pages.go(reverse("escalation_policy", args=[_save(request, found, form).pk]))
            if action == "remove" and found:
                operations_policies.remove_policy(found, by=pages.actor(request), now=pages.now(request))
                return pages.go(reverse("escalation_policies"))
            _step(request, form, action, [int(place) for place in places if place.isdigit()])
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
    context = _context(request, found, form, errors, bool(action))
    return pages.page(request, "escalation/policy.html", context, status=422 if errors else 200)


def _context(
    request: HttpRequest, found: EscalationPolicy | None, form: dict[str, Any], errors: dict[str, str], changed: bool
) -> dict[str, Any]:
    now = pages.now(request)
    people = User.objects.filter(is_active=True).in_bulk()
    schedules = {schedule.pk: schedule for schedule in oncall.active()}
    for step in form["steps"]:
        step["targets"] = [_shown(target, people, schedules, now) for target in step["targets"]]
    used = Service.objects.filter(Q(escalation_policy=found) | Q(leadership_policy=found), removed_at=None)
    try:
        dry = queries.dry_run(_plain(form), team=form["team"], now=now)
    except Refused:
        dry = []  # the form says what is wrong with it
    return {
        "policy": found, "form": form, "errors": errors, "editable": request.user.is_administrator, "changed": changed, "now": now,  # type: ignore[union-attr]
        "people": sorted(people.values(), key=lambda person: person.name), "schedules": schedules.values(),
        "teams": Team.objects.filter(removed_at=None).order_by("name"), "services": [s.name for s in used] if found else [],
        "dry": dry, "checks": _checks(form, dry),
    }  # fmt: skip


def _shown(target: dict[str, Any], people: dict[int, User], schedules: dict[int, Schedule], now: Any) -> dict[str, Any]:
    if target["kind"] == "schedule":
        schedule = schedules.get(target["id"])
        if schedule is None:
            return {**target, "label": "A schedule that was removed", "sub": "nobody is found there: the next step is paged at once"}
        current = oncall.who(schedule, now)
        name = people[current.user].name if current and current.user in people else "nobody"
        return {**target, "label": schedule.name, "sub": f"Schedule · now {name}"}
    person = people.get(target["id"])
    return {**target, "label": person.name if person else "Somebody who was removed", "sub": "Person" if person else "passed over"}


def _checks(form: dict[str, Any], dry: list[Any]) -> list[Check]:
    empty = [n + 1 for n, step in enumerate(form["steps"]) if not step["targets"]]
    found = [Check(not empty, "Each step pages somebody" if not empty else f"Step {', '.join(map(str, empty))} pages nobody")]
    several = len({(t["kind"], t["id"]) for step in form["steps"] for t in step["targets"]}) > 1
    alone = "Only one person or schedule is asked: if they sleep, only the fallback contact comes"
    found.append(Check(several, "More than one person or schedule is asked" if several else alone))
    reached = bool(dry) and dry[0].reachable
    found.append(Check(reached, "Somebody is reached at once" if reached else "Nobody would be reached by the first step"))
    return found


def _stored(found: EscalationPolicy | None) -> dict[str, Any]:
    if found is None:
        return {"name": "", "team": None, "repeats": "1", "steps": [{"wait": "5", "targets": []}]}
    steps = [{"wait": f"{step['wait_seconds'] / 60:g}", "targets": [dict(target) for target in step["targets"]]} for step in found.steps]
    return {"name": found.name, "team": found.team_id, "repeats": str(found.repeats), "steps": steps}


def _posted(request: HttpRequest) -> dict[str, Any]:
    steps = []
    for n in range(MOST_STEPS):
        if f"wait-{n}" not in request.POST:
            break
        targets = [_target(value) for value in request.POST.getlist(f"target-{n}")[:50]]
        steps.append({"wait": request.POST[f"wait-{n}"].strip()[:10], "targets": [target for target in targets if target]})
    team = request.POST.get("team", "")
    return {
        "name": request.POST.get("name", "").strip(), "team": int(team) if team.isdigit() else None,
        "repeats": request.POST.get("repeats", "").strip()[:4], "steps": steps,
    }  # fmt: skip


def _target(value: str) -> dict[str, Any] | None:
    kind, _, number = value.partition(":")
    return {"kind": kind, "id": int(number)} if kind in ("schedule", "user") and number.isdigit() else None


def _step(request: HttpRequest, form: dict[str, Any], action: str, places: list[int]) -> None:
    """Carry out one button of the form on what was posted; nothing is saved."""
    steps = form["steps"]
    if action == "add-step":
        if len(steps) >= MOST_STEPS:
            raise invalid(steps=f"A policy has at most {MOST_STEPS} steps.")
        steps.append({"wait": "5", "targets": []})
        return
    if not places or places[0] >= len(steps):
        return
    n = places[0]
    if action == "drop-step" and len(steps) > 1:
        steps.pop(n)
    elif action == "up" and n:
        steps[n - 1], steps[n] = steps[n], steps[n - 1]
    elif action == "down" and n + 1 < len(steps):
        steps[n + 1], steps[n] = steps[n], steps[n + 1]
    elif action == "add-target":
        target = _target(request.POST.get(f"add-{n}", ""))
        if target is None:
            raise invalid(steps="Choose a person or a schedule to add.")
        if target not in steps[n]["targets"]:
            steps[n]["targets"].append(target)
    elif action == "drop-target" and len(places) == 2 and places[1] < len(steps[n]["targets"]):
        steps[n]["targets"].pop(places[1])


def _plain(form: dict[str, Any]) -> dict[str, Any]:
    """The form as the rules read a policy. Refuses waits and repeats that are no numbers."""
    steps = []
    for n, step in enumerate(form["steps"], start=1):
        try:
            minutes = float(step["wait"].replace(",", "."))
        except ValueError:
            minutes = -1.0
        if not 0 < minutes <= 1440:
            raise invalid(steps=f"Step {n} waits a number of minutes, more than 0 and at most 1440.")
        targets = [{"kind": target["kind"], "id": target["id"]} for target in step["targets"]]
        steps.append({"wait_seconds": max(1, round(minutes * 60)), "targets": targets})
    if not form["repeats"].isdigit():
        raise invalid(repeats="Give how often the steps start again, 0 or more.")
    return {"steps": steps, "repeats": int(form["repeats"])}


def _save(request: HttpRequest, found: EscalationPolicy | None, form: dict[str, Any]) -> EscalationPolicy:
    facts = {"name": form["name"], "team": form["team"], **_plain(form)}
    by, now = pages.actor(request), pages.now(request)
    if found is None:
        return operations_policies.create_policy(**facts, by=by, now=now)
    return operations_policies.change_policy(found, by=by, now=now, **facts)
