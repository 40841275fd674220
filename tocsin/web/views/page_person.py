"""Whose attention is needed now? Paging somebody by hand, with the reason they read first; and what their own screen says back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts.models import Alert
from tocsin.domain.asks import ANSWER_MINUTES
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import Incident, RoleAssignment
from tocsin.lib.refusal import Refused
from tocsin.paging import operations
from tocsin.paging.models import Notification
from tocsin.response.hold import hand_over
from tocsin.response.page_someone import Wanted, page_people
from tocsin.response.ready import acknowledge_test as carry_out
from tocsin.web import holding, pages

WHO = {"role": "user", "team": "user", "schedule": "user"}  # all of them are chosen in one field


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
            errors = {WHO.get(name, name): said for name, said in refused.errors.items()} or {"": refused.detail}
    given = request.POST if request.method == "POST" else request.GET
    about = [*incidents.open_incidents(request.user)[:50]]  # type: ignore[arg-type]
    chosen = next((one for one in about if one.ref == given.get("incident", "")), None)
    roles = RoleAssignment.objects.filter(incident=chosen, ended_at=None).select_related("user") if chosen else []
    context = {
        **holding.receivers(), "roles": roles, "about": about, "errors": errors, "user_id": given.get("user", ""), "incident": given.get("incident", ""),
        "alert": given.get("alert", ""), "reason": given.get("reason", ""), "minutes": given.get("minutes", "") or ANSWER_MINUTES,
        "taking": given.get("wish", "") == "take",
    }  # fmt: skip
    return pages.page(request, "more/page_person.html", context, status=422 if errors else 200)


def _send(request: HttpRequest) -> HttpResponse:
    by, now = pages.actor(request), pages.now(request)
    user, schedule, team, role = holding.chosen(request, "user")
    taking = request.POST.get("wish", "") == "take"
    wanted = Wanted(*([one] if one else [] for one in (user, team, schedule, role)))  # type: ignore[arg-type]
    incident: Incident | None = None
    if ref := request.POST.get("incident", ""):
        incident = incidents.by_ref(ref, by)
    key = pages.number(request, "alert")
    alert = Alert.objects.filter(pk=key).first() if key else None
    minutes = pages.number(request, "minutes") or ANSWER_MINUTES
    who: dict[str, Any] = {"incident": incident, "alert": alert, "by": by, "now": now}
    reason = pages.text(request, "reason", 500)
    if taking:
        asked = [hand_over(user=user, schedule=schedule, reason=reason, minutes=minutes, **who)]
    else:
        asked = page_people(wanted, reason=reason, minutes=minutes, **who)
    names = ", ".join(str(ask.user) for ask in asked)
    messages.success(request, f"{names} {'is' if len(asked) == 1 else 'are'} being paged.")
    to = f"{reverse('incident', args=[incident.ref])}#asked" if incident else f"{reverse('alert', args=[alert.pk])}#asked" if alert else "/"
    return pages.go(to)


@needs(Needs.SELF)
@require_POST
def shown(request: HttpRequest, notification_id: int) -> HttpResponse:
    """An open page says that its person's screen shows this notification: that is its delivery."""
    row = Notification.objects.filter(pk=notification_id, user_id=request.user.pk or 0, method_kind="screen").first()
    if row is None:
        raise Http404
    operations.shown(row, pages.now(request))
    return HttpResponse(status=204)


@needs(Needs.SELF)
@require_POST
def acknowledge_test(request: HttpRequest, notification_id: int) -> HttpResponse:
    """ "I have it", said to a test page where an open page shows it."""
    by, now = pages.actor(request), pages.now(request)
    row = Notification.objects.filter(pk=notification_id, user_id=request.user.pk or 0, kind="test").first()
    if row is None or by.user is None:
        raise Http404
    user, said = by.user, "You have acknowledged the test: pages are acknowledged in the same way."
    return pages.act(request, lambda: carry_out(user, row, now=now), pages.back(request, "/"), said)
