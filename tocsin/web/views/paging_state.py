"""The page that says whether paging is at work, and where an administrator releases it after a restore."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.paging import operations_canary, operations_state
from tocsin.response import alarm, audit, lateness, release_paging
from tocsin.web import pages

TOO_LATE = 30  # seconds: what the alarms say, too


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def paging_state(request: HttpRequest) -> HttpResponse:
    """Whether paging is held back, what is overdue, and the newest absence of Tocsin itself."""
    now = pages.now(request)
    if request.method == "POST":
        said = "Released: current state is looked at, then pages go out, each saying how late it is."
        return pages.act(request, lambda: release_paging.release(by=pages.actor(request), now=now), reverse("paging_state"), said)
    alarm.remember()
    words = {kind: text for kind, text, _ in audit.QUESTIONS}
    context = {
        "state": operations_state.state(), "overdue": release_paging.overdue(now), "late": _late(), "canary": operations_canary.arrival(),
        "outside": bool(settings.HEARTBEAT_URL), "alarmed": alarm.targets(),
        "findings": [f"{count} {words[kind]}" for kind, count in audit.counts() if count],
    }  # fmt: skip
    return pages.page(request, "settings/paging.html", context)


def _late() -> list[tuple[str, timedelta | None, bool]]:
    """For each loop: how long its oldest piece of work has been due, nothing under a second; whether that is too long."""
    return [(loop, timedelta(seconds=int(late)) if late >= 1 else None, late > TOO_LATE) for loop, late in lateness.by_loop().items()]
