"""Whose attention is needed now? Paging somebody by hand, with the reason they read first."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.paging import operations
from tocsin.paging.models import Notification
from tocsin.response.page_someone import page_someone
from tocsin.web import pages
from tocsin.web.views.incident_forms import person


@needs(Needs.RESPOND)
def page_person(request: HttpRequest) -> HttpResponse:
    """The form, and the page it sends."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            return _send(request)
        except Refused as refused:
            if refused.status == 404:
                raise Http404 from refused
            errors = refused.errors or {"": refused.detail}
    given = request.POST if request.method == "POST" else request.GET
    about = [*incidents.open_incidents(request.user)[:50]]  # type: ignore[arg-type]
    context = {
        "crew": User.objects.filter(is_active=True, removed_at=None).order_by("name"), "about": about, "errors": errors,
        "user_id": given.get("user", ""), "incident": given.get("incident", ""), "alert": given.get("alert", ""), "reason": given.get("reason", ""),
    }  # fmt: skip
    return pages.page(request, "more/page_person.html", context, status=422 if errors else 200)


def _send(request: HttpRequest) -> HttpResponse:
    by, now = pages.actor(request), pages.now(request)
    user = person(request)
    if user is None:
        raise invalid(user="Choose who is needed.")
    incident: Incident | None = None
    if ref := request.POST.get("incident", ""):
        incident = incidents.by_ref(ref, by)
    key = pages.number(request, "alert")
    alert = Alert.objects.filter(pk=key).first() if key else None
    page_someone(user=user, reason=pages.text(request, "reason", 500), incident=incident, alert=alert, by=by, now=now)
    messages.success(request, f"{user} is being paged.")
    return pages.go(reverse("incident", args=[incident.ref]) if incident else reverse("alert", args=[alert.pk]) if alert else "/")


@needs(Needs.SELF)
@require_POST
def shown(request: HttpRequest, notification_id: int) -> HttpResponse:
    """An open page says that its person's screen shows this notification: that is its delivery."""
    row = Notification.objects.filter(pk=notification_id, user_id=request.user.pk or 0, method_kind="screen").first()
    if row is None:
        raise Http404
    operations.shown(row, pages.now(request))
    return HttpResponse(status=204)
