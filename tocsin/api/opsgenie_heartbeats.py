"""How are heartbeats set up by clients of Opsgenie? Its Heartbeat API (/v2/heartbeats), by an integration's key; pings go to the intake.

`ownerTeam` is accepted and not kept: the team is the one that owns the integration's service.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from tocsin import clock
from tocsin.accounts.actor import Actor
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Integration
from tocsin.heartbeats import operations, queries
from tocsin.heartbeats.models import Heartbeat
from tocsin.lib.refusal import Refused

LARGEST = 100_000  # bytes of a body
PRIORITIES = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info", "P5": "info"}
FIELDS = {"description": "description", "alertMessage": "message", "alertTags": "tags"}
THEIR_NAMES = {"name": "name", "period": "interval", "unit": "intervalUnit", "message": "alertMessage", "tags": "alertTags"}
View = Callable[..., HttpResponse]


def _view(**takes: Callable[..., tuple[int, dict[str, Any]]]) -> View:
    """A view of one path: the key first, then the method; every answer in Opsgenie's form."""

    @csrf_exempt
    @needs(Needs.PUBLIC)
    def view(request: HttpRequest, **parts: Any) -> HttpResponse:
        begun = time.monotonic()
        status, answer = _answered(request, takes, parts)
        return JsonResponse({**answer, "took": round(time.monotonic() - begun, 3), "requestId": str(uuid.uuid4())}, status=status)

    return view


def _answered(request: HttpRequest, takes: dict[str, Any], parts: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    integration = _integration(request)
    if integration is None:
        return 401, {"message": "Could not authenticate"}
    take = takes.get(request.method or "")
    if take is None:
        return 405, {"message": f"Only {', '.join(sorted(takes))} is taken here."}
    try:
        return take(request, integration, **parts)
    except Refused as refused:
        errors = {THEIR_NAMES.get(name, name): sentence for name, sentence in refused.errors.items()}
        said = "Request body is not processable. Please check the errors." if errors else refused.detail
        return refused.status, {"message": said, **({"errors": errors} if errors else {})}


def _integration(request: HttpRequest) -> Integration | None:
    scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "geniekey" or not 0 < len(key.strip()) <= 64 or not key.isprintable():
        return None
    return Integration.objects.filter(key=key.strip(), enabled=True, removed_at=None).first()


def _heartbeat(integration: Integration, name: str) -> Heartbeat:
    found = queries.named(integration, name)
    if found is None:
        raise Refused(f"Heartbeat with name [{name[:100]}] does not exist", status=404)
    return found


def _fields(request: HttpRequest) -> dict[str, Any]:
    """The fields of a body in our words. Raises Refused naming each that cannot be read."""
    if len(request.body) > LARGEST:
        raise Refused(f"The body is larger than {LARGEST:,} bytes.", status=413)
    try:
        body = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused("The body is not a JSON object.", status=422)
    errors: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for theirs, ours in FIELDS.items():
        if (value := body.get(theirs)) is not None:
            fits = isinstance(value, list) and all(isinstance(one, str) for one in value) if ours == "tags" else isinstance(value, str)
            fields[ours] = value
            if not fits:
                errors[theirs] = "It is a list of texts." if ours == "tags" else "It is a text."
    unit, interval = str(body.get("intervalUnit") or "minutes").lower(), body.get("interval")
    if unit not in operations.UNITS:
        errors["intervalUnit"] = "It is minutes, hours or days."
    elif interval is not None:
        if isinstance(interval, bool) or not isinstance(interval, int) or not 1 <= interval <= 600_000:
            errors["interval"] = "It is a whole number from 1."
        else:
            fields |= {"period": operations.UNITS[unit] * interval, "unit": unit}
    if (priority := body.get("alertPriority")) is not None:
        if priority not in PRIORITIES:
            errors["alertPriority"] = "It is P1, P2, P3, P4 or P5."
        else:
            fields["severity"] = PRIORITIES[priority]
    if isinstance(body.get("enabled"), bool):
        fields["enabled"] = body["enabled"]
    if errors:
        raise Refused("Request body is not processable.", errors=errors)
    return {**fields, **({"name": str(body["name"])} if body.get("name") is not None else {})}


def _shape(row: Heartbeat) -> dict[str, Any]:
    shown = {
        "name": row.name, "description": row.description, "interval": max(1, int(row.period / operations.UNITS[row.unit])),
        "intervalUnit": row.unit, "enabled": row.state != Heartbeat.State.PAUSED, "expired": row.state in ("late", "failed"),
    }  # fmt: skip
    return {**shown, **({"lastPingTime": row.last_ping_at.isoformat()} if row.last_ping_at else {})}


def _by(integration: Integration) -> dict[str, Any]:
    return {"by": Actor(None, integration.name, "source"), "now": clock.now()}


def _list(request: HttpRequest, integration: Integration) -> tuple[int, dict[str, Any]]:
    return 200, {"data": {"heartbeats": [_shape(row) for row in queries.heartbeats(integration=integration.pk).order_by("name")]}}


def _create(request: HttpRequest, integration: Integration) -> tuple[int, dict[str, Any]]:
    fields = {"name": "", "grace": operations.UNITS["minutes"] * 0, **_fields(request)}  # Opsgenie knows no grace
    if "period" not in fields:
        raise Refused("Request body is not processable.", errors={"period": "It is a whole number from 1."})
    row = operations.create(integration=integration.pk, **fields, **_by(integration))
    return 201, {"result": "created", "data": _meta(row)}


def _meta(row: Heartbeat) -> dict[str, Any]:
    return {"name": row.name, "enabled": row.state != Heartbeat.State.PAUSED, "expired": row.state in ("late", "failed")}


def _get(request: HttpRequest, integration: Integration, name: str) -> tuple[int, dict[str, Any]]:
    return 200, {"data": _shape(_heartbeat(integration, name))}


def _patch(request: HttpRequest, integration: Integration, name: str) -> tuple[int, dict[str, Any]]:
    row = operations.change(_heartbeat(integration, name), **_fields(request), **_by(integration))
    return 200, {"result": "updated", "data": _meta(row)}


def _delete(request: HttpRequest, integration: Integration, name: str) -> tuple[int, dict[str, Any]]:
    row = _heartbeat(integration, name)
    operations.remove(row, **_by(integration))
    return 200, {"result": "Deleted", "data": _meta(row)}


def _switch(enabled: bool) -> Callable[..., tuple[int, dict[str, Any]]]:
    def switch(request: HttpRequest, integration: Integration, name: str) -> tuple[int, dict[str, Any]]:
        row = operations.change(_heartbeat(integration, name), enabled=enabled, **_by(integration))
        return 200, {"result": "enabled" if enabled else "disabled", "data": _meta(row)}

    return switch


heartbeats = _view(GET=_list, POST=_create)
heartbeat = _view(GET=_get, PATCH=_patch, DELETE=_delete)
enable = _view(POST=_switch(True))
disable = _view(POST=_switch(False))
