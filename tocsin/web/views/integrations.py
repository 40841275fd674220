"""The pages of integrations: the list, a new one, and one with its address, a test, and what came in."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations, operations_sns
from tocsin.alerts.models import Integration, RawEvent, Service
from tocsin.integrations import signing
from tocsin.integrations.registry import SOURCES
from tocsin.integrations.setting_up import TEST, protocol_of, sample_of, shown
from tocsin.lib.refusal import Refused, missing
from tocsin.response import verify_sns
from tocsin.web import named, pages

CATEGORIES = ("Drop-in", "Monitoring", "Uptime", "Cloud", "Errors", "Logs", "Security", "Automation", "Changes", "Incident response")
SIGNED = verify_sns.KINDS
SEVERITIES = ("critical", "error", "warning", "info")
NUMBERS = ("event_rate", "event_burst", "stale_hours", "auto_resolve_hours")


@needs(Needs.READ)
@require_GET
def integrations(request: HttpRequest) -> HttpResponse:
    """Every integration, with when its last event came."""
    rows = Integration.objects.filter(removed_at=None).select_related("service").order_by("name", "id")
    return pages.page(request, "integrations/list.html", {"found": named.listed(request, rows, "name", "service__name", also=_of_kind)})


def _of_kind(q: str) -> Q:
    return Q(kind__in=[kind for kind, source in SOURCES.items() if q.lower() in f"{kind} {source.label}".lower()])


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Choose what sends, and for which service."""
    errors: dict[str, str] = {}
    form: dict[str, Any] = {"name": "", "kind": "alertmanager", "service": None}
    if request.method == "POST":
        try:
            form = {
                "name": pages.text(request, "name", 200),
                "kind": request.POST.get("kind", ""),
                "service": pages.number(request, "service"),
            }
            made = operations.create_integration(**form, by=pages.actor(request), now=pages.now(request))
            return pages.go(reverse("integration", args=[made.pk]))
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
    query = request.GET.get("q", "")[:100]
    categories = _gallery(query, form["kind"])
    context = {"form": form, "errors": errors, "categories": categories, "q": query, "count": len(SOURCES), "services": _services()}
    return pages.page(request, "integrations/form.html", context, status=422 if errors else 200)


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def integration(request: HttpRequest, integration_id: int) -> HttpResponse:
    """One integration."""
    found = Integration.objects.filter(pk=integration_id, removed_at=None).select_related("service").first()
    if found is None:
        raise missing("integration")
    errors: dict[str, str] = {}
    form = {"name": found.name, "service": found.service_id, "default_severity": found.default_severity, "enabled": found.enabled,
            "signed_only": found.signed_only, "topics": "\n".join(found.topics), **{field: getattr(found, field) for field in NUMBERS}}  # fmt: skip
    if request.method == "POST":
        try:
            return _act(request, found)
        except Refused as refused:
            if refused.status in (403, 404):
                raise
            errors = refused.errors or {"name": refused.detail}
            form |= {field: request.POST.get(field, "")[:200] for field in ("name", *NUMBERS)}
    key = found.key if request.user.is_administrator else "{key}"  # type: ignore[union-attr]
    context = {
        "integration": found, "form": form, "errors": errors, "services": _services(), "severities": SEVERITIES,
        "events": RawEvent.objects.filter(integration=found).defer("body").order_by("-id")[:20],
        "setup": shown(found.kind, settings.TOCSIN_URL, key), "test_header": TEST,
        "mail_address": f"{key}@{settings.MAIL_IN_DOMAIN}" if settings.MAIL_IN_DOMAIN else "",
    }  # fmt: skip
    context["scheme"] = signing.SCHEMES.get(found.kind)
    if found.kind in SIGNED:
        context |= {"signs": True, "sns": operations_sns.shown(found)}
    fragments = {"events": "integrations/_events.html"}
    return pages.page(request, "integrations/integration.html", context, fragments=fragments, status=422 if errors else 200)


def _services() -> Any:
    return Service.objects.filter(removed_at=None).order_by("name")


def _act(request: HttpRequest, found: Integration) -> HttpResponse:
    action, by, now = request.POST.get("action", ""), pages.actor(request), pages.now(request)
    if action == "test":
        if not request.user.may_respond:  # type: ignore[union-attr]
            raise Refused("Only responders may send test events.", status=403)
        body = json.dumps(sample_of(found.kind, found.key)).encode()
        operations.accept(found, body=body, protocol=protocol_of(found.kind), now=now, headers={TEST: "1"})
        messages.success(request, "The test event is on its way. It is handled as a real one would be.")
        return pages.go(reverse("integration", args=[found.pk]))
    if not request.user.is_administrator:  # type: ignore[union-attr]
        raise Refused("Only administrators may change integrations.", status=403)
    if action == "remove":
        operations.remove_integration(found, by=by, now=now)
        return pages.go(reverse("integrations"))
    changes = {
        **({"signing_secret": secret} if (secret := pages.text(request, "signing_secret", 500)) else {}),
        **({"signing_secret": ""} if request.POST.get("no_signing_secret") == "1" else {}),
        **({"signed_only": request.POST.get("signed_only") == "1", "topics": pages.text(request, "topics", 20_000).split()} if found.kind in SIGNED else {}),
        "name": pages.text(request, "name", 200), "service": pages.number(request, "service"),
        "default_severity": request.POST.get("default_severity", ""), "enabled": request.POST.get("enabled") == "1",
        **{field: pages.number(request, field) for field in NUMBERS if field in request.POST},
    }  # fmt: skip
    operations.change_integration(found, by=by, now=now, **changes)
    messages.success(request, "Saved.")
    return pages.go(reverse("integration", args=[found.pk]))


def _gallery(query: str, chosen: str) -> list[dict[str, Any]]:
    """The kinds whose name or words hold the query, by category; the chosen one always stays."""
    wanted = query.lower().split()
    kinds = [
        {"kind": kind, "label": SOURCES[kind].label, "category": SOURCES[kind].category, "letter": SOURCES[kind].label[0]}
        for kind in SOURCES
    ]
    found = [
        one
        for one in kinds
        if one["kind"] == chosen or all(word in f"{one['kind']} {one['label']} {one['category']}".lower() for word in wanted)
    ]
    by_category: dict[str, list[dict[str, str]]] = {}
    for one in sorted(found, key=lambda one: one["label"].lower()):
        by_category.setdefault(one["category"], []).append(one)
    order = sorted(by_category, key=lambda name: (CATEGORIES.index(name) if name in CATEGORIES else len(CATEGORIES), name))
    return [{"name": name, "kinds": by_category[name]} for name in order]
