"""One incident, as it stands: its page, and its conformance."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.conformance import WORST_FIRST
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused
from tocsin.obligations import queries as obligations
from tocsin.procedures import operations as procedures
from tocsin.response.close_incident import still_open
from tocsin.response.judge_incident import report
from tocsin.web import holding, incident_page, pages

FRAGMENTS = {"timeline": "incidents/_timeline.html", "procedure": "incidents/_procedure.html"}


def found(request: HttpRequest, ref: str) -> Incident:
    """The incident of that reference, or the page that says there is none."""
    try:
        return incidents.by_ref(ref, pages.actor(request))
    except Refused as refused:
        raise Http404(refused.detail) from refused


def _before(request: HttpRequest) -> int | None:
    text = request.GET.get("before", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


@needs(Needs.READ)
def incident(request: HttpRequest, ref: str) -> HttpResponse:
    """The page of an incident."""
    row = found(request, ref)
    return pages.page(request, "incidents/incident.html", context_of(request, row), fragments=FRAGMENTS)


def context_of(request: HttpRequest, row: Incident) -> dict[str, Any]:
    """Everything the page shows."""
    now, procedure = pages.now(request), procedures.document(row.procedure_version)
    shown = request.GET.get("show", "")
    alerts = incident_page.alerts(row)
    alert_ids = [link.alert_id for link in alerts["links"]]
    roles = incident_page.roles(procedure, row)
    mine = {entry["role"].id for entry in roles if entry["held"] and entry["held"].user_id == request.user.pk}
    commander = roles[0]["held"] if roles else None
    paging = incident_page.paging(row, alert_ids)
    own = [run for run in paging["escalations"] if run.incident_id == row.pk]
    may = bool(getattr(request.user, "may_respond", False))
    commands = may and (commander is None or commander.user_id == request.user.pk or request.user.is_administrator)  # type: ignore[union-attr]
    return {
        "incident": row, "now": now, "procedure": procedure, "severity": procedure.severity(row.severity), "steps": incident_page.steps(procedure, row),
        "clocks": incident_page.clocks(obligations.of_incident(row.pk, alert_ids)),
        "timeline": incident_page.timeline(row, shown=shown if shown in incident_page.FILTERS else "", before=_before(request)),
        "roles": roles, "mine": mine, "commander": commander, "people": incident_page.people(row, roles), "alerts": alerts,
        "paging": paging, **holding.context(request, ("incident_do", row.ref), own, incident_id=row.pk), "crew": incident_page.crew() if may else [],
        "changes": list(row.severity_changes.select_related("by").order_by("id")),
        "missing": still_open(row, procedure, now) if row.status == Incident.Status.RESOLVED else [], "watched": incident_page.watched(row, now),
        "may": may and row.is_open, "may_write": may, "commands": commands and row.is_open, "here": request.path, **incident_page.lists(row),
    }  # fmt: skip


@needs(Needs.READ)
def conformance(request: HttpRequest, ref: str) -> HttpResponse:
    """Clause by clause: what the procedure demanded, what became of it, and what proves it."""
    row, now = found(request, ref), pages.now(request)
    clauses = report(row, now)
    counts = Counter(clause.verdict for clause in clauses)
    may = bool(getattr(request.user, "may_respond", False)) and row.is_open
    context = {
        "incident": row, "procedure": procedures.document(row.procedure_version), "clauses": clauses, "may": may, "here": request.path,
        "counts": [(verdict, counts[verdict]) for verdict in WORST_FIRST if counts[verdict]],
    }  # fmt: skip
    return pages.page(request, "incidents/conformance.html", context)


@needs(Needs.READ)
def by_id(request: HttpRequest, incident_id: int) -> HttpResponse:
    """From the number inside to the address people know."""
    row = incidents.visible_to(pages.actor(request)).filter(pk=incident_id).first()
    if row is None:
        raise Http404
    return pages.go(reverse("incident", args=[row.ref]))
