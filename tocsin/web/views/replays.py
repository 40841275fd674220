"""The pages on which many earlier events are chosen, taken in once more, and followed on their way."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import EventReplay, Integration
from tocsin.alerts.queries_events import EventFilter
from tocsin.integrations.registry import SOURCES
from tocsin.lib.refusal import Refused, invalid
from tocsin.response import replay_many
from tocsin.web import pages, words

FIELDS = ("integration", "kind", "state", "since", "until")


@needs(Needs.RESPOND)
@require_http_methods(["GET", "HEAD", "POST"])
def replay_many_events(request: HttpRequest) -> HttpResponse:
    """Choose events, see what would happen, and have them taken in once more."""
    form = {name: (request.POST if request.method == "POST" else request.GET).get(name, "").strip()[:60] for name in FIELDS}
    errors: dict[str, str] = {}
    planned, wanted = None, None
    try:
        if request.method == "POST" or request.GET.get("look"):
            wanted = _wanted(request, form)
            planned = replay_many.plan(wanted, by=pages.actor(request))
        if request.method == "POST" and planned:
            typed = request.POST.get("confirm", "")[:20]
            row = replay_many.begin(planned, typed=typed, by=pages.actor(request), now=pages.now(request))
            return pages.go(reverse("event_replay_progress", args=[row.pk]))
    except Refused as refused:
        errors = refused.errors or {"": refused.detail}
    context = {
        "form": form, "errors": errors, "plan": planned, "states": (("", "read or refused"), ("refused", "refused"), ("done", "read")),
        "integrations": Integration.objects.filter(removed_at=None).order_by("name")[:500], "kinds": sorted(SOURCES),
        "export": "?" + urlencode({k: v for k, v in wanted.plain().items() if v}) if wanted else "",
        "zone": words.zone(getattr(request.user, "time_zone", "")), "replays": EventReplay.objects.order_by("-id")[:10],
    }  # fmt: skip
    return pages.page(request, "events/replay_many.html", context, status=422 if errors else 200)


def _wanted(request: HttpRequest, form: dict[str, str]) -> EventFilter:
    number = form["integration"]
    if number and not (number.isascii() and number.isdigit() and len(number) < 18):
        raise invalid(integration="Choose an integration.")
    zone = words.zone(getattr(request.user, "time_zone", ""))
    times: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        try:
            at = datetime.fromisoformat(form[name]) if form[name] else None
        except ValueError:
            raise invalid(**{name: "A time looks like 2026-11-26T12:00."}) from None
        times[name] = at.replace(tzinfo=zone) if at and at.tzinfo is None else at
    return EventFilter(int(number) if number else None, form["kind"], form["state"], times["since"], times["until"])


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def progress(request: HttpRequest, replay_id: int) -> HttpResponse:
    """How far a replay is; beside it the button that stops it."""
    row = replay_many.replay_of(replay_id)
    if request.method == "POST":
        to = reverse("event_replay_progress", args=[row.pk])
        return pages.act(request, lambda: replay_many.stop(row.pk, by=pages.actor(request), now=pages.now(request)), to, "It is stopped.")
    going = row.state == EventReplay.State.RUNNING
    context = {"replay": row, "going": going, "percent": min(100, 100 * row.done // row.total) if row.total else 0}
    return pages.page(request, "events/replay.html", context, fragments={"replay": "events/_replay.html"})
