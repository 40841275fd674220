"""May this request pass? One gate before every page and API operation: who asks, what the route demands, nothing by default.

A route states its permission with `@needs`; routes of other packages are listed in web/third_party.py. A route without
one stops the program from starting (`check`), and is refused should it ever be reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import URLPattern, URLResolver

from tocsin import clock
from tocsin.accounts import bearer, idempotency
from tocsin.accounts.actor import Actor
from tocsin.accounts.permissions import Needs
from tocsin.api import problems
from tocsin.lib.refusal import Refused
from tocsin.web import errors, house
from tocsin.web.third_party import PERMISSIONS

API = "/api/v1/"
SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
BODY_LIMIT = 1024 * 1024


class Gate:
    """Middleware, the innermost one: it sees the route, and nothing runs between it and the view."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return _refuse(request, 400, "The address contains a NUL character.")
        request.actor = None  # type: ignore[attr-defined]
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Who asks, and may they? None lets the view run."""
        route = request.resolver_match.view_name if request.resolver_match else ""
        if is_api(request):
            return _api(request, view, kwargs)
        request.actor = _person(request, "web") or _nobody(request)  # type: ignore[attr-defined]
        request.needs = needed = permission(view, route, request.method or "")  # type: ignore[attr-defined]
        if needed is Needs.PUBLIC:
            return None
        if not request.user.is_authenticated:
            return _sign_in(request)
        if needed is None or not request.actor.may(needed, safe=request.method in SAFE):  # type: ignore[attr-defined]
            return errors.answer(request, 403)
        return _second_factor(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A page whose rule said no and that did not show it itself."""
        if isinstance(exception, Refused) and not is_api(request):
            return errors.answer(request, exception.status if exception.status in errors.SENTENCES else 400, exception.detail)
        return None


def is_api(request: HttpRequest) -> bool:
    """Whether the answer is for a program."""
    return request.path_info.startswith(API)


def permission(view: Callable[..., Any], route: str, method: str) -> Needs | None:
    """What the route demands for that method; None where nobody said."""
    operations = getattr(view, "operations", None)
    if operations is not None:
        operation = operations.get("GET" if method == "HEAD" else method)
        return getattr(operation.view_func, "needs", None) if operation else Needs.PUBLIC  # the view answers 405
    stated = getattr(view, "needs", None) or getattr(getattr(view, "view_class", None), "needs", None)
    return stated or PERMISSIONS.get(route)


def check(patterns: list[URLPattern | URLResolver]) -> None:
    """Raises ImproperlyConfigured, naming them, while a route says nothing about its permission."""
    silent = []
    for name, address, view in routes(patterns):
        methods = getattr(view, "operations", None) or {"GET": None}
        silent += [f"{method} /{address}" for method in methods if not isinstance(permission(view, name, method), Needs)]
    if silent:
        raise ImproperlyConfigured("These routes do not state their permission (@needs): " + ", ".join(silent))


def routes(patterns: list[URLPattern | URLResolver], before: str = "", space: str = "") -> Iterator[tuple[str, str, Callable[..., Any]]]:
    """Every route: its name with namespace, its address, its view."""
    for pattern in patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from routes(pattern.url_patterns, address, inner)
        else:
            yield f"{space}{pattern.name or ''}", address, pattern.callback


def _api(request: HttpRequest, view: Callable[..., HttpResponse], kwargs: dict[str, Any]) -> HttpResponse | None:
    needed = permission(view, "", request.method or "")
    request.needs = needed  # type: ignore[attr-defined]
    if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT:
        return problems.problem(413, "The body is larger than 1 MB.", code="too_large")
    header = request.META.get("HTTP_AUTHORIZATION", "")
    actor, owner = _bearer(request, header) if header else (_person(request, "api"), "")
    request.actor = actor or _nobody(request)  # type: ignore[attr-defined]
    if needed is Needs.PUBLIC:
        return None
    if actor is None:
        return problems.unauthorised(
            "This API token is not valid." if header else "Sign in, or send an API token as 'Authorization: Bearer TOKEN'."
        )
    if not header and _lacks_second_factor(request):
        return problems.problem(403, "Your organisation demands a second factor: set it up first.", code="second_factor")
    if not header and request.method not in SAFE and not _csrf_holds(request):
        return problems.problem(403, "The CSRF token is missing or wrong; programs send an API token instead.", code="csrf")
    if needed is None or not actor.may(needed, safe=request.method in SAFE):
        return problems.problem(403, f"This needs the permission '{needed or 'none'}'.", code="forbidden")
    if request.method in SAFE or "HTTP_IDEMPOTENCY_KEY" not in request.META:
        return None
    return _once(request, view, kwargs, owner or f"user:{request.user.pk}")


def _bearer(request: HttpRequest, header: str) -> tuple[Actor | None, str]:
    """The token's actor, and the name under which its idempotency keys are kept."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None, ""
    token = token.strip()
    owner = "token:" + hashlib.sha256(token.encode()).hexdigest()[:40]
    return bearer.actor_of(token, address=request.META.get("REMOTE_ADDR") or None, now=clock.now()), owner


def _person(request: HttpRequest, via: str) -> Actor | None:
    return Actor.of(request.user, via, request.META.get("REMOTE_ADDR") or None) if request.user.is_authenticated else None  # type: ignore[arg-type]


def _nobody(request: HttpRequest) -> Actor:
    """Somebody who has proved nothing: no scope at all. Public routes prove their callers by themselves."""
    return Actor(None, "Somebody not signed in", "link", request.META.get("REMOTE_ADDR") or None, frozenset())


def _csrf_holds(request: HttpRequest) -> bool:
    middleware = CsrfViewMiddleware(lambda request: HttpResponse())
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    middleware.process_request(request)
    return middleware.process_view(request, lambda request: HttpResponse(), (), {}) is None


def _once(request: HttpRequest, view: Callable[..., HttpResponse], kwargs: dict[str, Any], owner: str) -> HttpResponse:
    whole = b"\n".join(((request.method or "").encode(), request.get_full_path().encode(), request.body))
    try:
        return idempotency.once(owner, request.META["HTTP_IDEMPOTENCY_KEY"], whole, lambda: view(request, **kwargs), clock.now())
    except Refused as refusal:
        return problems.refused(refusal)


def _sign_in(request: HttpRequest) -> HttpResponse:
    target = f"{settings.LOGIN_URL}?next={quote(request.get_full_path() if request.method in SAFE else '/')}"
    if request.META.get("HTTP_HX_REQUEST") == "true":
        response = HttpResponse("Sign in again.", status=401, content_type="text/plain")
        response["HX-Redirect"] = settings.LOGIN_URL
        return response
    return HttpResponseRedirect(target)


def _second_factor(request: HttpRequest) -> HttpResponse | None:
    """Where the organisation demands a second factor, people without one see only the pages to set it up."""
    if request.path_info.startswith("/accounts/") or not _lacks_second_factor(request):
        return None
    return HttpResponseRedirect("/accounts/2fa/")


def _lacks_second_factor(request: HttpRequest) -> bool:
    return house.of(request).demands_second_factor and not is_mfa_enabled(request.user)


def _refuse(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if is_api(request):
        return problems.problem(status, detail)
    return HttpResponse(detail, status=status, content_type="text/plain")
