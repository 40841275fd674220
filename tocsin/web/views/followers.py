"""The page of those who are told of every incident by mail: the support group and the stakeholders."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.incidents.models import Subscriber
from tocsin.lib.refusal import Refused
from tocsin.response import followers as verbs
from tocsin.web import pages

GROUPS = (
    ("support", "Customer support", "Answers customers; hears of each incident as it is declared and of every update."),
    ("stakeholder", "Stakeholders", "Management, account managers, partners: whoever must hear without being asked."),
)


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def followers(request: HttpRequest) -> HttpResponse:
    """Both groups, and the form that adds somebody; those who respond change them."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        by, now = pages.actor(request), pages.now(request)
        if request.POST.get("deed") == "remove":
            number = pages.number(request, "follower") or 0
            return pages.act(request, lambda: verbs.remove(follower_id=number, by=by, now=now), reverse("followers"), "No longer told.")
        try:
            row = verbs.add(
                email=pages.text(request, "email", 254),
                name=pages.text(request, "name", 120),
                group=pages.text(request, "group", 20),
                by=by,
                now=now,
            )
        except Refused as refused:
            if refused.status not in (400, 409, 422):
                raise
            errors = refused.errors or {"": refused.detail}
        else:
            return pages.act(request, lambda: None, reverse("followers"), f"{row.name or row.email} is told of every incident from now on.")
    rows = list(Subscriber.objects.filter(incident=None, removed_at=None).order_by("name", "email")[: 2 * verbs.MOST])
    context = {
        "groups": [(name, title, hint, [row for row in rows if row.group == name]) for name, title, hint in GROUPS],
        "errors": errors, "form": request.POST if errors else {}, "may_write": pages.actor(request).may(Needs.RESPOND),
    }  # fmt: skip
    return pages.page(request, "people/followers.html", context, status=422 if errors else 200)
