"""How is an update written? In the procedure's words, with the text as it will go out beside the form, and errors at their fields."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from tocsin.accounts.permissions import Needs, needs
from tocsin.incidents.models import Incident, Subscriber
from tocsin.lib.refusal import Refused
from tocsin.obligations.models import Obligation
from tocsin.procedures import operations as procedures
from tocsin.response.post_update import STATUSES, post_update, preview_update
from tocsin.statuspage.models import STATUSES as COMPONENT_STATUSES
from tocsin.statuspage.models import Component
from tocsin.web import pages
from tocsin.web.views.incident import found

FRAGMENTS = {"preview": "incidents/_update_preview.html"}
AFTER = ("Monitoring", "Resolved")  # what can be said of an incident that is resolved
WRITTEN = ("status", "verb", "description", "impact", "next_update_minutes", "cause", "actions", "next_steps", "eta")


@needs(Needs.RESPOND)
def update(request: HttpRequest, ref: str) -> HttpResponse:
    """The form, its preview (`?fragment=preview`), and the publication."""
    row = found(request, ref)
    given = request.POST if request.method == "POST" else request.GET
    owed = procedures.document(row.procedure_version).severity(row.severity).communication
    usual = owed.audience if owed and not row.private else "internal"
    audience = "internal" if given.get("audience", usual) == "internal" else "public"
    errors: dict[str, str] = {}
    if request.method == "POST" and request.GET.get("fragment") != "preview":
        try:
            return _publish(request, row, audience)
        except Refused as refused:
            if refused.status == 404:
                raise Http404(refused.detail) from refused
            errors = refused.errors or {"": refused.detail}
    context = _context(request, row, audience, given) | {"errors": errors}
    return pages.page(request, "incidents/update.html", context, fragments=FRAGMENTS, status=422 if errors else 200)


def _fields(given: Any) -> dict[str, Any]:
    """What the form holds: the written fields, and the components whose status is to change."""
    fields: dict[str, Any] = {name: str(given.get(name, ""))[:4000] for name in WRITTEN}
    chosen = {key.removeprefix("component-"): value for key, value in given.items() if key.startswith("component-") and value}
    return fields | {"components": chosen}


def _publish(request: HttpRequest, row: Incident, audience: str) -> HttpResponse:
    by, now = pages.actor(request), pages.now(request)
    post_update(incident=row, audience=audience, by=by, now=now, force=request.POST.get("force") == "yes", **_fields(request.POST))
    messages.success(request, "Published." if audience == "public" else "Colleagues are told.")
    return pages.go(reverse("incident", args=[row.ref]))


def _context(request: HttpRequest, row: Incident, audience: str, given: Any) -> dict[str, Any]:
    now, procedure = pages.now(request), procedures.document(row.procedure_version)
    severity = procedure.severity(row.severity)
    last = row.updates.filter(audience=audience).order_by("-id").first()
    values = _fields(given) if request.method == "POST" else _start(row, audience, last, severity)
    shown = preview_update(incident=row, audience=audience, by=pages.actor(request), now=now, **values)
    kinds = [f"next_{audience}_update", f"first_{audience}_update"]
    promise = Obligation.objects.filter(incident_id=row.pk, kind__in=kinds, state="open").order_by("due_at").first()
    return {
        "incident": row, "procedure": procedure, "severity": severity, "audience": audience, "values": values, "preview": shown, "promise": promise,
        "last": last, "statuses": [word.lower() for word in STATUSES if (word in AFTER) == bool(row.resolved_at) or word == "Monitoring"], "now": now,
        "components": _components(row, values) if audience == "public" else [], "component_statuses": COMPONENT_STATUSES,
        "repeat": severity.communication.repeat_minutes if severity.communication and severity.communication.audience == audience else None,
        "choices": (10, 15, 20, 30, 60), "subscribers": Subscriber.objects.filter(removed_at=None, undeliverable_at=None).count(),
    }  # fmt: skip


def _start(row: Incident, audience: str, last: Any, severity: Any) -> dict[str, Any]:
    """What the form begins with: the last update's words, else what is known."""
    known = dict(last.fields) if last else {"impact": row.impact}
    minutes = severity.communication.repeat_minutes if severity.communication and severity.communication.audience == audience else None
    status = row.status.capitalize() if row.status != "closed" else "Resolved"
    if status == "Resolved" and audience == "public" and known.get("status") != "Resolved":  # the last words told of the harm
        known |= {"verb": "experiencing", "description": "normal operation again", "impact": ""}
    return {
        **{name: str(known.get(name, "") or "") for name in WRITTEN}, "status": status, "components": {},
        "verb": known.get("verb") or ("investigating" if row.status == "investigating" else "experiencing"),
        "next_update_minutes": "" if status == "Resolved" else str(minutes or known.get("next_update_minutes") or ""),
    }  # fmt: skip


def _components(row: Incident, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines of the status page, those of the incident's service first."""
    mine = set(row.service.components.values_list("pk", flat=True)) if row.service else set()
    rows = sorted(Component.objects.filter(removed_at=None), key=lambda one: (one.pk not in mine, one.position, one.pk))
    return [{"component": one, "chosen": values["components"].get(str(one.pk), ""), "mine": one.pk in mine} for one in rows]
