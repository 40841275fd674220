"""Is each answer of the API as its own description says? Asked of every one that a test receives through Django's test client.

A field that is missing, that nobody described or that is of another type fails the test. The description itself lets further fields be: a later
version may add some. Here there are none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema_rs
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client

PREFIX = "/api/v1/"


def watch(client: type[Client]) -> Callable[[], None]:
    """Look at each answer that this client gets; the result ends it."""
    plain = client.request

    def request(self: Client, **environ: Any) -> Any:
        answer = plain(self, **environ)
        if environ.get("PATH_INFO", "").startswith(PREFIX) and (complaint := of_answer(answer)):
            raise AssertionError(complaint)
        return answer

    client.request = request  # type: ignore[method-assign]
    return lambda: setattr(client, "request", plain)


def of_answer(answer: Any) -> str:
    """What is wrong with an answer of Django's test client; empty: nothing."""
    asked = answer.wsgi_request
    if asked.method == "HEAD":
        return ""
    operation = getattr(getattr(asked.resolver_match, "func", None), "operations", {}).get(asked.method)
    return of(_operation_id(operation) if operation else "", answer, f"{asked.method} {asked.path}")


def of(operation_id: str, answer: HttpResponse | StreamingHttpResponse, name: str) -> str:
    """What is wrong with an answer to that operation; "" is none of those that are described: only a refusal can be judged."""
    status = str(answer.status_code)
    responses = _responses().get(operation_id)
    if answer.status_code >= 400:
        described: dict[str, Any] | None = _closed()["components"]["responses"]["Problem"]
    elif responses is None:
        return ""
    else:
        described = responses.get(status)
    if described is None:
        return f"{name}: the status {status} is not described."
    kind = answer.get("Content-Type", "").partition(";")[0]
    content = described.get("content", {})
    if not content:
        return f"{name}: {status} is described to have no body." if getattr(answer, "content", b"") else ""
    if kind not in content:
        return f"{name}: {status} is described as {', '.join(content)}, not as {kind}."
    if not kind.endswith("json") or answer.streaming:
        return ""
    problem = next(iter(_validator(json.dumps(content[kind]["schema"])).iter_errors(json.loads(answer.content))), None)
    if problem is None:
        return ""
    place = "".join(f".{part}" if isinstance(part, str) else f"[{part}]" for part in problem.instance_path)
    return f"{name}: {status} is not as it is described, at {place or 'the top'}: {problem.message[:600]}"


@cache
def _responses() -> dict[str, dict[str, Any]]:
    """By the id of the operation."""
    return {one["operationId"]: one["responses"] for methods in _closed()["paths"].values() for one in methods.values()}


@cache
def _closed() -> dict[str, Any]:
    from tocsin.api.mount import description

    whole = json.loads(json.dumps(description()))
    for form in whole["components"]["schemas"].values():
        if "properties" in form:
            form.setdefault("additionalProperties", False)
    return whole


@cache
def _registry() -> Any:
    return jsonschema_rs.Registry([("urn:description", _closed())])


@cache
def _validator(schema: str) -> Any:
    pointed = schema.replace('"#/', '"urn:description#/')
    return jsonschema_rs.Draft202012Validator(json.loads(pointed), registry=_registry(), validate_formats=True)


def _operation_id(operation: Any) -> str:
    from tocsin.api.mount import api

    return api.get_openapi_operation_id(operation)
