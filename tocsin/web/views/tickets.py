"""The page of tickets: what SEV4 made instead of paging somebody, open ones first."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.incidents import queries
from tocsin.incidents.models import Ticket
from tocsin.response.action_items import set_ticket
from tocsin.web import pages

MOST = 200


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def tickets(request: HttpRequest) -> HttpResponse:
    """Open tickets by due time, or the done ones; responders finish and reopen them here."""
    if request.method == "POST":
        ticket = _visible(request).filter(pk=pages.number(request, "ticket") or 0).first()
        if ticket is None:
            raise Http404
        done = request.POST.get("done") == "1"
        said = f"T-{ticket.number} is {'done' if done else 'open again'}."
        by, now = pages.actor(request), pages.now(request)
        return pages.act(request, lambda: set_ticket(ticket=ticket, done=done, by=by, now=now), reverse("tickets"), said)
    status = "done" if request.GET.get("status") == "done" else "open"
    found = _visible(request).filter(status=status).order_by("due_at" if status == "open" else "-done_at", "id")
    return pages.page(request, "tickets/list.html", {"tickets": found[:MOST], "status": status, "most": MOST})


def _visible(request: HttpRequest) -> QuerySet[Ticket]:
    theirs = queries.visible_to(pages.actor(request))
    return Ticket.objects.filter(Q(incident=None) | Q(incident__in=theirs.values("pk"))).select_related(
        "incident", "team", "alert", "done_by"
    )
