"""How is an incident declared from the page? A title and a severity, with what will happen shown before it does."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert, Service
from tocsin.domain.procedure.model import Procedure, Severity
from tocsin.incidents import queries as incidents
from tocsin.lib.refusal import Refused
from tocsin.procedures import operations as procedures
from tocsin.response.declare_incident import declare as declare_incident
from tocsin.web import incident_page, pages
from tocsin.web.declare_preview import consequences
from tocsin.web.views.incident_forms import person

FRAGMENTS = {"preview": "declare/_preview.html"}


@needs(Needs.RESPOND)
def declare(request: HttpRequest) -> HttpResponse:
    """The form, its preview (`?fragment=preview`), and the declaration itself."""
    previewing = request.GET.get("fragment") == "preview"
    errors: dict[str, str] = {}
    if request.method == "POST" and not previewing:
        try:
            return _declare(request)
        except Refused as refused:
            if refused.status == 404:
                raise Http404(refused.detail) from refused
            errors = {name: refused.detail if name == "alert" else text for name, text in refused.errors.items()} or {"": refused.detail}
    context = _context(request, request.POST if request.method == "POST" else request.GET) | {"errors": errors}
    return pages.page(request, "declare/declare.html", context, fragments=FRAGMENTS, status=422 if errors else 200)


def _declare(request: HttpRequest) -> HttpResponse:
    incident = declare_incident(
        title=pages.text(request, "title", 300), severity=request.POST.get("severity") or None, impact=pages.text(request, "impact", 2000),
        reason=pages.text(request, "reason", 1000), private=request.POST.get("private") == "yes", drill=request.POST.get("drill") == "yes",
        alert=_alert(request.POST.get("alert", "")), service=_service(request.POST.get("service", "")),
        incident_commander=person(request, "incident_commander"), by=pages.actor(request), now=pages.now(request),
    )  # fmt: skip
    return pages.go(reverse("incident", args=[incident.ref]))


def _context(request: HttpRequest, given: Any) -> dict[str, Any]:
    now, procedure = pages.now(request), procedures.ask_in_force()
    alert = _alert(given.get("alert", ""))
    service = _service(given.get("service", "")) or (alert.service if alert else None)
    severity = _severity(procedure, given.get("severity", "") or (alert.severity if alert else ""))
    crew = incident_page.crew()
    commander = _commander(given.get("incident_commander"), crew, request.user)
    title = str(given.get("title", alert.title if alert else ""))[:300]
    impact = str(given.get("impact", ""))[:2000]
    shown = consequences(procedure, severity, title=title, impact=impact, service=service, commander=commander, now=now)
    return {
        "procedure": procedure, "severity": severity, "alert": alert, "service": service, "crew": crew, "commander": commander, "title": title,
        "impact": impact, "reason": given.get("reason", ""), "private": given.get("private") == "yes", "drill": given.get("drill") == "yes",
        "services": Service.objects.filter(removed_at=None).order_by("name"), "shown": shown, "now": now,
        "open_incidents": incidents.open_incidents(request.user)[:5],  # type: ignore[arg-type]
    }  # fmt: skip


def _severity(procedure: Procedure, id: str) -> Severity:
    """The chosen one; where nothing is chosen yet, the second worst: torn between two, people are asked to take the worse."""
    try:
        return procedure.severity(id)
    except KeyError:
        return procedure.severities[min(1, len(procedure.severities) - 1)]


def _commander(key: str | None, crew: list[User], viewer: Any) -> User | None:
    if key is None:
        return next((one for one in crew if one.pk == viewer.pk), None)
    return next((one for one in crew if str(one.pk) == key), None)


def _alert(key: str) -> Alert | None:
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    related = ("service__team", "service__escalation_policy", "service__leadership_policy")
    return Alert.objects.select_related(*related).filter(pk=int(key)).first()


def _service(key: str) -> Service | None:
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    return Service.objects.select_related("team", "escalation_policy", "leadership_policy").filter(pk=int(key), removed_at=None).first()
