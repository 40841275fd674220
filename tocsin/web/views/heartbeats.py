"""The pages of heartbeats: the list with the state of each, a new one, and one with its address, its last pings and its settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Integration
from tocsin.domain.heartbeats import WORDS
from tocsin.heartbeats import operations, queries
from tocsin.heartbeats.models import Adoption, Heartbeat, Ping
from tocsin.lib.refusal import Refused, missing
from tocsin.web import keyset, pages

LOOKS = {"ok": ("ok", "check"), "late": ("bad", "alert"), "failed": ("bad", "stop"), "paused": ("warn", "lock"), "never": ("", "clock")}
SHOWN = 50  # heartbeats on a page
BARS = 30  # pings that the drawing shows
SEVERITIES = (("", "The integration's default"), ("critical", "critical"), ("error", "error"), ("warning", "warning"), ("info", "info"))
TEXTS = {"name": 200, "description": 3000, "cron": 200, "time_zone": 100, "severity": 20, "message": 1000, "watchdog": 400}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d{1,9})\s*([smhd]?)\w*")


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def heartbeats(request: HttpRequest) -> HttpResponse:
    """Every heartbeat, by state; and what becomes of unknown names."""
    if request.method == "POST":
        return _adopt(request)
    state = request.GET.get("state", "")
    rows, earlier = keyset.page(queries.heartbeats(state=state if state in WORDS else ""), request.GET.get("before"), SHOWN)
    context = {
        "lines": [_line(row, queries.pings(row, BARS)) for row in rows], "earlier": keyset.address(request, earlier), "state": state,
        "states": WORDS, "integrations": Integration.objects.filter(removed_at=None).order_by("name"),
        "adopting": set(Adoption.objects.values_list("integration_id", flat=True)),
    }  # fmt: skip
    return pages.page(request, "heartbeats/list.html", context)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """What should be heard, and how often."""
    errors: dict[str, str] = {}
    form: dict[str, Any] = {"integration": None, "period": "1h", "grace": "5m", "severity": ""}
    if request.method == "POST":
        form = _typed(request)
        try:
            made = operations.create(
                integration=pages.number(request, "integration"), **_read(request), by=pages.actor(request), now=pages.now(request)
            )
            return pages.go(reverse("heartbeat", args=[made.pk]))
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
    integrations = Integration.objects.filter(removed_at=None).order_by("name")
    context = {"form": form, "errors": errors, "integrations": integrations, "severities": SEVERITIES}
    return pages.page(request, "heartbeats/form.html", context, status=422 if errors else 200)


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def heartbeat(request: HttpRequest, heartbeat_id: int) -> HttpResponse:
    """One heartbeat."""
    row = queries.heartbeats().filter(pk=heartbeat_id).first()
    if row is None:
        raise missing("heartbeat")
    errors: dict[str, str] = {}
    form = _stored(row)
    if request.method == "POST":
        try:
            return _act(request, row)
        except Refused as refused:
            if refused.status in (403, 404):
                raise
            errors, form = refused.errors or {"name": refused.detail}, _typed(request)
    pings = queries.pings(row)
    context = {
        "heartbeat": row, "line": _line(row, pings[:BARS]), "pings": [_shown(one) for one in pings], "form": form, "errors": errors,
        "severities": SEVERITIES, "snippets": _snippets(row) if request.user.is_administrator else (),  # type: ignore[union-attr]
    }  # fmt: skip
    return pages.page(
        request, "heartbeats/heartbeat.html", context, fragments={"pings": "heartbeats/_pings.html"}, status=422 if errors else 200
    )


def _act(request: HttpRequest, row: Heartbeat) -> HttpResponse:
    if not request.user.is_administrator:  # type: ignore[union-attr]
        raise Refused("Only administrators may change heartbeats.", status=403)
    action, by, now = request.POST.get("action", ""), pages.actor(request), pages.now(request)
    if action == "remove":
        operations.remove(row, by=by, now=now)
        return pages.go(reverse("heartbeats"))
    if action in ("pause", "resume"):
        operations.change(row, enabled=action == "resume", by=by, now=now)
        messages.success(request, "Paused: nothing is awaited." if action == "pause" else "Resumed: the next ping starts the clock.")
    else:
        operations.change(row, **_read(request), by=by, now=now)
        messages.success(request, "Saved.")
    return pages.go(reverse("heartbeat", args=[row.pk]))


def _adopt(request: HttpRequest) -> HttpResponse:
    if not request.user.is_administrator:  # type: ignore[union-attr]
        raise Refused("Only administrators may change this.", status=403)
    integration = Integration.objects.filter(pk=pages.number(request, "integration") or 0, removed_at=None).first()
    if integration is None:
        raise missing("integration")
    operations.adopt(integration, request.POST.get("create") == "1", by=pages.actor(request), now=pages.now(request))
    return pages.go(reverse("heartbeats"))


# -- forms ----------------------------------------------------------------------------------------------------------------


def _typed(request: HttpRequest) -> dict[str, Any]:
    """What was typed, to be shown again."""
    form: dict[str, Any] = {name: request.POST.get(name, "")[:limit] for name, limit in {**TEXTS, "period": 40, "grace": 40}.items()}
    integration = request.POST.get("integration", "")
    return form | {"business_hours": "business_hours" in request.POST, "integration": int(integration) if integration.isdecimal() else None}


def _read(request: HttpRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {name: pages.text(request, name, limit) for name, limit in TEXTS.items()}
    errors = {}
    for name in ("period", "grace"):
        length = _length(pages.text(request, name, 40))
        if length is None:
            errors[name] = "A length such as 90s, 5m, 2h or 1d."
        else:
            fields[name] = length
    if errors:
        raise Refused("A length is needed.", errors=errors)
    return fields | {"business_hours": "business_hours" in request.POST}


def _length(text: str) -> timedelta | None:
    found = _SPAN.fullmatch(text.lower())
    return timedelta(seconds=int(found[1]) * UNITS[found[2] or "s"]) if found else None


def _short(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return next((f"{seconds // size}{unit}" for unit, size in reversed(UNITS.items()) if seconds and seconds % size == 0), "0s")


def _stored(row: Heartbeat) -> dict[str, Any]:
    form = {name: getattr(row, name) for name in TEXTS}
    return form | {"period": _short(row.period), "grace": _short(row.grace), "business_hours": row.business_hours}


# -- what is shown --------------------------------------------------------------------------------------------------------


def _line(row: Heartbeat, pings: Sequence[Ping]) -> dict[str, Any]:
    tone, symbol = LOOKS[row.state]
    bad = sum(_failed(one) for one in pings)
    said = f"{len(pings)} last pings, {bad} of them failures" if pings else "no ping yet"
    bars = [_bar(place, one) for place, one in enumerate(reversed(pings))]
    return {
        "row": row, "tone": tone, "symbol": symbol, "words": WORDS[row.state], "rhythm": queries.in_words(row), "bars": bars, "said": said,
        "missing_since": row.changed_at if row.state == "late" else None,
    }  # fmt: skip


def _bar(place: int, one: Ping) -> dict[str, Any]:
    """A failure is a hollow bar, a start or a log line a short one: no meaning by colour alone."""
    height = 24 if _failed(one) or one.kind == "ping" else 8
    return {
        "x": place * 8 + 1,
        "y": 25 - height,
        "height": height,
        "tone": "bad" if _failed(one) else "ok" if one.kind == "ping" else "note",
    }


def _failed(one: Ping) -> bool:
    return one.kind == "fail" or bool(one.exit_code)


def _shown(one: Ping) -> dict[str, Any]:
    words = {"ping": "Success", "start": "Started", "fail": "Failure", "log": "Note"}[one.kind]
    if one.exit_code:
        words = f"Failure, exit code {one.exit_code}"
    body = bytes(one.body)[:300].decode("utf-8", "replace").replace("\0", "")
    return {"ping": one, "words": words, "failed": _failed(one), "body": body, "took": one.took, "until": _ended(one)}


def _ended(one: Ping) -> datetime | None:
    return one.at - one.took if one.took is not None else None


def _snippets(row: Heartbeat) -> tuple[tuple[str, str, str], ...]:
    """Title, id and text of what people copy."""
    address = f"{settings.TOCSIN_URL}/ping/{row.token}"
    return (
        ("From a shell", "s-curl", f"curl -fsS -m 10 --retry 3 {address}"),
        ("From cron, with the exit code", "s-cron", f"0 3 * * * /usr/local/bin/backup.sh; curl -fsS -m 10 --retry 3 {address}/$?"),
        (
            "With start and output", "s-run",
            f"curl -fsS -m 10 {address}/start\nOUT=$(backup.sh 2>&1); curl -fsS -m 10 --data-raw \"$OUT\" {address}/$?",
        ),
        (
            "By name", "s-name",
            f"curl -fsS '{settings.TOCSIN_URL}/in/{row.integration.key}/heartbeat/{row.name.replace(' ', '%20')}'",
        ),
    )  # fmt: skip
