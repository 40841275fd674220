"""The pages of integrations: the list, a new one, and one with its address, a test, and what came in."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations
from tocsin.alerts.models import Integration, RawEvent, Service
from tocsin.lib.refusal import Refused, missing
from tocsin.web import pages

KINDS = (
    ("alertmanager", "Alertmanager", "Its webhook receiver; each alert of a group by itself"),
    ("alertmanager_api_v2", "Prometheus", "Straight from Prometheus, Grafana, Loki or vmalert, without an Alertmanager"),
    ("pagerduty_events_v2", "Events API v2", "Whatever can page through PagerDuty"),
    ("pagerduty_change_events", "Change events", "Deployments and other changes; never pages"),
    ("generic", "Generic JSON", "Any JSON: title, status, severity and key are found under their usual names"),
)
PROTOCOLS = {  # by which address a kind comes in, where it is not its own; and that address
    "alertmanager_api_v2": ("alertmanager_api", "/api/v2/alerts"),
    "pagerduty_events_v2": ("pagerduty", "/v2/enqueue"),
    "pagerduty_change_events": ("pagerduty_change", "/v2/change/enqueue"),
}
SEVERITIES = ("critical", "error", "warning", "info")


@needs(Needs.READ)
@require_GET
def integrations(request: HttpRequest) -> HttpResponse:
    """Every integration, with when its last event came."""
    found = Integration.objects.filter(removed_at=None).select_related("service").order_by("name")
    return pages.page(request, "integrations/list.html", {"integrations": found})


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
    kinds = [{"kind": kind, "label": label, "about": about} for kind, label, about in KINDS]
    context = {"form": form, "errors": errors, "kinds": kinds, "services": _services()}
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
            "event_rate": found.event_rate, "event_burst": found.event_burst}  # fmt: skip
    if request.method == "POST":
        try:
            return _act(request, found)
        except Refused as refused:
            if refused.status in (403, 404):
                raise
            errors = refused.errors or {"name": refused.detail}
            form |= {field: request.POST.get(field, "")[:200] for field in ("name", "event_rate", "event_burst")}
    context = {
        "integration": found, "form": form, "errors": errors, "services": _services(), "severities": SEVERITIES,
        "events": RawEvent.objects.filter(integration=found).defer("body").order_by("-id")[:20],
        "address": f"{settings.TOCSIN_URL}{_path(found)}", "curl": _curl(found), "setup": _setup(found),
    }  # fmt: skip
    fragments = {"events": "integrations/_events.html"}
    return pages.page(request, "integrations/integration.html", context, fragments=fragments, status=422 if errors else 200)


def _services() -> Any:
    return Service.objects.filter(removed_at=None).order_by("name")


def _act(request: HttpRequest, found: Integration) -> HttpResponse:
    action, by, now = request.POST.get("action", ""), pages.actor(request), pages.now(request)
    if action == "test":
        if not request.user.may_respond:  # type: ignore[union-attr]
            raise Refused("Only responders may send test events.", status=403)
        operations.accept(found, body=json.dumps(_sample(found, now.isoformat())).encode(), protocol=_protocol(found), now=now)
        messages.success(request, "The test event is on its way. It is handled as a real one would be.")
        return pages.go(reverse("integration", args=[found.pk]))
    if not request.user.is_administrator:  # type: ignore[union-attr]
        raise Refused("Only administrators may change integrations.", status=403)
    if action == "remove":
        operations.remove_integration(found, by=by, now=now)
        return pages.go(reverse("integrations"))
    changes = {
        "name": pages.text(request, "name", 200), "service": pages.number(request, "service"),
        "default_severity": request.POST.get("default_severity", ""), "enabled": request.POST.get("enabled") == "1",
        **{field: pages.number(request, field) for field in ("event_rate", "event_burst") if field in request.POST},
    }  # fmt: skip
    operations.change_integration(found, by=by, now=now, **changes)
    messages.success(request, "Saved.")
    return pages.go(reverse("integration", args=[found.pk]))


def _protocol(found: Integration) -> str:
    return PROTOCOLS.get(found.kind, ("in", ""))[0]


def _path(found: Integration) -> str:
    return PROTOCOLS[found.kind][1] if found.kind in PROTOCOLS else f"/in/{found.key}"


def _sample(found: Integration, now: str) -> Any:
    """A message as that kind of source sends it."""
    title = f"Test event for {found.name}"
    payload = {"summary": title, "source": "tocsin", "severity": "warning", "timestamp": now}
    alert = {"labels": {"alertname": "TocsinTest", "severity": "warning"}, "annotations": {"summary": title}, "startsAt": now}
    return {
        "alertmanager": {"version": "4", "status": "firing", "alerts": [{**alert, "status": "firing"}]},
        "alertmanager_api_v2": [alert],
        "pagerduty_events_v2": {"routing_key": found.key, "event_action": "trigger", "dedup_key": "tocsin-test", "payload": payload},
        "pagerduty_change_events": {"routing_key": found.key, "payload": {"summary": title, "source": "tocsin", "timestamp": now}},
    }.get(found.kind, {"title": title, "status": "firing", "severity": "warning", "key": "tocsin-test"})


def _curl(found: Integration) -> str:
    bearer = f"-H 'Authorization: Bearer {found.key}' " if found.kind == "alertmanager_api_v2" else ""
    sample = _sample(found, "")
    body = json.dumps(_without_times(sample)).replace("'", "'\\''")
    return f"curl -H 'Content-Type: application/json' {bearer}\\\n  -d '{body}' \\\n  {settings.TOCSIN_URL}{_path(found)}"


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in ("startsAt", "timestamp")}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


SETUPS = {
    "alertmanager": (
        "In alertmanager.yml",
        "receivers:\n  - name: tocsin\n    webhook_configs:\n      - url: {url}/in/{key}\n        send_resolved: true",
    ),
    "alertmanager_api_v2": (
        "In prometheus.yml",
        "alerting:\n  alertmanagers:\n    - scheme: {scheme}\n      authorization: {{ credentials: {key} }}\n"
        '      static_configs:\n        - targets: ["{host}"]',
    ),
    "pagerduty_events_v2": ("In whatever pages through PagerDuty", "Events host:  {url}\nRouting key:  {key}"),
    "pagerduty_change_events": ("At the end of your pipeline", "Address:      {url}/v2/change/enqueue\nRouting key:  {key}"),
}


def _setup(found: Integration) -> dict[str, str]:
    """What to write into the source's own configuration."""
    scheme, _, host = settings.TOCSIN_URL.partition("://")
    title, text = SETUPS.get(found.kind, ("Post JSON to", "{url}/in/{key}"))
    return {"title": title, "text": text.format(url=settings.TOCSIN_URL, key=found.key, scheme=scheme, host=host)}
