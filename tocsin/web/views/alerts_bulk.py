"""What will happen to many alerts, do it, show how far it is, and take it back."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Func, IntegerField, Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing, operations_bulk
from tocsin.alerts.models import BulkAction
from tocsin.domain.alert_filters import AlertFilter
from tocsin.lib import together
from tocsin.lib.refusal import Refused, invalid
from tocsin.response import bulk_alerts, bulk_silence
from tocsin.response import silence as silences
from tocsin.web import filters, pages

SNOOZES = [(30, "30 min"), (60, "1 hour"), (120, "2 hours"), (240, "4 hours"), (480, "8 hours"), (1440, "1 day")]
HOLDS = [(str(minutes), label) for minutes, label in [*SNOOZES, (4320, "3 days"), (10080, "7 days")]]
LABELS = {
    "acknowledge": "Acknowledge",
    "snooze": "Snooze",
    "resolve": "Resolve",
    "silence": "Silence",
    "useful": "Mark as useful",
    "noise": "Mark as noise",
}
DONE = {"acknowledge": "acknowledged", "snooze": "snoozed", "resolve": "resolved", "useful": "marked as useful", "noise": "marked as noise"}
SHOWN_ACTS = 3


@needs(Needs.RESPOND)
@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Say what will happen; with `confirm` do it."""
    post, by, now = request.POST, pages.actor(request), pages.now(request)
    action = post.get("action", "") if post.get("action") in LABELS else "acknowledge"
    query = post.get("filter", "")[:8000]
    wanted, wrong = filters.of(QueryDict(query.removeprefix("?")))
    everything = "all" in post
    context: dict[str, Any] = {
        "action": action, "label": LABELS[action], "query": filters.address(wanted), "everything": everything, "form": post, "holds": HOLDS,
        "key": post.get("key", "")[:64] or secrets.token_hex(16), "errors": {}, "shown": ("typed", "reason", "hold", "ends_at"),
        "about": filters.in_words(wanted) if everything else "the alerts that you selected",
    }  # fmt: skip
    try:
        if wrong:
            raise invalid(**wrong)
        ids = _ids(request, wanted, now) if everything or action != "silence" else _chosen(request)
        context |= {"ids": ids, "newest": max(ids, default=0), "told": len(ids)}
        if action == "silence":
            return _silence(request, context, None if everything else ids, wanted)
        minutes = pages.number(request, "minutes") if action == "snooze" else None
        planned = bulk_alerts.plan(action=action, alert_ids=ids, minutes=minutes, by=by, now=now)
        context |= {
            "sentences": planned.sentences,
            "typed": planned.typed,
            "minutes": minutes or "",
            "typed_label": f"Type {len(ids)} to confirm",
        }
        if "confirm" in post:
            key = f"web-{by.user.pk if by.user else 0}-{context['key']}"[:64]
            typed = post.get("typed", "").replace(",", "").strip()
            if everything and typed == post.get("told") and typed.isdecimal() and len(ids) <= int(typed[:6]):
                typed = str(len(ids))  # some of what was confirmed ended meanwhile; none was added
            bulk_alerts.carry_out(planned, key=key, typed=typed, about=context["about"], by=by, now=now)
            return pages.go(reverse("alerts") + context["query"])
    except Refused as refused:
        context["errors"] = refused.errors or {"action": refused.detail}
    return pages.page(request, "alerts/bulk.html", context, status=400 if context["errors"] else 200)


def _ids(request: HttpRequest, wanted: AlertFilter, now: datetime) -> list[int]:
    """The alerts that are meant; on confirming a filter none that came after it was told what would happen."""
    if "all" not in request.POST:
        return _chosen(request)
    found = listing.ids(wanted, now, bulk_alerts.MOST_ALERTS + 1)
    newest = pages.number(request, "newest")
    return found if newest is None or "confirm" not in request.POST else [one for one in found if one <= newest]


def _chosen(request: HttpRequest) -> list[int]:
    said = request.POST.getlist("alert")
    if any(not one.isascii() or not one.isdigit() or len(one) > 18 for one in said):
        raise invalid(alerts="Select alerts in the list.")
    return [int(one) for one in said]


def _silence(request: HttpRequest, context: dict[str, Any], ids: list[int] | None, wanted: AlertFilter) -> HttpResponse:
    post, by, now = request.POST, pages.actor(request), pages.now(request)
    kept = [(name, value) for name, _, value in (one.partition("=") for one in post.getlist("label"))] if "labels" in post else None
    stop = "stop_paging" in post or "labels" not in post  # chosen until somebody has seen the form
    planned = bulk_silence.plan(alert_ids=ids or (), wanted=wanted if ids is None else None, kept=kept, by=by, now=now, stop_paging=stop)
    context |= {"sentences": planned.sentences, "labels": planned.labels, "service_name": planned.service_name, "stop_paging": stop}
    if "confirm" not in post:
        return pages.page(request, "alerts/bulk.html", context)
    hold = post.get("hold", "")
    if hold not in dict(HOLDS):
        raise invalid(hold="Choose when it ends.")
    silence = silences.silence(
        matchers=[{"name": name, "value": value} for name, value in planned.labels], service=planned.service, reason=pages.text(request, "reason", 1000),
        ends_at=now + timedelta(minutes=int(hold)), by=by, now=now, stop_paging=stop,
    )  # fmt: skip
    stopped = f" Paging for {silence.stopped:,} of them stopped." if silence.stopped else ""
    return pages.act(
        request,
        lambda: None,
        reverse("alerts") + context["query"],
        f"Silence {silence.pk} holds pages back until {silence.ends_at:%Y-%m-%d %H:%M} UTC.{stopped}",
    )


def acts_of(request: HttpRequest, now: datetime) -> list[BulkAction]:
    """This person's acts that still run, or that can still be taken back."""
    if not together.ask(operations_bulk.any_since(request.user.pk, now - bulk_alerts.UNDO_LIMIT))[0]:
        return []
    lately = Q(finished_at=None) | Q(created_at__gt=now - bulk_alerts.UNDO_LIMIT, undone_at=None)
    return [_told(row, now) for row in _rows().filter(lately, by=request.user).order_by("-id")[:SHOWN_ACTS]]  # type: ignore[misc]


def _rows():  # type: ignore[no-untyped-def]
    size = {
        name: Func(F(f"{column}_ids"), function="cardinality", output_field=IntegerField())
        for name, column in (("total", "alert"), ("changed", "changed"))
    }
    return BulkAction.objects.defer("alert_ids", "changed_ids").annotate(**size)


def _told(row: Any, now: datetime) -> Any:
    """The act with what the banner says of it."""
    row.running = row.finished_at is None
    left = row.created_at + bulk_alerts.UNDO_LIMIT - now
    takes_back = row.action in ("acknowledge", "snooze", "resolve") and row.undone_at is None
    row.undo_seconds = max(0, int(left.total_seconds())) if takes_back else 0
    alerts = f"{row.changed:,} alert{'' if row.changed == 1 else 's'}"
    if row.undone_at:
        row.words = f"Taken back for {alerts}."
    elif row.running:
        row.words = f"{LABELS.get(row.action, row.action)}: {row.position:,} of {row.total:,} alerts."
    else:
        rest = row.total - row.changed
        row.words = f"{alerts} {DONE.get(row.action, row.action)}." + (f" {rest:,} stayed as they were." if rest else "")
    return row


@needs(Needs.READ)
@require_GET
def act(request: HttpRequest, act_id: int) -> HttpResponse:
    """How far an act is, as the banner of the list; for a browser without scripts the list itself."""
    if "HX-Request" not in request.headers:
        return pages.go(reverse("alerts"))
    row = get_object_or_404(_rows(), pk=act_id)
    told = _told(row, pages.now(request))
    if row.by_id != request.user.pk:
        told.undo_seconds = 0
    return pages.page(request, "alerts/_act.html", {"act": told, "here": reverse("alerts")})


@needs(Needs.RESPOND)
@require_POST
def undo(request: HttpRequest, act_id: int) -> HttpResponse:
    """Take an act back."""
    row = get_object_or_404(BulkAction, pk=act_id)
    verb = lambda: bulk_alerts.undo(row, by=pages.actor(request), now=pages.now(request))  # noqa: E731
    return pages.act(request, verb, pages.back(request, reverse("alerts")), "Taken back.")
