"""The form of one routing rule: built without scripts, each button is a small step; it can be tried on the last days before it is saved."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import queries_routing as queries
from tocsin.alerts.models import Integration, Service
from tocsin.alerts.operations_routing import place_in_words
from tocsin.domain.rule_model import FIELDS, OPERATORS
from tocsin.domain.rule_plain import BARE
from tocsin.domain.rule_words import DAYS
from tocsin.lib.refusal import Refused, missing
from tocsin.paging.models import EscalationPolicy
from tocsin.response import simulate_routing, try_routing
from tocsin.web import pages
from tocsin.web.views import routing

EMPTY: dict[str, Any] = {
    "id": None, "name": "", "enabled": True, "integrations": [], "match": "all", "conditions": [], "expression": "", "hours": None, "go_on": False,
    "then": {"service": None, "severity": "", "policy": None, "group_by": None, "group_minutes": None, "suppress": False, "labels": {},
             "links": [], "runbook": ""},
}  # fmt: skip


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new rule, at the end of the list."""
    return _edit(request, None)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """One rule."""
    return _edit(request, rule_id)


def _edit(request: HttpRequest, rule_id: int | None) -> HttpResponse:
    version = queries.current()
    place = next((n for n, one in enumerate(version.rules) if one["id"] == rule_id), None)
    if rule_id is not None and place is None:
        raise missing("routing rule")
    form = EMPTY if place is None else version.rules[place]
    number: int | None = version.number
    errors: dict[str, str] = {}
    if request.method == "POST":
        form, number = _posted(request.POST, rule_id), pages.number(request, "version")
        action, _, which = request.POST.get("action", "").partition(":")
        changed = [*version.rules, form] if place is None else [*version.rules[:place], form, *version.rules[place + 1 :]]
        try:
            if action == "save":
                routing.save(request, changed, number, pages.text(request, "note", 500))
                routing.said(request, f"The rule “{form['name']}” is in force.")
                return pages.go(reverse("routing"))
            if action == "try":
                trial = try_routing.begin(changed, by=pages.actor(request), now=pages.now(request))
                return pages.go(reverse("routing_trial", args=[trial.pk]))
            if action == "drop" and which.isdecimal() and int(which[:4]) < len(form["conditions"]):
                del form["conditions"][int(which[:4])]
            elif action == "add":
                form["conditions"].append({"field": "", "operator": "equals", "value": ""})
        except Refused as refused:
            errors = _errors(refused, changed, len(version.rules) if place is None else place)
    context = _context(form, errors, number, rule_id)
    return pages.page(request, "routing/rule.html", context, status=422 if errors else 200)


def _errors(refused: Refused, changed: list[dict[str, Any]], place: int) -> dict[str, str]:
    """The sentences by the names of the form's fields; mistakes of other rules together at the top."""
    found = {}
    for at, sentence in (refused.errors or {"": refused.detail}).items():
        own = at.startswith(f"{place}.")
        found[at.partition(".")[2].replace(".", "-") if own else "other"] = (
            sentence if own or not at else f"{place_in_words(changed, at)}: {sentence}"
        )
    return found


def _context(form: dict[str, Any], errors: dict[str, str], number: int | None, rule_id: int | None) -> dict[str, Any]:
    then, hours = form["then"], form["hours"] or {}
    rows = form["conditions"] or [{"field": "", "operator": "equals", "value": ""}]
    conditions = [
        {
            **one, "value": ", ".join(one["value"]) if isinstance(one.get("value"), list) else one.get("value", ""),
            "error": " ".join(errors.get(f"conditions-{place}-{what}", "") for what in ("field", "operator", "value")).strip(),
        }
        for place, one in enumerate(rows)
    ]  # fmt: skip
    live = {"removed_at": None}
    shown = {
        **form, "conditions": conditions, "labels": "\n".join(f"{name} = {value}" for name, value in then["labels"].items()),
        "links": "\n".join(f"{link['text']} | {link['address']}" for link in then["links"]),
        "group_by": ", ".join(then["group_by"] or []), "hours_when": ("inside" if hours["inside"] else "outside") if hours else "",
        "hours": hours or {"zone": "Europe/Berlin", "days": [0, 1, 2, 3, 4], "from": "09:00", "to": "17:00", "holidays": ""},
    }  # fmt: skip
    return {
        "form": shown, "errors": errors, "number": number, "rule_id": rule_id, "operators": OPERATORS.items(), "fields": FIELDS, "days": list(enumerate(DAYS)),
        "services": Service.objects.filter(**live).order_by("name"), "policies": EscalationPolicy.objects.filter(**live).order_by("name"),
        "integrations": Integration.objects.filter(**live).order_by("name"), "severities": simulate_routing.severities(), "area": "routing",
        "labels_error": " ".join(sentence for at, sentence in errors.items() if at.startswith("then-labels")),
        "links_error": " ".join(sentence for at, sentence in errors.items() if at.startswith("then-links")),
        "known": {"name", "expression", "then-runbook", "then-group_minutes", "hours-zone", "hours-from", "hours-to", "hours-holidays"},
    }  # fmt: skip


def _posted(post: QueryDict, rule_id: int | None) -> dict[str, Any]:
    """The rule that the form says, as plain values; whatever is wrong with them is said when it is saved."""
    then: dict[str, Any] = {
        "service": _number(post, "service"), "severity": post.get("severity", ""), "policy": _number(post, "policy"),
        "group_by": _split(post.get("group_by", ""), ",") or None, "group_minutes": _number(post, "then-group_minutes"),
        "suppress": post.get("suppress") == "1", "runbook": post.get("then-runbook", "").strip(),
        "labels": dict(_pair(line, "=") for line in _split(post.get("labels", ""), "\n")),
        "links": [dict(zip(("text", "address"), _pair(line, "|"), strict=True)) for line in _split(post.get("links", ""), "\n")],
    }  # fmt: skip
    if post.get("group") == "service":
        then["group_by"] = []
    return {
        "id": rule_id, "name": post.get("name", "").strip(), "enabled": post.get("enabled") == "1",
        "integrations": [int(one) for one in post.getlist("integrations")[:100] if one.isdecimal() and len(one) < 18], "match": post.get("match", "all"),
        "conditions": _conditions(post), "expression": post.get("expression", "").strip(), "hours": _hours(post), "then": then,
        "go_on": post.get("go_on") == "1",
    }  # fmt: skip


def _conditions(post: QueryDict) -> list[dict[str, Any]]:
    found = []
    columns = zip(post.getlist("field"), post.getlist("operator"), post.getlist("value"), strict=False)
    for name, operator, value in list(columns)[:40]:
        if not name.strip() and not value:
            continue
        one: dict[str, Any] = {"field": name.strip(), "operator": operator}
        if operator not in BARE:
            one["value"] = _split(value, ",") if operator == "one_of" else value
        found.append(one)
    return found


def _hours(post: QueryDict) -> dict[str, Any] | None:
    if post.get("hours") not in ("inside", "outside"):
        return None
    return {
        "inside": post["hours"] == "inside", "zone": post.get("hours-zone", "").strip(), "from": post.get("hours-from", "").strip(),
        "to": post.get("hours-to", "").strip(), "days": [int(day) for day in post.getlist("days") if day in ("0", "1", "2", "3", "4", "5", "6")],
        "holidays": post.get("hours-holidays", "").strip(),
    }  # fmt: skip


def _number(post: QueryDict, name: str) -> int | str | None:
    """A number, or what stands there instead (it is refused with the rule)."""
    value = post.get(name, "").strip()
    return None if not value else int(value) if value.isascii() and value.isdigit() and len(value) <= 15 else value


def _split(text: str, sign: str) -> list[str]:
    return [part.strip() for part in text.replace("\r", "").split(sign) if part.strip()][:200]


def _pair(line: str, sign: str) -> tuple[str, str]:
    before, found, after = line.partition(sign)
    return (before.strip(), after.strip()) if found else (line.strip(), "" if sign == "=" else line.strip())
