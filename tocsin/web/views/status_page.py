"""The page behind the status page: its components with their state, what the public reads now, and the forms that change it."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.incidents.models import Update
from tocsin.lib.refusal import missing
from tocsin.statuspage import operations
from tocsin.statuspage.jobs import publish
from tocsin.statuspage.models import STATUSES, Component
from tocsin.web import pages


@needs(Needs.READ)
@require_GET
def status_page(request: HttpRequest) -> HttpResponse:
    """Components, the last public updates, and the address of the public page."""
    page = operations.default_page()
    updates = Update.objects.filter(audience="public", incident__private=False, incident__drill=False).select_related("incident", "by")
    context = {
        "page": page, "components": page.components.filter(removed_at=None), "updates": updates.order_by("-id")[:10], "statuses": STATUSES,
        "may_change": pages.actor(request).may(Needs.ADMINISTER),
    }  # fmt: skip
    return pages.page(request, "status_page/status_page.html", context)


@needs(Needs.ADMINISTER)
@require_http_methods(["POST"])
def change(request: HttpRequest) -> HttpResponse:
    """A form of the page: a new component, a changed or removed one, the page's name."""
    return pages.act(request, lambda: _do(request), reverse("status_page"), "Published within a few seconds.")


def _do(request: HttpRequest) -> None:
    by, now, what = pages.actor(request), pages.now(request), request.POST.get("action", "")
    with transaction.atomic():
        if what == "add":
            operations.add_component(
                name=pages.text(request, "name"),
                group=pages.text(request, "group"),
                description=pages.text(request, "description"),
                by=by,
                now=now,
            )
        elif what == "page":
            operations.change_page(name=pages.text(request, "name"), support_url=pages.text(request, "support_url"))
        elif what in ("change", "remove"):
            row = Component.objects.filter(pk=pages.number(request, "component") or 0, removed_at=None).first()
            if row is None:
                raise missing("component")
            if what == "remove":
                operations.remove_component(row, by=by, now=now)
            else:
                operations.change_component(row, status=request.POST.get("status", row.status), by=by, now=now)
        publish.defer()
