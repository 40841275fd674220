"""What does Opsgenie's Alert API demand of a request, and in which words does it answer? Writes are stored as events, 202 after the commit."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qsl

from tocsin.intake import threads
from tocsin.intake.request import Answer, Checked, InvalidError, Protocol, Request, decoded, json_answer, word
from tocsin.intake.state import integration_of, store

RATE = b"x-ratelimit-state"
CREATE, ACTION = "opsgenie", "opsgenie_action"  # how a raw event came: an alert in Opsgenie's form, or something done to one
ACTIONS = {
    "POST": ("close", "acknowledge", "unacknowledge", "snooze", "notes", "tags", "details", "assign", "escalate", "teams", "responders"),
    "PUT": ("message", "description", "priority"),
    "DELETE": ("tags", "details"),
    "GET": ("notes", "logs"),
}
NEEDED = {"snooze": "endTime", "notes": "note", "tags": "tags", "details": "details", "message": "message", "priority": "priority"}


def refuse(sentence: str, status: int = 422, retry_after: int = 0) -> Answer:
    """Opsgenie says no with a message, the seconds it took and the request's id."""
    state = b"THROTTLED" if status == 429 else b"OK"
    said = json_answer(status, retry_after, message=sentence, took=0.0, requestId=str(uuid.uuid4()))
    return said._replace(headers=((RATE, state),))


PROTOCOL = Protocol(refuse, overloaded=429)


def answered(**fields: Any) -> Answer:
    """A read, answered."""
    return json_answer(200, **fields, took=0.001, requestId=str(uuid.uuid4()))._replace(headers=((RATE, b"OK"),))


def _invalid(**errors: str) -> InvalidError:
    said = json_answer(
        422, message="Request body is not processable. Please check the errors.", errors=errors, took=0.0, requestId=str(uuid.uuid4())
    )
    return InvalidError(said._replace(headers=((RATE, b"OK"),)))


def _accepted() -> tuple[str, Answer]:
    made = str(uuid.uuid4())
    said = json_answer(202, result="Request will be processed", took=0.001, requestId=made)
    return made, said._replace(headers=((RATE, b"OK"),))


async def _integration(request: Request) -> int:
    found = await integration_of(request.key())
    if found is None:
        raise InvalidError(refuse("Could not authenticate", 401))
    return found


def _object(request: Request) -> dict[str, Any]:
    body = decoded(request.body, refuse) if request.body.strip() else {}
    if not isinstance(body, dict):
        raise _invalid(body="A JSON object was expected.")
    return body


async def create(request: Request) -> Answer:
    """Keep an alert. An empty message is taken where an alias names it: Alertmanager may send none."""
    integration, body = await _integration(request), _object(request)
    if not (word(body.get("message")) or word(body.get("alias"))):
        raise _invalid(message="Message can not be empty.")
    if len(word(body.get("alias"))) > 512:
        raise _invalid(alias="Alias can not be longer than 512 characters.")
    made, said = _accepted()
    return await store(request, integration, CREATE, Checked("", made, said))


async def act(request: Request) -> Answer:
    """Keep what is to be done to an alert; also for one that does not exist, as Opsgenie does. GET reads its notes and logs."""
    action, method = request.parts.get("action", "delete"), request.method
    if action not in ACTIONS.get(method, ()) and not (action == "delete" and "action" not in request.parts):
        raise InvalidError(refuse(f"There is no {method} of {action[:40]!r} on an alert.", 404))
    integration = await _integration(request)
    if method == "GET":
        return await _read("of_alert", integration, *_named(request), action)
    body = _object(request)
    needed = NEEDED.get(action) if method != "DELETE" else None
    if needed and not body.get(needed):
        raise _invalid(**{needed: f"{needed} can not be empty."})
    return await _keep(request, integration, f"remove_{action}" if method == "DELETE" and action != "delete" else action)


async def custom(request: Request) -> Answer:
    """Keep that a custom action was asked for."""
    integration = await _integration(request)
    _object(request)
    return await _keep(request, integration, "custom", **{":name": request.parts["name"][:200]})


async def _keep(request: Request, integration: int, action: str, **more: str) -> Answer:
    identifier, kind = _named(request)
    made, said = _accepted()
    beside = {":action": action, ":identifier": identifier[:512], ":identifier-type": kind, **more}
    return await store(request, integration, ACTION, Checked("", made, said), beside)


def _named(request: Request) -> tuple[str, str]:
    kind = _query(request).get("identifierType", "id").lower()
    if kind not in ("id", "alias", "tiny"):
        raise InvalidError(refuse("identifierType is one of id, alias, tiny."))
    return request.parts["identifier"].replace("\0", ""), kind


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query.decode("latin-1"), max_num_fields=50))


async def get(request: Request) -> Answer:
    """One alert."""
    return await _read("alert", await _integration(request), *_named(request))


async def alerts(request: Request) -> Answer:
    """The alerts that a query names, a page of them."""
    return await _read("alerts", await _integration(request), _query(request), request.path)


async def count(request: Request) -> Answer:
    """How many alerts a query names."""
    return await _read("count", await _integration(request), _query(request))


async def outcome(request: Request) -> Answer:
    """What became of a request."""
    return await _read("outcome", await _integration(request), request.parts["request"])


async def gone(request: Request) -> Answer:
    """The first version of the API, which ended long ago."""
    return refuse("Opsgenie's API v1 is gone; use /v2/alerts.", 410)


async def _read(name: str, *arguments: Any) -> Answer:
    try:
        return answered(**await threads.ask("opsgenie_reads", name, *arguments))
    except LookupError as missing:
        return refuse(str(missing.args[0]), 404)
    except ValueError as wrong:
        return refuse(str(wrong))
    except threads.BusyError:
        return refuse("Too many reads wait; ask again.", 429, 1)
