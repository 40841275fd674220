"""Which router answers under which prefix? The table of the API, and what makes one API of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from ninja import NinjaAPI, Router
from ninja.operation import Operation
from ninja.responses import Response
from ninja.utils import normalize_path, replace_path_param_notation

from tocsin.accounts.permissions import Needs, needs
from tocsin.api import ROUTERS, answers, problems
from tocsin.api.parser import StrictParser

BODIED = ("POST", "PUT", "PATCH")


class Api(NinjaAPI):
    """NinjaAPI whose routes show the gate (web/gate.py) which operation, and so which permission, each method has."""

    def _get_urls(self) -> list[Any]:
        views: dict[str, Callable[..., HttpResponse]] = {}
        for bound in self._get_bound_routers():
            prefix = replace_path_param_notation(bound.prefix)
            for tail, path_view in bound.path_operations.items():
                route = normalize_path("/".join(part for part in (prefix, replace_path_param_notation(tail)) if part)).lstrip("/")
                view = views.setdefault(route, _view())
                for operation in path_view.operations:
                    for method in operation.methods:
                        if method in view.operations:  # type: ignore[attr-defined]
                            raise RuntimeError(f"{method} /api/v1/{route} is defined twice")
                        view.operations[method] = operation  # type: ignore[attr-defined]
        root = path("", needs(Needs.PUBLIC)(_home), name="api-root")
        return [*(path(route, view) for route, view in _literal_first(views)), root]

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return f"{operation.view_func.__module__.rpartition('.')[2]}_{operation.view_func.__name__}"


def _literal_first(views: dict[str, Callable[..., HttpResponse]]) -> list[tuple[str, Callable[..., HttpResponse]]]:
    """Routes with fixed words before those with parameters in the same place, whoever was mounted first."""
    return sorted(views.items(), key=lambda item: [part.startswith("<") for part in item[0].split("/")])


def _view() -> Callable[..., HttpResponse]:
    """The view of one path: hands the request to the operation of its method."""

    def view(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        operations = view.operations  # type: ignore[attr-defined]
        operation = operations.get(request.method or "") or (operations.get("GET") if request.method == "HEAD" else None)
        if operation is None:
            response = problems.problem(405, f"This address does not know {request.method}.", code="method_not_allowed")
            response["Allow"] = ", ".join(sorted(operations))
            return response
        if request.method in BODIED and not request.body:
            request._body = b"{}"  # type: ignore[attr-defined]  # `curl -X POST` alone: nothing more is said, and what lacks is named
        return operation.run(request, **kwargs)

    view.operations = {}  # type: ignore[attr-defined]
    view.csrf_exempt = True  # type: ignore[attr-defined]  # the gate checks it where a session, not a token, proves who asks
    return view


def _home(request: HttpRequest) -> HttpResponse:
    return Response({"openapi": "/api/v1/openapi.json", "docs": "/api/v1/docs"})


_description = (
    "Runs the incident procedure over HTTP. Send `Authorization: Bearer TOKEN`. "
    "Lists are read by cursor (`limit`, `cursor`; `next` in the answer). Times are RFC 3339 in UTC. "
    "A write may carry `Idempotency-Key`: repeated with the same body it gets the same answer and is done once. "
    "Errors are problem documents (RFC 9457)."
)
api = Api(
    title="Tocsin",
    version="1",
    description=_description,
    openapi_url="",
    docs_url="",
    urls_namespace="api",
    parser=StrictParser(),
    openapi_extra={"security": [{"token": []}]},
)
problems.install(api)
documentation = Router(tags=["API"])


@documentation.get("/openapi.json", include_in_schema=False)
@needs(Needs.PUBLIC)
def openapi(request: HttpRequest) -> HttpResponse:
    """The API's description in OpenAPI 3.1."""
    return Response(description())


@documentation.get("/docs", include_in_schema=False)
@needs(Needs.PUBLIC)
def docs(request: HttpRequest) -> HttpResponse:
    """The same for people: one plain page, no scripts."""
    from tocsin.api.docs import forms, sections

    return render(request, "api/docs.html", {"sections": sections(description()), "forms": forms(description())})


@functools.cache
def description() -> dict[str, Any]:
    """The OpenAPI document, with how to prove who asks, the permission of each operation, and its answers. Made once; not to be changed."""
    schema: dict[str, Any] = dict(api.get_openapi_schema(path_prefix="/api/v1/"))
    operations: list[tuple[dict[str, Any], Operation]] = []
    for bound in api._get_bound_routers():
        for tail, path_view in bound.path_operations.items():
            address = re.sub(r"{[^}:]+:", "{", normalize_path(f"/api/v1/{bound.prefix}{tail}"))
            for operation in path_view.operations:
                for method in operation.methods:
                    if described := schema["paths"].get(address, {}).get(method.lower()):
                        described["x-needs"] = str(getattr(operation.view_func, "needs", ""))
                        operations.append((described, operation))
                        _may_be_empty(described.get("requestBody"), schema)
    answers.describe(schema, operations)
    schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return schema


def _may_be_empty(body: dict[str, Any] | None, schema: dict[str, Any]) -> None:
    """A body of which nothing is demanded may be left out."""
    if body and (shape := body["content"].get("application/json", {}).get("schema")):
        named = schema["components"]["schemas"].get(shape.get("$ref", "").rpartition("/")[2], shape)
        body["required"] = named.get("type") != "object" or bool(named.get("required"))


api.add_router("", documentation)
for _prefix, _module in ROUTERS:
    api.add_router(_prefix, import_module(f"tocsin.api.{_module}").router)
