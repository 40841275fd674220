"""The pages of services: the list, and one form for a service."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.models import Team
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations, queries_quiet
from tocsin.alerts.models import Service
from tocsin.integrations.reading import WORDS
from tocsin.lib.refusal import Refused, missing
from tocsin.paging.models import EscalationPolicy
from tocsin.response.simulate_routing import severities
from tocsin.statuspage.models import Component
from tocsin.web import named, pages

MOST_CHOICES = 500  # services that the form offers


class Tier(NamedTuple):
    """One choice, as the form's other selects have theirs."""

    pk: int
    name: str


TIERS = [
    Tier(1, "Tier 1: customers notice at once"), Tier(2, "Tier 2: a main feature"), Tier(3, "Tier 3: matters in working hours"),
    Tier(4, "Tier 4: nobody is kept from anything"),
]  # fmt: skip


@needs(Needs.READ)
@require_GET
def services(request: HttpRequest) -> HttpResponse:
    """Every service with its owner and its policy."""
    rows = Service.objects.filter(removed_at=None).select_related("team", "escalation_policy").order_by("name", "id")
    found = named.listed(request, rows, "name", "team__name")
    quiet = queries_quiet.in_force_for(list(found), pages.now(request))
    lines = [(one, quiet.get(one.pk, [])) for one in found]
    return pages.page(request, "services/list.html", {"lines": lines, "found": found})


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new service."""
    return _edit(request, None)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def service(request: HttpRequest, service_id: int) -> HttpResponse:
    """One service."""
    found = Service.objects.filter(pk=service_id, removed_at=None).first()
    if found is None:
        raise missing("service")
    return _edit(request, found)


def _edit(request: HttpRequest, found: Service | None) -> HttpResponse:
    errors: dict[str, str] = {}
    form = _stored(found)
    if request.method == "POST":
        by, now = pages.actor(request), pages.now(request)
        try:
            if request.POST.get("action") == "remove" and found:
                operations.remove_service(found, by=by, now=now)
            else:
                form = _posted(request)
                operations.change_service(found or Service(), by=by, now=now, **form)
            return pages.go(reverse("services"))
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
    policies = EscalationPolicy.objects.filter(removed_at=None).order_by("name")
    teams = Team.objects.filter(removed_at=None).order_by("name")
    nobody = "None: the fallback contact is paged"
    selects = [
        {"name": "team", "label": "Owner team", "none": "Nobody", "options": teams, "value": form["team"]},
        {"name": "escalation_policy", "label": "Escalation policy", "none": nobody, "options": policies, "value": form["escalation_policy"]},
        {"name": "leadership_policy", "label": "Leadership policy", "none": "The organisation's", "options": policies,
         "value": form["leadership_policy"], "hint": "Paged as well where the severity demands it"},
    ]  # fmt: skip
    selects.append(
        {"name": "tier", "label": "Tier", "none": "", "required": True, "options": TIERS, "value": form["tier"],
         "hint": "Steps of a policy may count for some tiers alone"}
    )  # fmt: skip
    components = Component.objects.filter(removed_at=None)
    known = Service.objects.filter(removed_at=None).exclude(pk=found.pk if found else 0).order_by("name").values_list("pk", "name")
    others = [
        *known.filter(pk__in=form["depends_on"]),
        *known.exclude(pk__in=form["depends_on"])[:MOST_CHOICES],
    ]  # what is chosen is always shown
    context = {"service": found, "form": form, "errors": errors, "selects": selects, "components": components, "others": others,
               "levels": [(level, form["severity_map"].get(level, "")) for level in WORDS], "severities": severities(),
               "quiet": queries_quiet.in_force_for([found], pages.now(request)).get(found.pk, []) if found else []}  # fmt: skip
    return pages.page(request, "services/service.html", context, status=422 if errors else 200)


def _stored(found: Service | None) -> dict[str, Any]:
    if found is None:
        found = Service()
    return {
        "name": found.name, "description": found.description, "team": found.team_id, "escalation_policy": found.escalation_policy_id,
        "leadership_policy": found.leadership_policy_id, "critical": found.critical, "tier": found.tier, "runbook": found.runbook,
        "components": list(found.components.values_list("pk", flat=True)) if found.pk else [], "group_minutes": found.group_minutes,
        "severity_map": found.severity_map,
        "depends_on": list(found.depends_on.filter(removed_at=None).values_list("pk", flat=True)) if found.pk else [],
    }  # fmt: skip


def _ids(request: HttpRequest, name: str) -> list[int]:
    return [int(pk) for pk in request.POST.getlist(name)[:200] if pk.isascii() and pk.isdigit() and len(pk) < 19]


def _posted(request: HttpRequest) -> dict[str, Any]:
    return {
        "name": request.POST.get("name", "").strip(), "description": request.POST.get("description", "").strip(),
        "team": pages.number(request, "team"), "escalation_policy": pages.number(request, "escalation_policy"),
        "leadership_policy": pages.number(request, "leadership_policy"), "critical": request.POST.get("critical") == "1",
        "tier": pages.number(request, "tier") or Service().tier,
        "runbook": request.POST.get("runbook", "").strip(),
        "components": _ids(request, "components"), "depends_on": _ids(request, "depends_on"),
        "group_minutes": pages.number(request, "group_minutes"),
        "severity_map": {level: said for level in WORDS if (said := request.POST.get(f"severity-{level}", "")[:20])},
    }  # fmt: skip
