"""Does a person or a program get this no? A page for people, a problem document for programs."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse

from tocsin.api import problems
from tocsin.web import errors
from tocsin.web.gate import is_api


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: it cannot be read."""
    return problems.problem(400, "This request cannot be read.") if is_api(request) else errors.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: known, but not allowed."""
    return (
        problems.problem(403, "You are not allowed to do this.", code="forbidden")
        if is_api(request)
        else errors.forbidden(request, exception)
    )


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: not there, or not theirs."""
    return (
        problems.problem(404, "There is nothing at this address.", code="not_found")
        if is_api(request)
        else errors.not_found(request, exception)
    )


def failed(request: HttpRequest) -> HttpResponse:
    """500: our fault; the log has the details under the request's id. 503 while the database is away, also before a view was reached."""
    if isinstance(sys.exc_info()[1], problems.AWAY):
        return problems.away(request) if is_api(request) else errors.away(request)
    if not is_api(request):
        return errors.broken(request)
    return problems.problem(500, "Something went wrong on our side.", code="unexpected", request_id=getattr(request, "request_id", ""))
