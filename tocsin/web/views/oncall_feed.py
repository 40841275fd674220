"""The calendar feed behind its secret address: /oncall/{token}.ics."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.oncall.feed import calendar


@needs(Needs.PUBLIC)
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """The iCalendar text; 404 for a secret that is not or no longer valid."""
    found = calendar(token, clock.now()) if len(token) <= 100 else None
    if found is None:
        raise Http404
    if request.headers.get("If-None-Match") == found.etag:
        return HttpResponse(status=304, headers={"ETag": found.etag})
    response = HttpResponse(found.text, content_type="text/calendar; charset=utf-8")
    response["ETag"] = found.etag
    response["Cache-Control"] = "private, max-age=300"
    response["Content-Disposition"] = 'inline; filename="on-call.ics"'
    return response
