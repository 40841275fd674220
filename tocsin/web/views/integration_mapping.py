"""The page on which an integration's owner says how its messages are read, and sees at once what becomes of the last ones."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations
from tocsin.alerts.models import Integration
from tocsin.integrations import mapping
from tocsin.lib.cel import LONGEST
from tocsin.lib.refusal import Refused, missing
from tocsin.response.preview_mapping import preview
from tocsin.web import pages

ABOUT = {
    "items": ("List of items", "Where the list lies; each element is one event", "body.alerts"),
    "when": ("Only when", "What is no alert is left out", 'item.kind == "alert"'),
    "title": ("Title", "", 'item.check.name + " on " + item.host'),
    "status": ("Status", "firing, acknowledged, resolved or none; true means firing", 'item.code == 0 ? "resolved" : "firing"'),
    "severity": ("Severity", "critical, error, warning or info, or a word of the source", "item.level"),
    "dedup_key": ("Dedup key", "What makes two events the same alert", 'item.host + "/" + item.check.id'),
    "service": ("Service", "", "item.labels.team"),
    "started_at": ("Started at", "", "item.opened"),
    "link": ("Link", "", 'item.links.filter(l, l.rel == "self")[0].href'),
    "runbook": ("Runbook", "", "item.wiki"),
    "labels": ("Labels", "", '{"host": item.host, "env": headers["x-env"]}'),
}
SHOWN = ("title", "status", "severity", "dedup_key", "service", "started_at", "link", "runbook", "labels")


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def integration_mapping(request: HttpRequest, integration_id: int) -> HttpResponse:
    """How messages of one integration are read; only `action=save` keeps it, everything else shows what would be."""
    found = Integration.objects.filter(pk=integration_id, removed_at=None).first()
    if found is None:
        raise missing("integration")
    form = _stored(found)
    errors: dict[str, str] = {}
    if request.method == "POST":
        form = _posted(request)
        fields, errors = _fields(form)
        errors |= mapping.complaints(fields["mapping"], fields["severity_words"])
        if request.POST.get("action") == "save" and not errors:
            try:
                operations.change_integration(found, by=pages.actor(request), now=pages.now(request), **fields)
                messages.success(request, "Saved. It counts for every event from now on.")
                return pages.go(reverse("integration_mapping", args=[found.pk]))
            except Refused as refused:
                errors = refused.errors or {"mapping": refused.detail}
    fields, _ = _fields(form)
    usable = {name: text for name, text in fields["mapping"].items() if f"mapping.{name}" not in errors}
    words = {} if "severity_words" in errors else fields["severity_words"]
    seen = preview(found, mapping.Rules(usable, words, tuple(fields["identity_labels"]), frozenset(fields["ignored_labels"])))
    context = {"integration": found, "form": form, "errors": errors, "fields": _shown(form, errors, seen.errors), "preview": seen,
               "rows": [_row(row) for row in seen.rows], "longest": LONGEST}  # fmt: skip
    saving = request.method == "POST" and request.POST.get("action") == "save"
    fragments = {"preview": "integrations/_mapping_preview.html"}
    return pages.page(request, "integrations/mapping.html", context, fragments=fragments, status=422 if errors and saving else 200)


def _stored(found: Integration) -> dict[str, str]:
    return {
        **{f"m-{name}": found.mapping.get(name, "") for name in mapping.OPTIONS},
        "identity_labels": ", ".join(found.identity_labels),
        "ignored_labels": ", ".join(found.ignored_labels),
        "severity_words": "\n".join(f"{word} = {level}" for word, level in found.severity_words.items()),
    }


def _posted(request: HttpRequest) -> dict[str, str]:
    names = [*(f"m-{name}" for name in mapping.OPTIONS), "identity_labels", "ignored_labels", "severity_words"]
    return {name: request.POST.get(name, "").replace("\r\n", "\n").strip()[:12_000] for name in names}


def _fields(form: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What was typed as fields of an integration, and what cannot be."""
    errors: dict[str, str] = {}
    words: dict[str, str] = {}
    for line in form["severity_words"].splitlines():
        word, sign, level = line.partition("=")
        if line.strip() and not sign:
            errors["severity_words"] = f"{line.strip()[:60]!r}: write one word a line, as in “purple = critical”."
        elif word.strip():
            words[word.strip().lower()] = level.strip().lower()
    labels = {
        name: list(dict.fromkeys(label.strip() for label in form[name].replace("\n", ",").split(",") if label.strip()))
        for name in ("identity_labels", "ignored_labels")
    }
    for name, found in labels.items():
        if len(found) > 50 or any(len(label) > 200 for label in found):
            errors[name] = "At most 50 labels of at most 200 characters."
    expressions = {name: form[f"m-{name}"] for name in mapping.OPTIONS if form[f"m-{name}"]}
    return {"mapping": expressions, "severity_words": words, **labels}, errors


def _shown(form: dict[str, str], errors: dict[str, str], failed: dict[str, tuple[str, int]]) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "id": f"m-{name}", "value": form[f"m-{name}"], "label": label, "hint": hint, "example": example,
            "error": errors.get(f"mapping.{name}", ""), "failed": failed.get(name),
        }
        for name, (label, hint, example) in ABOUT.items()
    ]  # fmt: skip


def _row(row: Any) -> dict[str, Any]:
    items = []
    for before, after in row.pairs:
        old, new = before.event if before else None, after.event
        facts = [
            {
                "name": name.replace("_", " "), "now": _said(getattr(old, name)) if old else "", "then": _said(getattr(new, name)),
                "path": after.paths.get("key" if name == "dedup_key" else name, ""), "changed": old is not None and getattr(old, name) != getattr(new, name),
            }
            for name in SHOWN
        ]  # fmt: skip
        items.append(
            {
                "facts": [fact for fact in facts if fact["now"] or fact["then"]],
                "errors": dict(after.errors),
                "left_out": new.status == "none",
            }
        )
    return {"raw": row.raw, "items": items, "more": row.more, "error": row.error,
            "body": bytes(row.raw.body)[:4000].decode("utf-8", "replace").replace("\0", "")}  # fmt: skip


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={one}" for name, one in list(value.items())[:12])[:400]
    return "" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC" if hasattr(value, "strftime") else str(value)[:300]
