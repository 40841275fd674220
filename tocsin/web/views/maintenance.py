"""Which maintenance is running, planned or past, when does it come next, and what does it hold back?"""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.accounts import rules
from tocsin.accounts.models import Team
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import queries_quiet
from tocsin.alerts.models import MaintenanceWindow, Service
from tocsin.domain import quiet
from tocsin.lib import recurrence
from tocsin.lib.refusal import Refused
from tocsin.response import maintain
from tocsin.statuspage import queries_maintenance
from tocsin.statuspage.models import Component
from tocsin.web import filters, pages, quiet_forms, words

STATES = {"running": "Running", "planned": "Planned", "recurring": "Recurring", "past": "Past"}
REPEATS = {
    "": "Once", "FREQ=DAILY": "Every day", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR": "Every working day", "FREQ=WEEKLY": "Every week",
    "FREQ=WEEKLY;INTERVAL=2": "Every second week", "FREQ=MONTHLY": "Every month", "own": "By a rule of your own",
}  # fmt: skip
SHOWN, NEXT = 100, 5
_COUNTED = re.compile(r"(.+);COUNT=(\d{1,4})\Z")
TEXTS = {
    "title": 200,
    "reason": 1000,
    "starts": 16,
    "time_zone": 64,
    "repeat": 60,
    "rule": 500,
    "count": 6,
    "minutes": 6,
    "matchers": 30_000,
    "public": 1,
    "public_title": 200,
    "public_text": 5000,
}


@needs(Needs.READ)
def windows(request: HttpRequest) -> HttpResponse:
    """Maintenance windows, by state."""
    now = pages.now(request)
    groups = []
    state = "past" if request.GET.get("state") == "past" else ""
    for key in ("past",) if state else ("running", "planned", "recurring"):
        groups.append((key, STATES[key], [_line(row, now) for row in queries_quiet.windows(key, now)[:SHOWN]]))
    context = {"groups": groups, "state": state, "may": _may(request), "area": "alerts", "some": any(rows for _, _, rows in groups)}
    return pages.page(request, "quiet/windows.html", context)


@needs(Needs.RESPOND)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Plan maintenance."""
    if request.method == "POST":
        return _posted(request, None)
    zone = request.user.time_zone  # type: ignore[union-attr]
    chosen = [int(one) for one in request.GET.getlist("service")[:20] if one.isascii() and one.isdigit() and len(one) < 19]
    start = f"{quiet_forms.tomorrow(pages.now(request), zone):%Y-%m-%dT22:00}"
    form = {
        "title": "", "reason": "", "starts": start, "minutes": "60", "time_zone": zone, "repeat": "", "rule": "", "count": "10",
        "services": chosen, "team": None, "matchers": "", "public": "", "public_title": "", "public_text": "", "components": [],
    }  # fmt: skip
    return _form(request, None, form, {})


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def window(request: HttpRequest, window_id: int) -> HttpResponse:
    """One maintenance window."""
    row = get_object_or_404(MaintenanceWindow.objects.select_related("team", "created_by"), pk=window_id)
    if request.method == "POST":
        if not _may(request):
            raise Refused("Only responders may change maintenance.", status=403)
        return _posted(request, row)
    found = _COUNTED.match(row.rule)
    known = found is not None and found[1] in REPEATS
    form = {
        "title": row.title, "reason": row.reason, "starts": row.starts, "minutes": str(row.minutes), "time_zone": row.time_zone,
        "repeat": found[1] if found and known else "own" if row.rule else "", "rule": "" if known else row.rule,
        "count": found[2] if found and known else "10", "services": row.services, "team": row.team_id, "matchers": quiet.written(row.matchers),
        **_announced(row),
    }  # fmt: skip
    return _form(request, row, form, {})


@needs(Needs.RESPOND)
@require_POST
def tell(request: HttpRequest, window_id: int) -> HttpResponse:
    """Publish a word about it on the status page."""
    row = get_object_or_404(MaintenanceWindow, pk=window_id)
    status, text = pages.text(request, "status", 20), pages.text(request, "text", 5000)
    by, now = pages.actor(request), pages.now(request)
    to = reverse("maintenance_window", args=[row.pk])
    return pages.act(request, lambda: maintain.tell_public(row, status=status, text=text, by=by, now=now), to, "Published.")


@needs(Needs.RESPOND)
@require_POST
def end(request: HttpRequest, window_id: int) -> HttpResponse:
    """End it early, or cancel what is planned."""
    row = get_object_or_404(MaintenanceWindow, pk=window_id)
    to = reverse("maintenance_window", args=[row.pk])
    by, now = pages.actor(request), pages.now(request)
    return pages.act(request, lambda: maintain.end(row, by=by, now=now), to, "It is over. What it held back and still fires is paged.")


def _posted(request: HttpRequest, row: MaintenanceWindow | None) -> HttpResponse:
    form: dict[str, Any] = {name: request.POST.get(name, "").strip()[:most] for name, most in TEXTS.items()}
    errors: dict[str, str] = {}
    form["services"] = [int(one) for one in request.POST.getlist("services")[:500] if one.isascii() and one.isdigit() and len(one) < 19]
    form["components"] = [int(one) for one in request.POST.getlist("components")[:200] if one.isascii() and one.isdigit() and len(one) < 19]
    form["team"] = quiet_forms.number(request, "team", errors)
    fields = _fields(request, form, errors)
    if request.GET.get("fragment") is None and not errors:
        try:
            by, now = pages.actor(request), pages.now(request)
            fields["public"] = (
                maintain.Public(form["public_title"], form["public_text"], tuple(form["components"])) if form["public"] else None
            )
            kept = maintain.change(row, by=by, now=now, **fields) if row else maintain.plan(by=by, now=now, **fields)
            messages.success(request, "Planned." if row is None else "Saved.")
            return pages.go(reverse("maintenance_window", args=[kept.pk]))
        except Refused as refused:
            if refused.status == 404:
                raise
            errors = refused.errors or {"title": refused.detail}
    return _form(request, row, form, errors)


def _fields(request: HttpRequest, form: dict[str, Any], errors: dict[str, str]) -> dict[str, Any]:
    """What was typed, as the verbs take it."""
    if form["repeat"] not in REPEATS:
        errors["rule"] = "Choose how often."
    return {
        **{name: form[name] for name in ("title", "reason", "starts", "time_zone", "services", "team")},
        "minutes": int(form["minutes"]) if form["minutes"].isascii() and form["minutes"].isdigit() else 0, "rule": _rule(form),
        "matchers": quiet_forms.matchers(request, errors),
    }  # fmt: skip


def _announced(row: MaintenanceWindow) -> dict[str, Any]:
    """What the status page says of it, as the form shows it."""
    notice = queries_maintenance.open_notice(row)
    if notice is None:
        return {"public": "", "public_title": "", "public_text": "", "components": []}
    return {
        "public": "1", "public_title": notice.title, "public_text": notice.updates.order_by("id")[0].text, "components": notice.components,
    }  # fmt: skip


def _rule(form: dict[str, Any]) -> str:
    if form["repeat"] == "own":
        return form["rule"].upper() or "?"
    return f"{form['repeat']};COUNT={form['count'] or '?'}" if form["repeat"] else ""


def _form(request: HttpRequest, row: MaintenanceWindow | None, form: dict[str, Any], errors: dict[str, str]) -> HttpResponse:
    now = pages.now(request)
    held = list(queries_quiet.held_by(f"maintenance window {row.pk}")[: queries_quiet.MOST_HELD + 1]) if row and not row.ended_at else []
    services = list(Service.objects.filter(removed_at=None).order_by("name").values_list("pk", "name")[: filters.NAMES_SHOWN])
    scope = [name for pk, name in services if pk in form["services"]]
    team = Team.objects.filter(pk=form["team"]).first() if form["team"] else None
    context = {
        "window": row, "line": _line(row, now) if row else None, "form": form, "errors": errors, "repeats": REPEATS, "zones": sorted(rules.zones()),
        "services": services, "teams": Team.objects.filter(removed_at=None).order_by("name")[: filters.NAMES_SHOWN], "team": team,
        "team_services": team.services.filter(removed_at=None).order_by("name")[:20] if team else [], "scope": scope, "may": _may(request),
        "area": "alerts", "held": held[:20], "held_count": f"{min(len(held), queries_quiet.MOST_HELD)}{'+' if len(held) > queries_quiet.MOST_HELD else ''}",
        **_coming(form, now), "components": Component.objects.filter(removed_at=None), "notice": queries_maintenance.open_notice(row) if row else None,
        "notice_states": ("in_progress", "verifying", "completed"),
    }  # fmt: skip
    fragment = request.GET.get("fragment") is not None
    fragments = {"preview": "quiet/_coming.html"}
    return pages.page(request, "quiet/window.html", context, fragments=fragments, status=422 if errors and not fragment else 200)


def _coming(form: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The next times of what is typed, by the clock of its zone; or what is wrong with it."""
    rule = _rule(form)
    minutes = int(form["minutes"]) if form["minutes"].isascii() and form["minutes"].isdigit() else 0
    if wrong := recurrence.complaint(rule):
        return {"wrong": f"{wrong}."}
    if form["time_zone"] not in rules.zones() or quiet_forms.moment(form["starts"], "UTC") is None or not 0 < minutes <= 10_080:
        return {"wrong": "Say when it starts, how long it lasts and in which zone."}
    draft = MaintenanceWindow(starts=form["starts"][:16], rule=rule, time_zone=form["time_zone"], minutes=minutes)
    try:
        coming = list(islice((one for one in queries_quiet.occurrences(draft) if one[1] > now), NEXT + 1))
    except ValueError:
        return {"wrong": "It starts at a date and time such as 2026-11-28T02:00."}
    zone = words.zone(form["time_zone"])
    return {"coming": [(at.astimezone(zone), until.astimezone(zone), at <= now) for at, until in coming[:NEXT]], "more": len(coming) > NEXT}


def _line(row: MaintenanceWindow, now: datetime) -> dict[str, Any]:
    """A window as a row of the list: its state, its next or current time, what it is about."""
    current = next((one for one in queries_quiet.occurrences(row) if one[1] > now), None) if row.ended_at is None else None
    zone = words.zone(row.time_zone)
    names = list(Service.objects.filter(pk__in=row.services).order_by("name").values_list("name", flat=True)[:6])
    about = [*names[:5], *([f"{len(row.services) - 5} more"] if len(row.services) > 5 else [])]
    about += [f"everything of {row.team.name}"] if row.team else []
    state = "past" if row.ended_at else "running" if current and current[0] <= now else "recurring" if row.rule else "planned"
    found = _COUNTED.match(row.rule)
    often = REPEATS.get(found[1], row.rule) if found else row.rule
    return {
        "window": row, "state": state, "word": STATES[state], "at": current[0].astimezone(zone) if current else None,
        "until": current[1].astimezone(zone) if current else None, "due": current[1] if current else None, "about": ", ".join(about) or "every service",
        "often": often.lower() if found and found[1] in REPEATS else often, "lines": quiet.written(row.matchers).split("\n") if row.matchers else [],
    }  # fmt: skip


def _may(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "may_respond", False))
