"""What stands on a person's page about being reached: quiet hours, what became of their last messages, and the contact card."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from tocsin.accounts import operations
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.lib.refusal import invalid
from tocsin.paging import contact_card
from tocsin.paging.models import Notification, Quiet
from tocsin.web import pages

TRACES = 6


@needs(Needs.SELF)
@require_GET
def card(request: HttpRequest) -> HttpResponse:
    """The contact card to download."""
    answer = HttpResponse(contact_card.card(operations.organisation().name, pages.now(request)), content_type="text/vcard; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="tocsin.vcf"'
    return answer


def context(somebody: User) -> dict[str, Any]:
    """Their quiet hours, and their last messages with each attempt."""
    rows = list(Notification.objects.filter(user=somebody, kind__in=("test", "code", "page", "fallback")).order_by("-id")[:TRACES])
    for row in rows:
        row.lines = [{**line, "at": datetime.fromisoformat(line["at"])} for line in row.history]  # type: ignore[attr-defined]
    return {"quiet": Quiet.objects.filter(user=somebody).first(), "traces": rows}


def time_of(request: HttpRequest, name: str) -> time | None:
    """A posted time of day; None where the field is empty."""
    given = pages.text(request, name, 8)
    try:
        return time.fromisoformat(given) if given else None
    except ValueError as error:
        raise invalid(**{name: "Give a time of day such as 22:00."}) from error
