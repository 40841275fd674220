"""What does the frame of every page need? The organisation's name, the counts of the side bar, and the page's time: three small queries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tocsin import clock
from tocsin.accounts.models import Organisation
from tocsin.alerts.models import Alert
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident


def shell(request: HttpRequest) -> dict[str, Any]:
    """`shell` for templates; asks the database only when a page shows the frame."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    now = getattr(request, "_page_now", None) or clock.now()
    request._page_now = now  # type: ignore[attr-defined]
    name = Organisation.objects.values_list("name", flat=True).first() or ""
    facts: dict[str, Any] = {"organisation": name, "now": now, "incidents": 0, "alerts": 0}
    if getattr(request.user, "is_authenticated", False):
        running = incidents.visible_to(request.user).exclude(status__in=(Incident.Status.RESOLVED, Incident.Status.CLOSED))
        facts["incidents"] = running.count()
        facts["alerts"] = Alert.objects.filter(status=Alert.Status.FIRING, incident_links=None).count()
    return facts
