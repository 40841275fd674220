"""Built-in tickets over HTTP."""

from __future__ import annotations

from typing import Any, Literal

from django.db.models import Q
from django.http import HttpRequest
from ninja import Query, Router

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api import work_shapes
from tocsin.api.acting import acting
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import ActingBody
from tocsin.incidents import queries
from tocsin.incidents.models import Ticket
from tocsin.lib.refusal import missing
from tocsin.response.action_items import set_ticket

router = Router(tags=["Tickets"])


class TicketFilters(Paging):
    """Which tickets."""

    status: Literal["open", "done"] | None = None
    team: int | None = None


class TicketBody(ActingBody):
    """Is it done?"""

    status: Literal["open", "done"]


@router.get("")
@needs(Needs.READ)
def list_tickets(request: HttpRequest, filters: Query[TicketFilters]) -> Page[work_shapes.TicketShape]:
    """The tickets, newest first."""
    given = {"status": filters.status, "team_id": filters.team}
    rows = _visible(request).filter(**{name: value for name, value in given.items() if value is not None})
    return page(rows, filters, work_shapes.ticket, order=("-id",))


@router.get("/{ticket_id}")
@needs(Needs.READ)
def get(request: HttpRequest, ticket_id: int) -> work_shapes.TicketShape:
    """One ticket."""
    return work_shapes.ticket(_find(request, ticket_id))


@router.patch("/{ticket_id}")
@needs(Needs.RESPOND)
def change(request: HttpRequest, ticket_id: int, body: TicketBody) -> work_shapes.TicketShape:
    """Mark it done, or open it again."""
    ticket = _find(request, ticket_id)
    return work_shapes.ticket(set_ticket(ticket=ticket, done=body.status == "done", by=acting(request, body.by), now=clock.now()))


def _visible(request: HttpRequest) -> Any:
    theirs = queries.visible_to(request.actor)  # type: ignore[attr-defined]
    return Ticket.objects.filter(Q(incident=None) | Q(incident__in=theirs.values("pk"))).select_related("incident", "team", "done_by")


def _find(request: HttpRequest, ticket_id: int) -> Ticket:
    ticket = _visible(request).filter(pk=ticket_id).first()
    if ticket is None:
        raise missing("ticket")
    return ticket
