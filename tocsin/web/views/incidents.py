"""Which incidents were there? The list, filtered by its address."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from tocsin.accounts.permissions import Needs, needs
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.procedures import operations as procedures
from tocsin.web import keyset, pages
from tocsin.web.views.board import card, promises_of, with_people

SHOWN = 25
STATES = {"": "All", "open": "Open", "resolved": "Resolved", "closed": "Closed"}


@needs(Needs.READ)
def incidents(request: HttpRequest) -> HttpResponse:
    """Incidents, newest first; by state, severity and words."""
    state, severity, words = (request.GET.get(name, "")[:200].strip() for name in ("state", "severity", "q"))
    rows = with_people(queries.visible_to(request.user))  # type: ignore[arg-type]
    if state == "open":
        rows = rows.exclude(status__in=(Incident.Status.RESOLVED, Incident.Status.CLOSED))
    elif state in ("resolved", "closed"):
        rows = rows.filter(status=state)
    if severity:
        rows = rows.filter(severity=severity)
    if words:
        rows = rows.filter(Q(title__icontains=words) | Q(impact__icontains=words))
    found, earlier = keyset.page(rows, request.GET.get("before"), SHOWN)
    promises = promises_of(found)
    context = {
        "cards": [card(row, promises[row.pk]) for row in found], "earlier": keyset.address(request, earlier), "states": STATES, "state": state,
        "severity": severity, "q": words, "severities": procedures.ask_in_force().severities,
    }  # fmt: skip
    return pages.page(request, "incidents/incidents.html", context)
