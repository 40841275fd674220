"""The pages of escalation policies: the list, and one form without scripts in which each button is a small step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Service
from tocsin.domain.escalation_policy import ALL_TIERS, HOURS, TIERS
from tocsin.lib.refusal import Refused, missing
from tocsin.paging import operations_policies, rehearsal
from tocsin.paging import operations_policy_tests as policy_tests
from tocsin.paging.low_urgency import Low
from tocsin.paging.models import EscalationPolicy
from tocsin.procedures import operations as procedures
from tocsin.response.try_policy import try_policy
from tocsin.web import escalation_form, escalation_names, named, pages


@dataclass(frozen=True)
class Check:
    """One thing that should hold for a policy."""

    good: bool
    text: str


@needs(Needs.READ)
@require_GET
def policies(request: HttpRequest) -> HttpResponse:
    """Every policy, with how many services use it."""
    rows = EscalationPolicy.objects.filter(removed_at=None).select_related("team").order_by("name", "id")
    found = named.listed(request, rows, "name", "team__name")
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
    action, status = "", 200
    seen = pages.number(request, "version") if request.method == "POST" else _newest(found)
    if request.method == "POST":
        action, *places = request.POST.get("action", "").split(":")
        if action == "test" and found:
            return _test(request, found)
        if not request.user.is_administrator:  # type: ignore[union-attr]
            raise Refused("Only administrators may change escalation policies.", status=403)
        form = escalation_form.posted(request)
        try:
            if action == "save":
                escalation_form.take_chosen(request, form)
                return pages.go(reverse("escalation_policy", args=[_save(request, found, form, seen).pk]))
            if action == "remove" and found:
                operations_policies.remove_policy(found, by=pages.actor(request), now=pages.now(request))
                return pages.go(reverse("escalation_policies"))
            escalation_form.press(request, form, action, [int(place) for place in places if place.isascii() and place.isdigit()])
        except Refused as refused:
            errors, status = refused.errors or {"name": refused.detail}, refused.status
            seen = _newest(found) if refused.code == "conflict" else seen
    context = {**_context(request, found, form, errors, action not in ("", "show")), "seen": seen}
    fragments = {"dry-run": "escalation/_dry_run.html", "test": "escalation/_test.html"}
    return pages.page(request, "escalation/policy.html", context, fragments=fragments, status=status)


def _newest(found: EscalationPolicy | None) -> int | None:
    """The version that is shown, so that a save knows whether somebody else saved meanwhile; 0 where none was kept yet."""
    return found.versions.order_by("-number").values_list("number", flat=True).first() or 0 if found else None


def _test(request: HttpRequest, found: EscalationPolicy) -> HttpResponse:
    """Page the reader, and nobody else, by the policy as it is saved."""
    here = reverse("escalation_policy", args=[found.pk])
    rooms = bool(request.POST.get("test-rooms"))
    said = "Your test is under way. Nobody else is paged" + ("; its rooms and webhooks are told that it is one." if rooms else ".")
    return pages.act(request, lambda: try_policy(found, rooms=rooms, by=pages.actor(request), now=pages.now(request)), here, said)


def _context(
    request: HttpRequest, found: EscalationPolicy | None, form: dict[str, Any], errors: dict[str, str], changed: bool
) -> dict[str, Any]:
    now = pages.now(request)
    names = escalation_names.now()
    severities = [level.id for level in procedures.document(procedures.current()).severities]
    assumed = _assumed(request, severities)
    for step in form["steps"]:
        step["targets"] = [escalation_names.shown(target, names, now) for target in step["targets"]]
        step["unknown"] = [one for one in step["severities"] if one not in severities]  # of an earlier procedure
    used = Service.objects.filter(Q(escalation_policy=found) | Q(leadership_policy=found), removed_at=None)
    low = None
    if assumed["severity"] in form["low_severities"]:
        low = Low(form["name"] or "this policy", assumed["severity"], form["low_urgency"] == "record")
    try:
        plain = escalation_form.plain(form)
        dry = rehearsal.dry_run(plain, team=form["team"], name=form["name"], subject=assumed, low=low, now=now)
    except Refused:
        dry = []  # the form says what is wrong with it
    return {
        "policy": found, "form": form, "errors": errors, "editable": request.user.is_administrator, "changed": changed, "now": now,  # type: ignore[union-attr]
        "people": sorted(names.people.values(), key=lambda person: person.name), "schedules": names.schedules.values(),
        "teams": sorted(names.teams.values(), key=lambda team: team.name), "rooms": names.rooms.values(), "severities": severities,
        "hours": HOURS, "tiers": TIERS, "all_tiers": ALL_TIERS, "needs": escalation_form.NEEDS, "assumed": assumed,
        "services": [s.name for s in used] if found else [], "tracks": escalation_form.grouped(form), "dry": _drawn(form, dry),
        "checks": _checks(form, dry), "test": _trace(found, request, now) if found else [],
        "hours_say": _hours(found, now) if found else [], "has_rooms": bool(found and any(line.places for line in dry)),
    }  # fmt: skip


def _assumed(request: HttpRequest, severities: list[str]) -> dict[str, Any]:
    """What the reader supposes to fire."""
    given = request.POST if request.method == "POST" else request.GET
    severity, tier = given.get("as-severity", ""), given.get("as-tier", "")
    return {
        "severity": severity if severity in severities else "",
        "critical": bool(given.get("as-critical")),
        "tier": next((one for one in ALL_TIERS if str(one) == tier), 0),
    }


def _trace(found: EscalationPolicy, request: HttpRequest, now: Any) -> list[dict[str, Any]]:
    """What became of the pages of the reader's own last test of this policy."""
    rows = policy_tests.newest(found, request.user, now)  # type: ignore[arg-type]
    return [{"row": row, "waits": row.state in (row.State.PENDING, row.State.SENDING)} for row in rows]


def _hours(found: EscalationPolicy, now: Any) -> list[str]:
    """What working hours would do to the steps of the saved policy, in sentences."""
    said = policy_tests.working_hours(found, now).items()
    return [f"{f'{track}, step' if track else 'Step'} {step}: {sentence}" for (track, step), notes in said for sentence in notes]


@dataclass(frozen=True)
class Drawn:
    """One track of the dry run as it is shown: its name, its lines, and how many rounds more say the same later."""

    name: str
    lines: list[rehearsal.Line]
    further: bool
    repeats: str


def _drawn(form: dict[str, Any], dry: list[rehearsal.Line]) -> list[Drawn]:
    found = []
    for track in form["tracks"]:
        own = [line for line in dry if line.track == track["name"]]
        if own:
            found.append(Drawn(track["name"], _first_round(own), len(own) > len(_first_round(own)), track["repeats"]))
    return found


def _first_round(dry: list[rehearsal.Line]) -> list[rehearsal.Line]:
    """What is shown: the first round and the fallbacks; the rounds between say the same later."""
    return [line for line in dry if line.step is None or line.round == 0]


def _checks(form: dict[str, Any], dry: list[rehearsal.Line]) -> list[Check]:
    empty = [escalation_form.name_of(form, n) for n, step in enumerate(form["steps"]) if not step["targets"]]
    found = [Check(not empty, "Each step pages somebody" if not empty else f"{', '.join(empty)} pages nobody")]
    first = [line for line in dry if line.step and line.round == 0]
    everybody = {person["user"]["id"] for line in first for person in line.people}
    alone = "Only one person is asked: if they sleep, only the fallback contact comes" if everybody else "No step reaches anybody"
    found.append(Check(len(everybody) > 1, "More than one person is asked" if len(everybody) > 1 else alone))
    reached = next((line for line in dry if line.people), None)
    at_once = reached is not None and reached.after_seconds == 0 and reached.step is not None
    found.append(Check(at_once, "Somebody is reached at once" if at_once else "Nobody would be reached at once"))
    lacking = next((line for line in first if line.need > max(1, len(line.people))), None)
    if lacking:
        found.append(Check(False, f"Step {lacking.step} asks for {lacking.need} people and would find {len(lacking.people)}"))
    return found


def _save(request: HttpRequest, found: EscalationPolicy | None, form: dict[str, Any], seen: int | None) -> EscalationPolicy:
    kept = ("name", "team", "low_severities", "low_urgency")
    facts = {**{name: form[name] for name in kept}, **escalation_form.plain(form)}
    by, now = pages.actor(request), pages.now(request)
    if found is None:
        return operations_policies.create_policy(**facts, by=by, now=now)
    names = escalation_names.now()
    return operations_policies.change_policy(
        found, by=by, now=now, seen=seen, naming=lambda target: str(escalation_names.shown(target, names, now)["label"]), **facts
    )
