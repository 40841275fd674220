"""The pages of the procedure: what is in force, its versions, and drafts with what they change."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.procedure import FormError
from tocsin.domain.procedure.diff import diff, for_open_incidents, span
from tocsin.domain.procedure.lint import lint
from tocsin.domain.procedure.model import Procedure, Severity
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused
from tocsin.procedures import forms, operations
from tocsin.procedures.models import ProcedureVersion
from tocsin.web import pages

SHOWN_VERSIONS = 50


@needs(Needs.READ)
@require_GET
def procedure(request: HttpRequest) -> HttpResponse:
    """The procedure in force, or an earlier version (?version=3)."""
    in_force = operations.current()
    row = operations.version(_number(request.GET.get("version"))) if request.GET.get("version") else in_force
    document = operations.document(row)
    return pages.page(
        request,
        "procedure/procedure.html",
        {
            "row": row,
            "in_force": in_force,
            "procedure": document,
            "matrix": [_line(severity, document) for severity in document.severities],
            "drafts": operations.drafts()[:SHOWN_VERSIONS],
            "versions": operations.published()[:SHOWN_VERSIONS],
        },
    )


@needs(Needs.READ)
@require_GET
def export(request: HttpRequest, number: int, form: str) -> HttpResponse:
    """One version as a file."""
    kind: forms.Form = "yaml" if form == "yaml" else "markdown"
    text = forms.write(operations.document(operations.version(number)), kind)
    response = HttpResponse(text, content_type=f"text/{'plain' if form == 'yaml' else 'markdown'}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="procedure-v{number}.{"yaml" if form == "yaml" else "md"}"'
    return response


@needs(Needs.READ)
@require_GET
def compare(request: HttpRequest, number: int) -> HttpResponse:
    """What changed from one version to the next one named (?with=, by default the one in force)."""
    other = operations.version(_number(request.GET.get("with"))) if request.GET.get("with") else operations.current()
    old = operations.version(number)
    changes = diff(operations.document(old), operations.document(other))
    return pages.page(request, "procedure/compare.html", {"old": old, "new": other, "changes": changes})


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def new_draft(request: HttpRequest) -> HttpResponse:
    """Begin a draft from the version in force."""
    return _edit(request, None)


@needs(Needs.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    """A draft: its text, what lint says, what it changes; save, publish or discard it."""
    return _edit(request, operations.draft(draft_id))


def _edit(request: HttpRequest, row: ProcedureVersion | None) -> HttpResponse:
    in_force = operations.current()
    form: forms.Form = "yaml" if (request.POST or request.GET).get("form") == "yaml" else "markdown"
    document = operations.document(row or in_force)
    text, note, errors, status = forms.write(document, form), row.note if row else "", {}, 200
    if request.method == "POST":
        text, note = request.POST.get("text", "").replace("\r\n", "\n"), request.POST.get("note", "")
        try:
            return pages.go(_act(request, row, text, note, form))
        except (FormError, Refused) as refused:
            errors, status = _errors(refused), 422
    findings = lint(document)
    changes = diff(operations.document(in_force), document)
    context = {
        "row": row, "in_force": in_force, "text": text, "note": note, "form": form, "errors": errors, "findings": findings, "changes": changes,
        "open_note": for_open_incidents(changes, Incident.objects.exclude(status="closed").count()),
        "blocked": any(finding.level == "error" for finding in findings),
    }  # fmt: skip
    return pages.page(request, "procedure/draft.html", context, status=status)


def _act(request: HttpRequest, row: ProcedureVersion | None, text: str, note: str, form: forms.Form) -> str:
    """Do what the button says; where to go then."""
    by, now, action = pages.actor(request), pages.now(request), request.POST.get("action", "save")
    if action == "discard" and row:
        operations.discard(row.pk, by=by, now=now)
        return reverse("procedure")
    plain = operations.to_plain(forms.read(text, form))
    if action == "publish" and row:
        operations.save_draft(plain, by=by, now=now, note=note, draft_id=row.pk)
        operations.publish(row.pk, note=note, by=by, now=now)
        return reverse("procedure")
    saved = operations.save_draft(plain, by=by, now=now, note=note, draft_id=row.pk if row else None)
    return f"{reverse('procedure_draft', args=[saved.pk])}?form={form}"


def _errors(refused: FormError | Refused) -> dict[str, str]:
    if isinstance(refused, FormError):
        return {"text": f"The text cannot be read: {refused}."}
    return {"note": refused.errors["note"]} if "note" in refused.errors else {"text": refused.detail}


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 9 else 0


def _line(severity: Severity, document: Procedure) -> dict[str, Any]:
    """One line of the severity matrix, in words."""
    owed, days = severity.communication, severity.response.business_days
    within = severity.response.text if days is not None else span(severity.response.within_minutes or 0)
    return {
        "severity": severity,
        "within": within,
        "first": f"{'Status page' if owed.audience == 'public' else 'Internal'}, {span(owed.within_minutes)}" if owed else "none",
        "then": span(owed.repeat_minutes) if owed else "none",
        "postmortem": f"within {document.settings.postmortem_within_hours} h" if severity.postmortem_required else "optional",
    }
