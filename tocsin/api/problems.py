"""How does the API say no? RFC 9457 problem documents: type, title, status, detail, and `errors` naming each field."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, NotRequired

from django.core.exceptions import ObjectDoesNotExist, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, NinjaAPI
from ninja.errors import HttpError, ValidationError
from typing_extensions import TypedDict

from tocsin.lib.refusal import Refused

log = logging.getLogger("tocsin.api")
AWAY = (OperationalError, InterfaceError)  # no connection, cut in the middle, or not in time
RETRY_AFTER = 5  # seconds
KIND = "application/problem+json"
TYPES = "https://tocsin.dev/problems/"
_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field.",
    "string_type": "This must be text.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "list_type": "This must be a list.",
    "dict_type": "This must be an object.",
    "model_attributes_type": "This must be an object.",
    "model_type": "This must be an object.",
}


class ProblemShape(TypedDict):
    """Why a request was not carried out (RFC 9457)."""

    type: Annotated[str, Field(description=f"about:blank, or {TYPES} with a word that stays the same, for programs.")]
    title: str
    status: int
    detail: Annotated[str, Field(description="A sentence for people.")]
    errors: NotRequired[Annotated[dict[str, str], Field(description="Each field that is wrong, with a sentence that says what is right.")]]
    request_id: NotRequired[Annotated[str, Field(description="Of a failure on our side: what the log knows it by.")]]


def problem(
    status: int, detail: str, *, code: str = "", errors: dict[str, str] | None = None, request_id: str | None = None
) -> HttpResponse:
    """One problem document. `code` is a stable word for programs; it ends the `type` address."""
    title = HTTPStatus(status).phrase
    document: ProblemShape = {"type": f"{TYPES}{code}" if code else "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        document["errors"] = errors
    if request_id is not None:
        document["request_id"] = request_id
    return HttpResponse(json.dumps(document), status=status, content_type=KIND)


def unauthorised(detail: str = "Sign in, or send a valid API token as 'Authorization: Bearer TOKEN'.") -> HttpResponse:
    """401: nobody is known to be asking."""
    response = problem(HTTPStatus.UNAUTHORIZED, detail, code="unauthorised")
    response["WWW-Authenticate"] = 'Bearer realm="tocsin"'
    return response


def refused(refusal: Refused) -> HttpResponse:
    """What a rule said, with its own status."""
    return problem(refusal.status, refusal.detail, code=refusal.code, errors=refusal.errors)


def install(api: NinjaAPI) -> None:
    """Let every exception of an operation become a problem document."""
    answers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Refused: lambda request, exc: refused(exc),
        ValidationError: _invalid,
        Http404: _missing,
        ObjectDoesNotExist: _missing,
        HttpError: _http,
        RequestDataTooBig: lambda request, exc: problem(413, "The body is larger than 1 MB.", code="too_large"),
        Exception: unexpected,
    }
    for kind, answer in answers.items():
        api.add_exception_handler(kind, answer)


def unexpected(request: HttpRequest, exc: Exception) -> HttpResponse:
    """503 while the database is away, else 500: our fault. The document carries only the id under which the log has the rest."""
    request_id = getattr(request, "request_id", "")
    if isinstance(exc, AWAY):
        log.warning("request %s: the database does not answer: %s", request_id, exc)
        return away(request)
    log.exception("request %s failed", request_id, exc_info=exc)
    detail = "Something went wrong on our side; nothing was changed. The log has the details under this request id."
    return problem(500, detail, code="unexpected", request_id=request_id)


def away(request: HttpRequest) -> HttpResponse:
    """503: the database does not answer; come again."""
    detail = "The database does not answer; nothing was changed. Send it again."
    answer = problem(503, detail, code="unavailable", request_id=getattr(request, "request_id", ""))
    answer["Retry-After"] = str(RETRY_AFTER)
    return answer


def _missing(request: HttpRequest, exc: Exception) -> HttpResponse:
    detail = str(exc.args[0]) if isinstance(exc, Http404) and exc.args and isinstance(exc.args[0], str) else "There is no such thing here."
    return problem(404, detail if " matches the given query" not in detail else "There is no such thing here.", code="not_found")


def _http(request: HttpRequest, exc: HttpError) -> HttpResponse:
    if exc.status_code == 400:
        return problem(400, "The body is not valid JSON.", code="bad_json")
    return problem(exc.status_code, str(exc))


def _invalid(request: HttpRequest, exc: ValidationError) -> HttpResponse:
    errors: dict[str, str] = {}
    for error in exc.errors:
        errors.setdefault(_field(error["loc"]), _sentence(error))
    detail = "; ".join(f"{name}: {sentence}" for name, sentence in list(errors.items())[:20])
    return problem(422, detail or "The request is not valid.", code="invalid", errors=errors)


def _field(loc: tuple[Any, ...] | list[Any]) -> str:
    """("body", "payload", "steps", 0, "wait_seconds") -> "steps.0.wait_seconds": the names that the sender wrote."""
    parts = [str(part) for part in loc]
    if parts and parts[0] in ("body", "form", "file") and len(parts) > 2:
        parts = parts[2:]
    elif len(parts) > 1:
        parts = parts[1:]
    return ".".join(parts)


def _sentence(error: dict[str, Any]) -> str:
    kind = error.get("type", "")
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    message = str(error.get("msg", "This is not valid")).removeprefix("Value error, ").strip()[:300]
    message = message[:1].upper() + message[1:]
    return message if message.endswith((".", "?")) else f"{message}."
