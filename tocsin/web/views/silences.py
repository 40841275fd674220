"""Which silences hold, will hold or held pages back; and how does somebody make, change, extend or end one?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations_silences, queries_quiet
from tocsin.alerts.models import Alert, Service, Silence
from tocsin.domain import quiet
from tocsin.lib.refusal import Refused
from tocsin.response import silence as verbs
from tocsin.response import silenced_now
from tocsin.web import filters, keyset, pages, quiet_forms, words

SHOWN = 50


@needs(Needs.READ)
def silences(request: HttpRequest) -> HttpResponse:
    """A page of the list, by state."""
    now = pages.now(request)
    state = request.GET.get("state", "active")
    state = state if state in queries_quiet.STATES else "active"
    rows, before = keyset.page(queries_quiet.silences(state, now), request.GET.get("before"), SHOWN)
    context = {
        "rows": [(row, quiet.written(row.matchers).split("\n") if row.matchers else []) for row in rows], "state": state,
        "states": queries_quiet.STATES, "earlier": keyset.address(request, before), "may": _may(request), "area": "alerts",
    }  # fmt: skip
    return pages.page(request, "quiet/silences.html", context)


@needs(Needs.RESPOND)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new silence, with what it matches; from an alert its matchers are filled in."""
    if request.method == "POST":
        return _posted(request, None)
    form: dict[str, Any] = {"for": "1h", "matchers": "", "service": None, "reason": "", "ends": "", "starts": "", "stop_paging": "on"}
    key = request.GET.get("alert", "")
    if key.isascii() and key.isdigit() and len(key) < 19 and (alert := Alert.objects.filter(pk=int(key)).first()):
        form |= {"matchers": quiet_forms.prefilled(alert), "service": alert.service_id}
    return _form(request, None, form, {})


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def silence(request: HttpRequest, silence_id: int) -> HttpResponse:
    """One silence: what it says, what it holds back now, and its form while it is not over."""
    row = get_object_or_404(Silence.objects.select_related("service", "created_by"), pk=silence_id)
    if row.window_id:
        return pages.go(reverse("maintenance_window", args=[row.window_id]))
    if request.method == "POST":
        if not _may(request):
            raise Refused("Only responders may change silences.", status=403)
        return _posted(request, row)
    zone = request.user.time_zone  # type: ignore[union-attr]
    form = {
        "for": "at", "matchers": quiet.written(row.matchers), "service": row.service_id, "reason": row.reason,
        "ends": _local(row.ends_at, zone), "starts": "", "stop_paging": "on" if row.stop_paging else "",
    }  # fmt: skip
    return _form(request, row, form, {})


@needs(Needs.RESPOND)
@require_POST
def do(request: HttpRequest, silence_id: int, deed: str) -> HttpResponse:
    """End it now, or let it last longer: an hour, four, until tomorrow at nine."""
    row = get_object_or_404(Silence, pk=silence_id, window=None)
    by, now = pages.actor(request), pages.now(request)
    longer = {"hour": row.ends_at + timedelta(hours=1), "four-hours": row.ends_at + timedelta(hours=4)}
    longer["tomorrow"] = max(quiet_forms.tomorrow(now, request.user.time_zone), row.ends_at)  # type: ignore[union-attr]
    to = pages.back(request, reverse("silence", args=[row.pk]))
    if deed == "end":
        return pages.act(request, lambda: verbs.end(row, by=by, now=now), to, "Ended. What it held back and still fires is paged.")
    if deed not in longer:
        raise Http404
    same: dict[str, Any] = {"matchers": row.matchers, "service": row.service_id, "reason": row.reason}
    return pages.act(request, lambda: verbs.change(row, **same, ends_at=longer[deed], by=by, now=now), to, "It lasts longer now.")


def _posted(request: HttpRequest, row: Silence | None) -> HttpResponse:
    """What was typed: kept, or only looked at where a fragment is asked for."""
    form = {name: request.POST.get(name, "")[:30_000] for name in ("for", "matchers", "reason", "ends", "starts", "stop_paging")}
    errors: dict[str, str] = {}
    now, zone, by = pages.now(request), request.user.time_zone, pages.actor(request)  # type: ignore[union-attr]
    given = quiet_forms.matchers(request, errors)
    form["service"] = service = quiet_forms.number(request, "service", errors)  # type: ignore[assignment]
    start = row.starts_at if row else now
    if form["starts"].strip() and row is None:
        if (at := quiet_forms.moment(form["starts"], zone)) is None:
            errors["starts_at"] = "Choose day and time, or leave it empty: it starts now."
        start = at or now
    end = quiet_forms.ends_at(request, max(start, now), zone, errors)
    fields: dict[str, Any] = {"matchers": given, "service": service, "ends_at": end, "reason": form["reason"]}
    fields["stop_paging"] = bool(form["stop_paging"])
    if request.GET.get("fragment") is None and not errors:
        try:
            if row:
                kept = verbs.change(row, **fields, by=by, now=now)
            else:
                kept = verbs.silence(**fields, starts_at=start, by=by, now=now)
            messages.success(request, _done(kept, now))
            return pages.go(reverse("silence", args=[kept.pk]))
        except Refused as refused:
            if refused.status == 404:
                raise
            errors = refused.errors or {"reason": refused.detail}
    return _form(request, row, form, errors, given, later=start > now)


def _done(kept: Silence, now: datetime) -> str:
    if kept.starts_at > now:
        return "It holds pages back from its start on."
    stopped = f" Paging for {kept.stopped:,} of them stopped." if kept.stopped else ""
    return f"Pages for what matches are held back.{stopped}"


def _form(
    request: HttpRequest, row: Silence | None, form: dict[str, Any], errors: dict[str, str], given: list[dict[str, Any]] | None = None, *,
    later: bool = False,
) -> HttpResponse:  # fmt: skip
    now = pages.now(request)
    if given is None:
        given = quiet.read(form["matchers"])
    errors = {**operations_silences.wrong_matchers(given), **errors}
    usable = not errors.get("matchers") and (given or form["service"])
    found = silenced_now.look(given, [form["service"]] if form["service"] else None, now, pages.actor(request)) if usable else None
    later = later or bool(row and row.starts_at > now)
    held = list(queries_quiet.held_by(queries_quiet.label_of(row))[: queries_quiet.MOST_HELD + 1]) if row else []
    context = {
        "silence": row, "form": form, "errors": errors, "matched": found, "said": quiet_forms.matched_words(found.matched if found else None),
        "paged": found.paged if found else (), "fates": found.sentences(stop=bool(form["stop_paging"]), later=later) if found else (), "broad": not form["service"],
        "state": queries_quiet.state_of(row, now) if row else "", "states": queries_quiet.STATES, "lengths": quiet_forms.LENGTHS,
        "services": Service.objects.filter(removed_at=None).order_by("name")[: filters.NAMES_SHOWN], "area": "alerts", "may": _may(request),
        "lines": quiet.written(row.matchers).split("\n") if row and row.matchers else [], "held": held[:20],
        "held_count": f"{min(len(held), queries_quiet.MOST_HELD)}{'+' if len(held) > queries_quiet.MOST_HELD else ''}",
    }  # fmt: skip
    context["live"] = fragment = request.GET.get("fragment") is not None
    return pages.page(
        request, "quiet/silence.html", context, fragments={"preview": "quiet/_matched.html"}, status=422 if errors and not fragment else 200
    )


def _may(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "may_respond", False))


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(words.zone(zone)):%Y-%m-%dT%H:%M}"
