"""Which alerts are there, what is known of each, who was paged for it and why, and what do people make of it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing, operations_quiet
from tocsin.alerts.models import Alert
from tocsin.domain.alert_filters import STATUSES
from tocsin.incidents import queries as incidents
from tocsin.lib.refusal import Refused
from tocsin.response import stale
from tocsin.response.acknowledge import acknowledge_alert
from tocsin.response.hold import give_back
from tocsin.response.link_alert import link_alert
from tocsin.response.resolve_alert import resolve_alert
from tocsin.response.ungroup import ungroup
from tocsin.response.verify_alert import verify_alert
from tocsin.web import alert_page, alert_rows, filters, holding, pages
from tocsin.web.views import alerts_bulk, saved_views

SHOWN = 50


@needs(Needs.READ)
def alerts(request: HttpRequest) -> HttpResponse:
    """A page of the list, by the filters and the order in the address."""
    saved = saved_views.known(request)
    if not request.GET and (row := saved.opens_with):
        return pages.go(reverse("alerts") + filters.address_of(row.filters))
    wanted, errors = filters.read(request)
    now = pages.now(request)
    after = request.GET.get("after")
    found = listing.Found([], None) if errors else listing.page(wanted, now, cursor=after, limit=SHOWN, read=alert_rows.read)
    may, zone = bool(getattr(request.user, "may_respond", False)), getattr(request.user, "time_zone", "")
    names = filters.offered()
    context = {
        "rows": found.rows, "body": alert_rows.Rows(now, zone, may=may, picks=True).all(found.rows), "later": filters.address(wanted, after=found.next) if found.next else "", "wanted": wanted,
        "partly": found.partly, "errors": errors, "here": request.get_full_path(), "may": may, "query": filters.address(wanted),
        "count": filters.count(wanted, found, request, now) if not errors else "", "chosen": filters.choices(wanted, names), "chips": filters.chips(wanted),
        "typed": request.GET if errors else wanted.to_plain(), "label": request.GET.get("label", ""), "sorts": listing.SORTS, "window": f"{listing.WINDOW:,}",
        "chips_of_views": saved.chips(wanted), **saved_views.offered(request, teams=names["team"]),
        "acts": alerts_bulk.acts_of(request, now) if may else [], "snoozes": alerts_bulk.SNOOZES,
        "statuses": [(key, label, filters.address(replace(wanted, status=key))) for key, label in STATUSES.items()],
    }  # fmt: skip
    return pages.page(request, "alerts/alerts.html", context, status=400 if errors else 200)


@needs(Needs.READ)
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """One alert."""
    row = get_object_or_404(Alert.objects.select_related("service__team", "integration", "verdict_by", "lead"), pk=alert_id)
    return pages.page(request, "alerts/alert.html", alert_page.context(request, row), fragments={"drawer": "alerts/_drawer.html"})


@needs(Needs.RESPOND)
@require_POST
def do(request: HttpRequest, alert_id: int, deed: str) -> HttpResponse:
    """Acknowledge it, say what it is and whether it was useful, link it to an incident, keep or end it, or take it out of its cause."""
    row = get_object_or_404(Alert, pk=alert_id)
    deeds: dict[str, tuple[Callable[[HttpRequest, Alert, dict], object], str]] = {
        "acknowledge": (_acknowledge, ""),
        "verify": (_verify, "Noted."),
        "useful": (_useful, "Noted: it was useful. You can change it."),
        "noise": (_noise, "Noted: it was noise. You can change it."),
        "link": (_link, "The alert belongs to the incident now."),
        "keep": (lambda _, alert, who: stale.keep(alert=alert, **who), "Noted: it is still real."),
        "snooze": (
            lambda request, alert, who: holding.snooze(request, who, alert=alert),
            "Snoozed. It is paged again when the time is over.",
        ),
        "give-back": (lambda _, alert, who: give_back(alert=alert, **who), "You do not have it any more."),
        "ungroup": (lambda _, alert, who: ungroup(alert=alert, **who), "It is a cause of its own now."),
        "resolve": (lambda _, alert, who: resolve_alert(alert=alert, **who), "Resolved."),
    }
    if deed not in deeds:
        raise Http404
    function, said = deeds[deed]
    who = {"by": pages.actor(request), "now": pages.now(request)}
    return pages.act(request, lambda: function(request, row, who), pages.back(request, reverse("alert", args=[row.pk])), said)


def _acknowledge(request, row, who):
    answer = acknowledge_alert(alert=row, **who)
    if not answer.taken:
        raise Refused(f"{answer.by} has it already." if answer.at else "Nobody is being paged for it.", status=409)
    messages.success(request, holding.acknowledged(answer.waits_for))


def _verify(request, row, who):
    verify_alert(alert=row, verdict=request.POST.get("verdict", ""), note=pages.text(request, "note", 2000), **who)


def _useful(request, row, who):
    operations_quiet.say_useful(row, True, **who)


def _noise(request, row, who):
    operations_quiet.say_useful(row, False, **who)


def _link(request, row, who):
    link_alert(incident=incidents.by_ref(request.POST.get("incident", ""), who["by"]), alert=row, **who)
