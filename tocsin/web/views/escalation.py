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
from tocsin.domain.escalation_policy import HOURS, TIERS
from tocsin.integrations.webhook import notifier as webhook
from tocsin.lib.refusal import Refused, missing
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Schedule
from tocsin.paging import operations_policies, rehearsal
from tocsin.paging.models import EscalationPolicy, Provider
from tocsin.procedures import operations as procedures
from tocsin.web import escalation_form, pages


@dataclass(frozen=True)
class Check:
    """One thing that should hold for a policy."""

    good: bool
    text: str


@dataclass(frozen=True)
class Names:
    """What targets are called: people, schedules, teams and chat accounts by their ids."""

    people: dict[int, User]
    schedules: dict[int, Schedule]
    teams: dict[int, Team]
    rooms: dict[int, Provider]


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
    form = escalation_form.stored(found)
    action = ""
    if request.method == "POST":
        if not request.user.is_administrator:  # type: ignore[union-attr]
            raise Refused("Only administrators may change escalation policies.", status=403)
        form = escalation_form.posted(request)
        action, *places = request.POST.get("action", "").split(":")
        try:
            if action == "save":
                return pages.go(reverse("escalation_policy", args=[_save(request, found, form).pk]))
            if action == "remove" and found:
                operations_policies.remove_policy(found, by=pages.actor(request), now=pages.now(request))
                return pages.go(reverse("escalation_policies"))
            escalation_form.press(request, form, action, [int(place) for place in places if place.isascii() and place.isdigit()])
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
    context = _context(request, found, form, errors, action not in ("", "show"))
    fragments = {"dry-run": "escalation/_dry_run.html"}
    return pages.page(request, "escalation/policy.html", context, fragments=fragments, status=422 if errors else 200)


def _context(
    request: HttpRequest, found: EscalationPolicy | None, form: dict[str, Any], errors: dict[str, str], changed: bool
) -> dict[str, Any]:
    now = pages.now(request)
    names = Names(
        User.objects.filter(is_active=True, removed_at=None).in_bulk(), {schedule.pk: schedule for schedule in oncall.active()},
        Team.objects.filter(removed_at=None).in_bulk(), {account.pk: account for account in operations_policies.rooms()},
    )  # fmt: skip
    severities = [level.id for level in procedures.document(procedures.current()).severities]
    given = request.POST if request.method == "POST" else request.GET
    assumed = {"severity": given.get("as-severity", ""), "critical": bool(given.get("as-critical"))}
    assumed["severity"] = assumed["severity"] if assumed["severity"] in severities else ""
    for step in form["steps"]:
        step["targets"] = [_shown(target, names, now) for target in step["targets"]]
        step["unknown"] = [one for one in step["severities"] if one not in severities]  # of an earlier procedure
    used = Service.objects.filter(Q(escalation_policy=found) | Q(leadership_policy=found), removed_at=None)
    try:
        dry = rehearsal.dry_run(escalation_form.plain(form), team=form["team"], name=form["name"], subject=assumed, now=now)
    except Refused:
        dry = []  # the form says what is wrong with it
    return {
        "policy": found, "form": form, "errors": errors, "editable": request.user.is_administrator, "changed": changed, "now": now,  # type: ignore[union-attr]
        "people": sorted(names.people.values(), key=lambda person: person.name), "schedules": names.schedules.values(),
        "teams": sorted(names.teams.values(), key=lambda team: team.name), "rooms": names.rooms.values(), "severities": severities,
        "hours": HOURS, "tiers": TIERS, "needs": escalation_form.NEEDS, "assumed": assumed, "services": [s.name for s in used] if found else [],
        "dry": _first_round(dry), "further": len(dry) - len(_first_round(dry)), "checks": _checks(form, dry),
    }  # fmt: skip


def _first_round(dry: list[rehearsal.Line]) -> list[rehearsal.Line]:
    """What is shown: the first round and the fallbacks; the rounds between say the same later."""
    return [line for line in dry if line.step is None or line.round == 0]


def _shown(target: dict[str, Any], names: Names, now: Any) -> dict[str, Any]:
    shown = {**target, "value": escalation_form.written(target)}
    kind, id = target["kind"], target.get("id", 0)
    if kind == "webhook":
        return {**shown, "label": target["address"], "sub": "Webhook, signed", "icon": "link", "secret": webhook.secret(target["address"])}
    if kind == "chat":
        room = names.rooms.get(id)
        return {**shown, "label": target["address"], "sub": f"Room in {room.name}" if room else "The account was removed", "icon": "hash"}
    if kind == "team":
        team = names.teams.get(id)
        size = User.objects.filter(memberships__team=team, is_active=True, removed_at=None).count() if team else 0
        return {**shown, "label": team.name if team else "A team that was removed", "sub": f"Team · {size} people", "icon": "users"}
    if kind == "user":
        person = names.people.get(id)
        return {
            **shown,
            "label": person.name if person else "Somebody who was removed",
            "sub": "Person" if person else "passed over",
            "icon": "user",
        }
    schedule = names.schedules.get(id)
    if schedule is None:
        return {
            **shown,
            "label": "A schedule that was removed",
            "sub": "nobody is found there: the next step is paged at once",
            "icon": "calendar",
        }
    if kind == "schedule_people":
        return {
            **shown,
            "label": f"Everyone of {schedule.name}",
            "sub": f"Schedule · {len(oncall.people(schedule))} people",
            "icon": "users",
        }
    current = oncall.who(schedule, now)
    name = names.people[current.user].name if current and current.user in names.people else "nobody"
    return {**shown, "label": schedule.name, "sub": f"On call · now {name}", "icon": "calendar"}


def _checks(form: dict[str, Any], dry: list[rehearsal.Line]) -> list[Check]:
    empty = [n + 1 for n, step in enumerate(form["steps"]) if not step["targets"]]
    found = [Check(not empty, "Each step pages somebody" if not empty else f"Step {', '.join(map(str, empty))} pages nobody")]
    first = [line for line in dry if line.step and line.round == 0]
    everybody = {person["user"]["id"] for line in first for person in line.people}
    alone = "Only one person is asked: if they sleep, only the fallback contact comes"
    found.append(Check(len(everybody) > 1, "More than one person is asked" if len(everybody) > 1 else alone))
    reached = next((line for line in dry if line.people), None)
    at_once = reached is not None and reached.after_seconds == 0 and reached.step is not None
    found.append(Check(at_once, "Somebody is reached at once" if at_once else "Nobody would be reached at once"))
    lacking = next((line for line in first if line.need > max(1, len(line.people))), None)
    if lacking:
        found.append(Check(False, f"Step {lacking.step} asks for {lacking.need} people and would find {len(lacking.people)}"))
    return found


def _save(request: HttpRequest, found: EscalationPolicy | None, form: dict[str, Any]) -> EscalationPolicy:
    kept = ("name", "team", "low_severities", "low_urgency")
    facts = {**{name: form[name] for name in kept}, **escalation_form.plain(form)}
    by, now = pages.actor(request), pages.now(request)
    if found is None:
        return operations_policies.create_policy(**facts, by=by, now=now)
    return operations_policies.change_policy(found, by=by, now=now, **facts)
