"""What does the frame of every page need? The organisation's name, the counts of the side bar, and what is shown on screen: two statements, more where something is to be shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from tocsin.alerts import listing, operations_views
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident
from tocsin.lib import together
from tocsin.paging import queries as paging
from tocsin.paging.models import Escalation, Notification
from tocsin.web import filters, house, pages

READABLE = timedelta(minutes=1)  # a test or a notice stays on open pages for so long after it was shown


def shell(request: HttpRequest) -> dict[str, Any]:
    """`shell` for templates; asks the database only when a page shows the frame."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    ours = house.of(request)
    facts: dict[str, Any] = {
        "organisation": ours.name, "held_since": ours.held_since, "now": ours.now,
        "incidents": 0, "alerts": "", "pages": [], "notes": [], "to_confirm": [], "pinned": [],
    }  # fmt: skip
    if request.user.is_authenticated:
        person = request.user.pk
        running = incidents.visible_to(request.user).exclude(status__in=(Incident.Status.RESOLVED, Incident.Status.CLOSED))
        facts["incidents"], waiting, anything, pinned = together.ask(
            together.how_many(running),
            listing.waiting(),
            paging.anything_on_screen(person, READABLE),
            operations_views.pinned_for(pages.actor(request)),
        )
        facts["pinned"] = [(view["name"], reverse("alerts") + filters.address_of(view["filters"])) for view in pinned or ()]
        if waiting[0]:
            facts["alerts"] = str(listing.waiting_of(waiting))
        if anything:
            facts["pages"] = _pages(person)
            facts["notes"], facts["to_confirm"] = _on_screen(person, ours.now)
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
