"""The page of promised improvements over all incidents: mine, open, overdue, done; ticked, added and given to somebody there."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.incidents import queries
from tocsin.incidents.models import ActionItem
from tocsin.lib.refusal import missing
from tocsin.response.action_items import change_action_item
from tocsin.web import pages, words
from tocsin.web.views.incident_forms import day

SHOWN = 200
VIEWS = (("mine", "Mine"), ("open", "Open"), ("overdue", "Overdue"), ("done", "Done"))


@needs(Needs.READ)
@require_GET
def action_items(request: HttpRequest) -> HttpResponse:
    """One of the lists, the soonest due first; those without a date last."""
    shown = request.GET.get("show", "open")
    shown = shown if shown in dict(VIEWS) else "open"
    today = pages.now(request).astimezone(words.zone(request.user.time_zone)).date()  # type: ignore[union-attr]
    lists = _lists(request, today)
    rows = lists[shown].select_related("owner", "incident", "done_by")
    order = ("-done_at", "-id") if shown == "done" else (F("due_on").asc(nulls_last=True), "id")
    context = {
        "area": "postmortems", "shown": shown, "views": [(name, title, lists[name].count()) for name, title in VIEWS], "items": rows.order_by(*order)[:SHOWN],
        "limit": SHOWN, "today": today, "may_write": pages.actor(request).may(Needs.RESPOND), "here": request.get_full_path(),
        "people": User.objects.filter(is_active=True, removed_at=None).order_by("name")[:200],
    }  # fmt: skip
    return pages.page(request, "postmortems/action_items.html", context)


@needs(Needs.RESPOND)
@require_http_methods(["POST"])
def change(request: HttpRequest, item_id: int) -> HttpResponse:
    """Tick it, untick it, or give it an owner and a date."""

    def verb() -> None:
        item = _visible(request).filter(pk=item_id).first()
        if item is None:
            raise missing("action item")
        change_action_item(item=item, by=pages.actor(request), now=pages.now(request), **_asked(request))

    return pages.act(request, verb, pages.back(request, reverse("action_items")))


def _asked(request: HttpRequest) -> dict[str, Any]:
    if request.POST.get("done") in ("yes", "no"):
        return {"done": request.POST["done"] == "yes"}
    changes: dict[str, Any] = {}
    if number := pages.number(request, "owner"):
        changes["owner"] = User.objects.filter(pk=number, is_active=True, removed_at=None).first()
        if changes["owner"] is None:
            raise missing("person")
    if due := day(request.POST.get("due_on", "")):
        changes["due_on"] = due
    return changes


def _visible(request: HttpRequest) -> QuerySet[ActionItem]:
    seen = queries.visible_to(pages.actor(request)).values("pk")
    return ActionItem.objects.filter(Q(incident=None) | Q(incident__in=seen))


def _lists(request: HttpRequest, today: Any) -> dict[str, QuerySet[ActionItem]]:
    rows = _visible(request)
    open_ = rows.filter(status="open")
    return {
        "mine": open_.filter(owner_id=request.user.pk), "open": open_, "overdue": open_.filter(due_on__lt=today), "done": rows.filter(status="done"),
    }  # fmt: skip
