"""What does the frame of every page need? The organisation's name, the counts of the side bar, and what is shown on screen: two statements, more where something is to be shown."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from tocsin.alerts import listing, operations_views
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident
from tocsin.lib import together
from tocsin.paging import queries as paging
from tocsin.web import filters, house, on_screen, pages


def shell(request: HttpRequest) -> dict[str, Any]:
    """`shell` for templates; asks the database only when a page shows the frame."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    ours = house.of(request)
    facts: dict[str, Any] = {
        "organisation": ours.name, "held_since": ours.held_since, "now": ours.now,
        "incidents": 0, "alerts": "", "on_screen": on_screen.OnScreen(), "pinned": [],
    }  # fmt: skip
    if request.user.is_authenticated:
        person = request.user.pk
        running = incidents.visible_to(request.user).exclude(status__in=(Incident.Status.RESOLVED, Incident.Status.CLOSED))
        facts["incidents"], waiting, anything, pinned = together.ask(
            together.how_many(running),
            listing.waiting(),
            paging.anything_on_screen(person, on_screen.ANSWERABLE),
            operations_views.pinned_for(pages.actor(request)),
        )
        facts["pinned"] = [(view["name"], reverse("alerts") + filters.address_of(view["filters"])) for view in pinned or ()]
        if waiting[0]:
            facts["alerts"] = str(listing.waiting_of(waiting))
        if anything and not ours.held_since:  # after a restore nobody is paged before paging is released
            facts["on_screen"] = on_screen.of(person, ours.now)
    return facts
