"""The pages of routing rules: the ordered list, its versions, the simulator, a trial, and why an alert was routed as it was."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations_routing as operations
from tocsin.alerts import queries_routing as queries
from tocsin.alerts.models import Alert, Integration, RawEvent, RoutingTrial
from tocsin.domain import rule_words as words
from tocsin.domain.rule_lint import lint
from tocsin.lib.refusal import Refused, invalid
from tocsin.response import simulate_routing, try_routing
from tocsin.web import pages

MOST_VERSIONS = 50


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule in its order, with what it demands, what it decides and how often it matched."""
    if request.method == "POST":
        return pages.act(request, lambda: _change(request), reverse("routing"))
    now, version = pages.now(request), queries.current()
    names, (hits, cut) = queries.names(), queries.hits(pages.now(request))
    found = queries.rules_of(version, now)
    findings = {one.place: one.sentence for one in lint(found)}
    rows = [
        {"rule": rule, "demands": words.demands(rule, names), "decides": words.decides(rule.then, names), "hits": hits.get(rule.id), "finding": findings.get(place, "")}
        for place, rule in enumerate(found)
    ]  # fmt: skip
    context = {"rows": rows, "version": version, "days": queries.HIT_DAYS, "cut": cut, "editable": _may(request)}
    return pages.page(request, "routing/rules.html", context)


def _change(request: HttpRequest) -> None:
    """One small step: a rule up, down, to a place, on, off, or away."""
    administrators_only(request)
    version = queries.current()
    deed, id, at = (*request.POST.get("action", "").split(":"), "", "")[:3]
    changed = [dict(rule) for rule in version.rules]
    place = next((n for n, rule in enumerate(changed) if str(rule["id"]) == id), None)
    if place is None:
        raise Refused("This rule is not there any more.", status=409)
    if deed in ("up", "down"):
        to = max(0, min(len(changed) - 1, place + (1 if deed == "down" else -1)))
        changed.insert(to, changed.pop(place))
    elif deed == "to" and at.isascii() and at.isdigit() and len(at) < 6:
        changed.insert(int(at), changed.pop(place))
    elif deed == "toggle":
        changed[place]["enabled"] = not changed[place]["enabled"]
    elif deed == "remove":
        del changed[place]
    else:
        raise Refused("There is no such step.")
    save(request, changed, pages.number(request, "version"))


def save(request: HttpRequest, changed: list[dict[str, Any]], expected: int | None, note: str = "") -> None:
    """Bring a list into force as the next version."""
    operations.save(
        changed, severities=simulate_routing.severities(), by=pages.actor(request), now=pages.now(request), expected=expected, note=note
    )


def administrators_only(request: HttpRequest) -> None:
    """Refuse everybody else."""
    if not _may(request):
        raise Refused("Only administrators may change routing rules.", status=403)


def _may(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_administrator", False))


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def versions(request: HttpRequest) -> HttpResponse:
    """Every version, who made it and why; an older one can be brought back."""
    if request.method == "POST":
        return pages.act(request, lambda: _restore(request), reverse("routing"), "The older version is in force again, as a new one.")
    found = list(queries.versions()[:MOST_VERSIONS])
    return pages.page(request, "routing/versions.html", {"versions": found, "editable": _may(request)})


def _restore(request: HttpRequest) -> None:
    administrators_only(request)
    severities = simulate_routing.severities()
    operations.restore(pages.number(request, "number") or 0, severities=severities, by=pages.actor(request), now=pages.now(request))


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def simulate(request: HttpRequest) -> HttpResponse:
    """What would become of an event: each rule that it meets in words, then who would be paged. Writes nothing."""
    errors: dict[str, str] = {}
    found: list[simulate_routing.Simulation] = []
    asked = request.POST if request.method == "POST" else request.GET
    form = {name: asked.get(name, "")[: simulate_routing.LONGEST_BODY] for name in ("event", "alert", "integration", "body")}
    try:
        if any(form.values()):
            found = _simulated(request, form)
    except Refused as refused:
        errors = refused.errors or {"body": refused.detail}
    integrations = Integration.objects.filter(removed_at=None).order_by("name")
    recent = RawEvent.objects.select_related("integration").defer("body").order_by("-id")[:8]
    context = {"form": form, "errors": errors, "found": found, "integrations": integrations, "recent": recent, "version": queries.current()}
    return pages.page(request, "routing/simulate.html", context, status=422 if errors else 200)


def _simulated(request: HttpRequest, form: dict[str, str]) -> list[simulate_routing.Simulation]:
    now = pages.now(request)
    if form["event"]:
        raw = RawEvent.objects.select_related("integration").filter(pk=_id(form["event"], "event")).first()
        if raw is None:
            raise invalid(event="There is no such event.")
        return simulate_routing.of_event(raw, now=now)
    if form["alert"]:
        alert = Alert.objects.select_related("integration", "service").filter(pk=_id(form["alert"], "alert")).first()
        if alert is None:
            raise invalid(alert="There is no such alert.")
        return simulate_routing.of_alert(alert, now=now)
    integration = Integration.objects.filter(pk=_id(form["integration"], "integration"), removed_at=None).first()
    if integration is None:
        raise invalid(integration="Choose the integration that it would come by.")
    return simulate_routing.of_body(integration, form["body"].encode(), now=now)


def _id(text: str, field: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise invalid(**{field: "It is a number."})
    return int(text or 0)


@needs(Needs.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def trial(request: HttpRequest, trial_id: int) -> HttpResponse:
    """How far a trial is and what it found; beside it the button that brings its rules into force."""
    found = try_routing.trial_of(trial_id)
    if request.method == "POST":
        return pages.act(request, lambda: _save_trial(request, found), reverse("routing"), "The rules are in force.")
    going = found.state in (RoutingTrial.State.WAITING, RoutingTrial.State.RUNNING)
    wanted = -(-found.total // found.every) if found.total else 0
    context = {
        "trial": found, "going": going, "wanted": wanted, "percent": min(100, 100 * found.looked_at // wanted) if wanted else 0,
        "sentences": try_routing.sentences(found), "editable": _may(request), "stale": queries.current().number != found.base,
    }  # fmt: skip
    return pages.page(request, "routing/trial.html", context, fragments={"trial": "routing/_trial.html"})


def _save_trial(request: HttpRequest, found: RoutingTrial) -> None:
    administrators_only(request)
    operations.save_trial(
        found, severities=simulate_routing.severities(), note=pages.text(request, "note", operations.LONGEST_NOTE), by=pages.actor(request),
        now=pages.now(request),
    )  # fmt: skip


@needs(Needs.READ)
@require_GET
def trace(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Why was I paged? The rules that an alert met, by the version that was in force then, and what came of it."""
    alert = get_object_or_404(Alert.objects.select_related("service", "integration"), pk=alert_id)
    context = {"alert": alert, "met": simulate_routing.told_of(alert, pages.now(request)), "area": "alerts"}
    return pages.page(request, "routing/trace.html", context)


def said(request: HttpRequest, sentence: str) -> None:
    """A sentence on the next page."""
    messages.success(request, sentence)
