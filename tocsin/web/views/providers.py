"""The pages of accounts at providers: the list with limits against fraud, a new one, and one with its health, tests and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.ports import Field, Gateway
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import Refused, missing
from tocsin.paging import operations_contacts as contacts
from tocsin.paging import operations_mail, operations_services
from tocsin.paging import operations_providers as operations
from tocsin.paging import operations_telephones as telephones
from tocsin.paging import queries_providers as queries
from tocsin.paging.models import ContactMethod, Provider
from tocsin.web import pages

LOOKS = {"at work": ("ok", "check"), "resting": ("bad", "alert"), "off": ("", "lock")}
MULTILINE = ("headers", "body", "answer", "certificate")
CHART_HEIGHT = 60
BY_THEMSELVES = (operations_mail.KIND, operations_services.KIND)  # accounts that nobody adds or removes
GROUPS = {"sms": "Text messages", "voice": "Phone calls", "webpush": "Push", "pushover": "Push"}  # all others are chats


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def providers(request: HttpRequest) -> HttpResponse:
    """Every account with how it stands; which can be added; the limits of telephone numbers."""
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            telephones.change_limits(
                countries=pages.text(request, "countries", 2000).replace(",", " ").split(), codes_a_day=pages.number(request, "codes_a_day"),
                by=pages.actor(request), now=pages.now(request),
            )  # fmt: skip
            return pages.act(request, lambda: None, reverse("providers"), "Saved.")
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
    limits, now = telephones.limits(), pages.now(request)
    operations_mail.keep(now)
    context = {
        "lines": [_line(row, now) for row in queries.accounts()],
        "groups": _groups(),
        "form": request.POST if errors else {"countries": " ".join(limits.countries), "codes_a_day": limits.codes_a_day}, "errors": errors,
    }  # fmt: skip
    return pages.page(request, "providers/list.html", context, status=422 if errors else 200)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest, kind: str) -> HttpResponse:
    """Add an account of that kind."""
    gateway = GATEWAYS.get(kind)
    if gateway is None or kind in BY_THEMSELVES:
        raise Http404
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = operations.create_provider(kind=kind, **_typed(request, gateway), by=pages.actor(request), now=pages.now(request))
            return pages.act(request, lambda: None, reverse("provider", args=[made.pk]), "Added. Send yourself a test.")
        except Refused as refused:
            errors = refused.errors or {"": refused.detail}
    context = {"gateway": gateway, "errors": errors, **_form(request, gateway, None)}
    return pages.page(request, "providers/new.html", context, status=422 if errors else 200)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def provider(request: HttpRequest, provider_id: int) -> HttpResponse:
    """One account: how it has been doing, a test through it alone, its settings."""
    row = operations.provider_of(provider_id)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            return _act(request, row)
        except Refused as refused:
            if refused.status in (403, 404):
                raise
            errors = refused.errors or {"": refused.detail}
    now, gateway = pages.now(request), GATEWAYS[row.kind]
    hours = queries.hours(row, now)
    context = {
        "provider": row, "gateway": gateway, "line": _line(row, now, hours), "hours": [one for one in reversed(hours) if one.sent or one.delivered],
        "bars": _bars(hours), "chart_height": CHART_HEIGHT, "chart_width": len(hours) * 10, "used": operations.used(row, now),
        "troubles": [{**one, "at": datetime.fromisoformat(one["at"])} for one in row.troubles], "inbound": operations.inbound(row),
        "tests": queries.tests(row), "errors": errors, "ways": _own_ways(request, row), "by_itself": row.kind in BY_THEMSELVES,
        "one_of_many": row.kind == operations_services.KIND,
        **_form(request, gateway, row),
    }  # fmt: skip
    return pages.page(request, "providers/provider.html", context, status=422 if errors else 200)


def _act(request: HttpRequest, row: Provider) -> HttpResponse:
    deed, by, now = request.POST.get("deed", ""), pages.actor(request), pages.now(request)
    if deed == "remove" and row.kind not in BY_THEMSELVES:
        return pages.act(request, lambda: operations.remove_provider(row, by=by, now=now), reverse("providers"), f"{row.name} was removed.")
    if deed == "switch":
        operations.change_provider(row, enabled=not row.enabled, by=by, now=now)
        messages.success(request, "Off: nothing goes through it." if row.enabled else "On: it is used from the next page on.")
    elif deed == "test" and row.kind != operations_services.KIND:
        method = _own_ways(request, row).filter(pk=pages.number(request, "method") or 0).first()
        if method is None:
            raise missing("contact method")
        contacts.send_test(method, by=by, now=now, account=row)
        messages.success(request, "A test is on its way; what becomes of it is shown below.")
    else:
        operations.change_provider(row, **_typed(request, GATEWAYS[row.kind], row), by=by, now=now)
        messages.success(request, "Saved.")
    return pages.go(reverse("provider", args=[row.pk]))


def _own_ways(request: HttpRequest, row: Provider) -> Any:
    rows = ContactMethod.objects.filter(user=request.user.pk, kind=row.channel, removed_at=None, verified_at__isnull=False)
    return rows.select_related("user").order_by("id")


def _groups() -> dict[str, list[tuple[str, str, str]]]:
    """The kinds that can be added, under what they do: kind, label without what the group says already, channel. A mail service is named by
    settings."""
    groups: dict[str, list[tuple[str, str, str]]] = {"Text messages": [], "Phone calls": [], "Push": [], "Chats": []}
    for kind, one in GATEWAYS.items():
        if kind in BY_THEMSELVES:
            continue
        groups[GROUPS.get(one.channel, "Chats")].append((kind, one.label.partition(": ")[0], one.channel))
    return {group: sorted(kinds, key=lambda one: (one[0].startswith("http"), one[1])) for group, kinds in groups.items()}


def _typed(request: HttpRequest, gateway: Gateway, row: Provider | None = None) -> dict[str, Any]:
    """What the form says. A secret that is left empty is not given: the one that is kept stays."""
    values = {field.name: pages.text(request, f"values.{field.name}", operations.LONGEST_VALUE) for field in gateway.fields}
    values = {field.name: values[field.name] for field in gateway.fields if not (field.secret and not values[field.name])}
    prefixes = pages.text(request, "prefixes", 2000).replace(",", " ").split()
    fields = {"name": pages.text(request, "name", 200), "prefixes": prefixes, "position": min(pages.number(request, "position") or 0, 1000)}
    budget = pages.number(request, "budget")
    if budget is not None and not 1 <= budget <= 10_000_000:
        raise Refused("A budget is 1 to 10,000,000 messages.", errors={"budget": "Give 1 to 10,000,000 messages, or nothing."})
    if row and row.kind == operations_services.KIND:
        return {**fields, "budget": budget}  # what it stands for is what people's addresses say
    return {**fields, "budget": budget, "values": values}


def _form(request: HttpRequest, gateway: Gateway, row: Provider | None) -> dict[str, Any]:
    """The fields of the form with what stands in them; what was typed comes back, secrets never do."""
    posted: Mapping[str, str] | None = request.POST if request.POST.get("deed", "save") == "save" and request.method == "POST" else None
    kept = operations.secrets_of(row) if row else {}
    shown = () if row and row.kind == operations_services.KIND else gateway.fields
    inputs = [_input(field, posted, row.settings if row else {}, bool(kept.get(field.name))) for field in shown]
    stored = {
        "name": row.name if row else gateway.label, "prefixes": " ".join(row.prefixes) if row else "", "position": row.position if row else 0,
        "budget": row.budget if row and row.budget else "",
    }  # fmt: skip
    return {
        "form": {name: posted.get(name, "") if posted is not None else value for name, value in stored.items()},
        "needed": [one for one in inputs if one["required"]], "further": [one for one in inputs if not one["required"]],
        "by_number": gateway.channel in ("sms", "voice"),
    }  # fmt: skip


def _input(field: Field, posted: Mapping[str, str] | None, settings: Mapping[str, str], kept: bool) -> dict[str, Any]:
    name = f"values.{field.name}"
    value = "" if field.secret else posted.get(name, "") if posted is not None else settings.get(field.name, field.default)
    hint = "It is set. Leave it empty to keep it." if kept else field.help
    kind = "password" if field.secret else "textarea" if field.name in MULTILINE else "text"
    return {
        "name": name,
        "label": field.label,
        "value": value,
        "hint": hint,
        "kind": kind,
        "required": field.required,
        "autocomplete": "new-password" if field.secret else "off",
    }


def _line(row: Provider, now: Any, hours: Sequence[queries.Hour] | None = None) -> dict[str, Any]:
    words = queries.standing(row, now)
    tone, symbol = LOOKS[words]
    return {"row": row, "words": words, "tone": tone, "symbol": symbol, "label": GATEWAYS[row.kind].label, "share": queries.share(list(hours or queries.hours(row, now)))}  # fmt: skip


def _bars(hours: Sequence[queries.Hour]) -> list[dict[str, int]]:
    """One bar an hour: filled what did well, hollow above it what did not."""
    most = max([hour.sent for hour in hours] + [1])
    bars = []
    for place, hour in enumerate(hours):
        whole = round(hour.sent * (CHART_HEIGHT - 2) / most)
        good = round(hour.good * (CHART_HEIGHT - 2) / most)
        bars.append({"x": place * 10 + 1, "y": CHART_HEIGHT - good, "good": good, "bad": whole - good, "bad_y": CHART_HEIGHT - whole})
    return bars
