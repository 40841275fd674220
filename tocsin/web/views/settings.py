"""The pages of the organisation's own settings: name, hours and fallback contact; API tokens; the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts import bearer, operations, operations_teams, operations_tokens, rules
from tocsin.accounts.models import ApiToken, AuditEntry, Organisation, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations_old
from tocsin.lib.refusal import Refused
from tocsin.paging.models import EscalationPolicy
from tocsin.web import pages

PAGE = 100
NUMBERS = ("group_minutes", "event_days", "refused_event_days", "event_gigabytes")


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def organisation(request: HttpRequest) -> HttpResponse:
    """Name, zone, working hours, whom to page when nobody is found, whether a second factor is demanded, and how long raw events are kept."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            changes: dict[str, object] = {
                field: pages.text(request, field, 200)
                for field in ("name", "time_zone", "country", "subdivision", "day_starts", "day_ends")
            }
            changes |= {field: pages.number(request, field) for field in ("fallback_user", "leadership_policy")}
            changes |= {field: pages.number(request, field) for field in NUMBERS if field in request.POST}
            changes["require_mfa"] = request.POST.get("require_mfa") == "on"
            operations_teams.change_organisation(changes, by=pages.actor(request), now=pages.now(request))
            return pages.act(request, lambda: None, reverse("organisation"), "Saved.")
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
    form = _stored(operations.organisation())
    context = {
        "form": pages.kept(request, form) if errors else form,
        "retention": operations_old.retention(),
        "people": User.objects.filter(removed_at=None, is_active=True).order_by("name", "id")[:500],
        "policies": EscalationPolicy.objects.filter(removed_at=None).order_by("name"),
        "zones": sorted(rules.zones()),
        "errors": errors,
    }
    return pages.page(request, "settings/organisation.html", context, status=422 if errors else 200)


def _stored(found: Organisation) -> dict[str, Any]:
    plain = {field: getattr(found, field) for field in ("name", "time_zone", "country", "subdivision", "require_mfa", *NUMBERS)}
    hours = {field: f"{getattr(found, field):%H:%M}" for field in ("day_starts", "day_ends")}
    return {**plain, **hours, "fallback_user": found.fallback_user_id, "leadership_policy": found.leadership_policy_id}


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Every API token; a new one's secret is shown once."""
    errors: dict[str, str] = {}
    secret = ""
    by, now = pages.actor(request), pages.now(request)
    if request.method == "POST" and request.POST.get("deed") == "revoke":
        number = pages.number(request, "token") or 0
        return pages.act(
            request, lambda: operations_tokens.revoke_token(number, by=by, now=now), reverse("tokens"), "Revoked: it no longer works."
        )
    if request.method == "POST":
        try:
            days = pages.number(request, "days")
            _, secret = operations_tokens.add_token(
                name=pages.text(request, "name", 120),
                scopes=list(request.POST.getlist("scopes")[:10]),
                user_id=pages.number(request, "user"),
                expires_at=now + timedelta(days=min(days, 3650)) if days else None,
                by=by,
                now=now,
            )
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
    context = {
        "tokens": ApiToken.objects.select_related("user", "created_by").order_by("revoked_at", "-id")[:200],
        "people": User.objects.filter(removed_at=None, is_active=True).order_by("name", "id")[:500],
        "scopes": bearer.SCOPES,
        "secret": secret,
        "errors": errors,
        "form": {} if secret else request.POST,
        "chosen": request.POST.getlist("scopes"),
    }
    return pages.page(request, "settings/tokens.html", context, status=422 if errors else 200)


@needs(Needs.ADMINISTER)
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """Who changed what, newest first, a hundred at a time."""
    before = request.GET.get("before", "")
    entries = AuditEntry.objects.order_by("-id")
    if before.isascii() and before.isdigit() and len(before) < 18:
        entries = entries.filter(pk__lt=int(before))
    found = list(entries[: PAGE + 1])
    return pages.page(request, "settings/audit.html", {"entries": found[:PAGE], "older": found[PAGE - 1].pk if len(found) > PAGE else None})
