"""What exactly did a monitor send, what was made of it, and can it be read again?"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import queries_evidence
from tocsin.alerts.models import RawEvent
from tocsin.response.replay import replay as replay_event
from tocsin.web import pages

SHOWN = 200_000


@needs(Needs.READ)
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """One raw event."""
    row = get_object_or_404(RawEvent.objects.select_related("integration", "replay_of"), pk=event_id)
    text, cut = queries_evidence.readable(queries_evidence.without_key(row), SHOWN)
    context = {
        "event": row, "size": len(row.body), "body": text, "cut": cut,
        "replays": RawEvent.objects.filter(replay_of=row).order_by("-id")[:20], "may": bool(getattr(request.user, "may_respond", False)),
    }  # fmt: skip
    return pages.page(request, "events/event.html", context)


@needs(Needs.RESPOND)
@require_POST
def replay(request: HttpRequest, event_id: int) -> HttpResponse:
    """Read it again as if it had just arrived."""
    row = get_object_or_404(RawEvent, pk=event_id)
    to = pages.back(request, reverse("event", args=[row.pk]))
    return pages.act(request, lambda: replay_event(row, by=pages.actor(request), now=pages.now(request)), to, "It is read again.")
