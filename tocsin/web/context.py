"""What does the frame of every page need? The organisation's name, the counts of the side bar, and the page's time: four small queries."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, Subquery
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tocsin import clock
from tocsin.accounts.models import Organisation
from tocsin.alerts import listing
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident
from tocsin.paging.models import Escalation, Notification, PagingState

READABLE = timedelta(minutes=1)  # a test or a notice stays on open pages for so long after it was shown


def shell(request: HttpRequest) -> dict[str, Any]:
    """`shell` for templates; asks the database only when a page shows the frame."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    now = getattr(request, "_page_now", None) or clock.now()
    request._page_now = now  # type: ignore[attr-defined]
    held = Subquery(PagingState.objects.filter(pk=1).values("held_since"))
    name, held_since = Organisation.objects.annotate(held=held).values_list("name", "held").first() or ("", None)
    facts: dict[str, Any] = {
        "organisation": name,
        "held_since": held_since,
        "now": now,
        "incidents": 0,
        "alerts": "",
        "pages": [],
        "notes": [],
        "to_confirm": [],
    }
    if request.user.is_authenticated:
        running = incidents.visible_to(request.user).exclude(status__in=(Incident.Status.RESOLVED, Incident.Status.CLOSED))
        facts["incidents"] = running.count()
        facts["pages"] = _pages(request.user.pk)
        facts["notes"], facts["to_confirm"] = _on_screen(request.user.pk, now)
        waiting = listing.waiting()
        facts["alerts"] = str(waiting) if waiting.number else ""
    return facts


def _pages(user_id: int) -> list[Notification]:
    """The pages to this person that nobody has answered yet: shown on top of whatever page is open, the way of the screen."""
    rows = Notification.objects.filter(user_id=user_id, kind__in=("page", "fallback"), escalation__status=Escalation.Status.RUNNING)
    newest: dict[int | None, Notification] = {}
    for row in rows.exclude(state=Notification.State.CANCELLED).order_by("id")[:50]:
        newest[row.escalation_id] = row
    return list(newest.values())[-3:]


def _on_screen(user_id: int, now: datetime) -> tuple[list[Notification], list[int]]:
    """What the way of the screen has for this person: tests and notices to be read, and the ids that an open page is to confirm."""
    state = Notification.State
    fresh = Q(state__in=(state.PENDING, state.SENDING)) | Q(state=state.DELIVERED, final_at__gte=now - READABLE)
    rows = list(Notification.objects.filter(fresh, user_id=user_id, method_kind="screen").order_by("-id")[:20])
    waiting = [row.pk for row in rows if row.state != state.DELIVERED and (row.attempt or (row.due_at and row.due_at <= now))]
    return [row for row in rows if row.kind in ("test", "notice") and (row.pk in waiting or row.state == state.DELIVERED)][:3], waiting
