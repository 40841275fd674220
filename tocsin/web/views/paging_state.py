"""The page that says whether paging is at work, and where an administrator releases it after a restore."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.paging import operations_state
from tocsin.response import release_paging
from tocsin.web import pages


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def paging_state(request: HttpRequest) -> HttpResponse:
    """Whether paging is held back, what is overdue, and the newest absence of Tocsin itself."""
    now = pages.now(request)
    if request.method == "POST":
        said = "Released: current state is looked at, then pages go out, each saying how late it is."
        return pages.act(request, lambda: release_paging.release(by=pages.actor(request), now=now), reverse("paging_state"), said)
    context = {"state": operations_state.state(), "overdue": release_paging.overdue(now), "shown": release_paging.SHOWN}
    return pages.page(request, "settings/paging.html", context)
