"""What do people see when a page is not there, not theirs, or broken? A plain page with the request's id."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tocsin.api import problems

SENTENCES = {
    400: ("This request cannot be read", "The address or the form is not one that Tocsin knows."),
    403: ("This is not yours to open", "Your role does not allow it. An administrator can change roles under People and teams."),
    404: ("There is no such page", "The address may be mistyped, the thing may be gone, or it is private and you are not part of it."),
    500: (
        "Something broke on our side",
        "Paging goes on; this page did not work. Try again; if it stays, give an administrator the request number.",
    ),
    503: (
        "The database does not answer",
        "Nothing was changed. Pages that are due go out once it is back; try again in a few seconds.",
    ),
}


def answer(request: HttpRequest, status: int, detail: str = "") -> HttpResponse:
    """The page for that status; `detail` replaces the general sentence."""
    title, text = SENTENCES[status]
    number = getattr(request, "id", "") or getattr(request, "request_id", "") or uuid.uuid4().hex[:12]
    response = render(request, "error.html", {"status": status, "title": title, "text": detail or text, "number": number}, status=status)
    response["X-Request-Id"] = number
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return answer(request, 400)


def forbidden(request: HttpRequest, exception: Exception, reason: str = "") -> HttpResponse:
    """403."""
    return answer(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return answer(request, 404)


def broken(request: HttpRequest, *args: Any) -> HttpResponse:
    """500: rendered without the database, which may be what is broken."""
    return answer(request, 500)


def away(request: HttpRequest) -> HttpResponse:
    """503: the database does not answer."""
    response = answer(request, 503)
    response["Retry-After"] = str(problems.RETRY_AFTER)
    return response


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 of the forgery protection: the form was open too long or came from another site."""
    return answer(
        request, 403, "The form had expired, or it came from another site. Nothing was changed: go back, reload the page and send it again."
    )
