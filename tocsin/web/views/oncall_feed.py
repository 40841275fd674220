"""The calendar feed behind its secret address: /oncall/{token}.ics."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.oncall.feed import calendar


@needs(Needs.PUBLIC)
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """The iCalendar text; 404 for a secret that is not or no longer valid."""
    text = calendar(token, clock.now()) if len(token) <= 100 else None
    if text is None:
        raise Http404
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Cache-Control"] = "private, max-age=300"
    response["Content-Disposition"] = 'inline; filename="on-call.ics"'
    return response
