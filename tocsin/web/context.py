"""What does the frame of every page need? The organisation's name, the counts of the side bar, and the page's time: four small queries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from tocsin import clock
from tocsin.accounts.models import Organisation
from tocsin.alerts.models import Alert
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident
from tocsin.paging.models import Escalation, Notification


def shell(request: HttpRequest) -> dict[str, Any]:
    """`shell` for templates; asks the database only when a page shows the frame."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    now = getattr(request, "_page_now", None) or clock.now()
    request._page_now = now  # type: ignore[attr-defined]
    name = Organisation.objects.values_list("name", flat=True).first() or ""
    facts: dict[str, Any] = {"organisation": name, "now": now, "incidents": 0, "alerts": 0, "pages": []}
    if request.user.is_authenticated:
        running = incidents.visible_to(request.user).exclude(status__in=(Incident.Status.RESOLVED, Incident.Status.CLOSED))
        facts["incidents"] = running.count()
        facts["pages"] = _pages(request.user.pk)
        facts["alerts"] = Alert.objects.filter(status=Alert.Status.FIRING, incident_links=None).count()
    return facts


def _pages(user_id: int) -> list[Notification]:
    """The pages to this person that nobody has answered yet: shown on top of whatever page is open, the way of the screen."""
    rows = Notification.objects.filter(user_id=user_id, kind__in=("page", "fallback"), escalation__status=Escalation.Status.RUNNING)
    newest: dict[int | None, Notification] = {}
    for row in rows.exclude(state=Notification.State.CANCELLED).order_by("id")[:50]:
        newest[row.escalation_id] = row
    return list(newest.values())[-3:]
