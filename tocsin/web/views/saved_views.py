"""Which views of the alerts list are kept, for whom, and what does the list open with?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.models import Team
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing
from tocsin.alerts import operations_views as operations
from tocsin.alerts.models import SavedView
from tocsin.domain import alert_filters
from tocsin.domain.alert_filters import AlertFilter, WrongFilterError
from tocsin.lib.refusal import Refused, invalid
from tocsin.web import filters, pages

MOST_PINNED, MOST_COUNTED = 12, 100
FRAGMENTS = {"chips": "alerts/_views.html"}


@dataclass
class Known:
    """The views that somebody sees, read once a page."""

    rows: list[SavedView]
    request: HttpRequest

    @cached_property
    def opens_with(self) -> SavedView | None:
        """What the list opens with for this person."""
        return operations.opens_with(self.rows, pages.actor(self.request))

    def chips(self, wanted: AlertFilter | None, *, counted: bool = False) -> list[dict[str, Any]]:
        """The pinned ones for the head of the list; counts are fetched after the page, so that they never make it wait."""
        plain = wanted.to_plain() if wanted else None
        pinned = [row for row in self.rows if row.pinned][:MOST_PINNED]
        return [
            {"name": row.name, "address": filters.address_of(row.filters), "on": row.filters == plain, "count": _count(row, self.request) if counted else ""}
            for row in pinned
        ]  # fmt: skip


def known(request: HttpRequest, *, owners: bool = False) -> Known:
    """The views of who asks, the pinned ones of people first, by name; with their owners only where a page names these."""
    rows = operations.visible_to(pages.actor(request)).order_by("shared", "name", "id")
    return Known(list(rows if owners else rows.select_related(None).select_related("team")), request)


def _count(row: SavedView, request: HttpRequest) -> str:
    try:
        return str(listing.count(alert_filters.read(row.filters), pages.now(request), MOST_COUNTED))
    except (Refused, WrongFilterError):
        return "?"


@needs(Needs.SELF)
@require_http_methods(["GET", "HEAD", "POST"])
def views(request: HttpRequest) -> HttpResponse:
    """Every view that you see; save one."""
    errors: dict[str, str] = {}
    form: dict[str, Any] = {"name": "", "filter": request.GET.get("filter", ""), "scope": "", "pinned": False, "default": False}
    if request.method == "POST":
        form = _posted(request)
        try:
            kept = _filters(form["filter"])
            operations.save_view(
                **_scope(form["scope"]), name=form["name"], filters=kept, pinned=form["pinned"], default=form["default"],
                by=pages.actor(request), now=pages.now(request),
            )  # fmt: skip
            return pages.act(request, lambda: None, reverse("alerts") + filters.address(kept), f"View “{form['name']}” saved.")
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
    saved = known(request, owners=True)
    if request.GET.get("fragment") == "chips":
        current = _filters(request.GET.get("at", ""))
        return pages.page(request, "", {"chips_of_views": saved.chips(current, counted=True), "counted": True}, fragments=FRAGMENTS)
    by = pages.actor(request)
    wanted, wrong = filters.of(QueryDict(form["filter"].removeprefix("?")))
    offers = bool(form["filter"]) and not wrong
    context = {
        "rows": [(row, filters.address_of(row.filters), _words(row), operations.may_change(row, by)) for row in saved.rows],
        "form": form, "errors": errors, "query": form["filter"] if offers else "", "described": filters.in_words(wanted) if offers else "",
        **offered(request, form["scope"]),
    }  # fmt: skip
    return pages.page(request, "alerts/saved_views.html", context, status=400 if errors else 200)


@needs(Needs.SELF)
@require_http_methods(["GET", "HEAD", "POST"])
def view(request: HttpRequest, view_id: int) -> HttpResponse:
    """One view: its name, for whom it is, whether it is pinned, and delete it."""
    by, now = pages.actor(request), pages.now(request)
    row = operations.found(view_id, by)
    if not operations.may_change(row, by):
        raise Refused("Only who saved this view or an administrator changes it.", status=403)
    scope = str(row.team_id) if row.team_id else "all" if row.shared else ""
    form: dict[str, Any] = {"name": row.name, "scope": scope, "pinned": row.pinned, "default": row.default}
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            if request.POST.get("deed") == "delete":
                operations.delete_view(row, by=by, now=now)
            else:
                form = _posted(request)
                changes = {**_scope(form["scope"]), **{name: form[name] for name in ("name", "pinned", "default")}}
                operations.change_view(row, changes, by=by, now=now)
            return pages.go(reverse("saved_views"))
        except Refused as refused:
            errors = refused.errors or {"name": refused.detail}
    context = {
        "row": row,
        "form": form,
        "errors": errors,
        "described": _words(row),
        "address": filters.address_of(row.filters),
        **offered(request, form["scope"]),
    }
    return pages.page(request, "alerts/saved_view.html", context, status=400 if errors else 200)


def offered(request: HttpRequest, chosen: str = "", *, teams: Sequence[tuple[int, str]] | None = None) -> dict[str, Any]:
    """With whom this person may share a view; `teams` are all teams, where the page has read them."""
    by, administers = pages.actor(request), pages.actor(request).may(Needs.ADMINISTER)
    if not administers or teams is None:
        known = Team.objects.filter(removed_at=None).order_by("name")
        known = known if administers else known.filter(memberships__user=by.user)
        teams = list(known.values_list("pk", "name")[: filters.NAMES_SHOWN])
    shares = [(str(pk), f"Team {name}") for pk, name in teams] + [("all", "Everybody")]
    scopes = [("", "Only me"), *(shares if by.may(Needs.RESPOND) else [])]
    return {"scopes": [(key, label, key == chosen) for key, label in scopes], "administers": administers}


def _posted(request: HttpRequest) -> dict[str, Any]:
    post = request.POST
    return {
        "name": post.get("name", "").strip()[:200], "filter": post.get("filter", "")[:8000], "scope": post.get("scope", ""),
        "pinned": "pinned" in post, "default": "default" in post,
    }  # fmt: skip


def _scope(said: str) -> dict[str, Any]:
    if said in ("", "all"):
        return {"shared": said == "all", "team": None}
    if not said.isascii() or not said.isdigit() or len(said) > 18:
        raise invalid(scope="For yourself, a team of yours, or everybody.")
    return {"shared": True, "team": int(said)}


def _filters(query: str) -> AlertFilter:
    wanted, errors = filters.of(QueryDict(query[:8000].removeprefix("?")))
    if errors:
        raise invalid(**errors)
    return wanted


def _words(row: SavedView) -> str:
    try:
        return filters.in_words(alert_filters.read(row.filters))
    except WrongFilterError:
        return "filters that this version does not know"
