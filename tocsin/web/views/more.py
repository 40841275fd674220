"""Where is everything else? The menu of phones, the search, and the way to one's own settings."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert, Service
from tocsin.incidents import queries as incidents
from tocsin.web import pages

SHOWN = 20


@needs(Needs.SELF)
def more(request: HttpRequest) -> HttpResponse:
    """The pages that the tab bar has no room for."""
    return pages.page(request, "more/more.html", {})


@needs(Needs.READ)
def search(request: HttpRequest) -> HttpResponse:
    """Incidents, alerts, services and people whose name contains the words."""
    words = request.GET.get("q", "").strip()[:200]
    context: dict[str, object] = {"q": words}
    if words:
        number = words.upper().removeprefix("INC-")
        about = Q(title__icontains=words) | Q(impact__icontains=words)
        if number.isascii() and number.isdigit() and len(number) < 10:
            about |= Q(number=int(number))
        context["incidents"] = incidents.visible_to(request.user).filter(about).order_by("-id")[:SHOWN]  # type: ignore[arg-type]
        context["alerts"] = Alert.objects.filter(title__icontains=words).select_related("service").order_by("-id")[:SHOWN]
        context["services"] = Service.objects.filter(removed_at=None, name__icontains=words).order_by("name")[:SHOWN]
        context["people"] = User.objects.filter(removed_at=None, name__icontains=words).order_by("name")[:SHOWN]
    return pages.page(request, "more/search.html", context)
