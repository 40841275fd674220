"""The procedure, for programs: read it in three forms, check it, compare versions, bring a new one into force."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, cast

from django.http import HttpRequest, HttpResponse
from ninja import Field, Header, Query, Router, Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.answers import Media
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, rfc3339
from tocsin.domain.procedure import FormError, from_plain
from tocsin.domain.procedure.diff import OPEN_INCIDENTS, Change, diff
from tocsin.domain.procedure.lint import Finding, lint
from tocsin.domain.procedure.model import Procedure, Role, Settings, Severity, Step, Template
from tocsin.lib.refusal import Refused
from tocsin.procedures import forms, operations
from tocsin.procedures.models import ProcedureVersion

router = Router(tags=["Procedure"])


class Document(Body):
    """A procedure in one of its forms: `document` as JSON, or `text` as YAML or Markdown."""

    document: dict[str, Any] | None = None
    text: str | None = Field(None, max_length=forms.LONGEST)
    note: str = Field("", max_length=operations.NOTE_LIMIT, description="What changes, and why; needed to bring it into force")
    version: int | None = Field(None, description="The version that the author has seen; 409 when another is in force")


class Publication(Body):
    """How a draft comes into force."""

    note: str = Field("", max_length=operations.NOTE_LIMIT)
    version: int | None = None


class ProcedureVersionShape(TypedDict):
    """A version of the procedure without its document."""

    id: int
    version: Annotated[int | None, Field(description="Null: a draft.")]
    note: str
    author: int | None
    based_on: int | None
    updated_at: At
    published_at: At | None


class ProcedureShape(ProcedureVersionShape):
    """A version of the procedure with its whole document."""

    title: str
    scope: str
    severities: tuple[Severity, ...]
    steps: tuple[Step, ...]
    roles: tuple[Role, ...]
    templates: tuple[Template, ...]
    settings: Settings


class FindingsShape(TypedDict):
    """What lint says about a document."""

    valid: Annotated[bool, Field(description="Nothing stops it from being published.")]
    findings: list[Finding]


class ProcedureDraftShape(ProcedureShape, FindingsShape):
    """A draft with what lint says about it."""


class ProcedureDiffShape(TypedDict):
    """What changes between two versions."""

    old: int
    new: Annotated[int | None, Field(description="Null: a draft.")]
    changes: list[Change]
    open_incidents: Annotated[str, Field(description="What becomes of these, in a sentence.")]


def shape(row: ProcedureVersion) -> ProcedureShape:
    """A version with its whole document, every field spelled out."""
    return cast(ProcedureShape, {**summary(row), **dataclasses.asdict(operations.document(row))})


def summary(row: ProcedureVersion) -> ProcedureVersionShape:
    """A version without its document."""
    return {
        "id": row.pk,
        "version": row.number,
        "note": row.note,
        "author": row.author_id,
        "based_on": row.based_on.number if row.based_on else None,
        "updated_at": rfc3339(row.updated_at),
        "published_at": rfc3339(row.published_at),
    }


def findings(procedure: Procedure) -> FindingsShape:
    """What lint says; `valid` when nothing stops a publication."""
    rows = lint(procedure)
    found = [dataclasses.asdict(row) for row in rows]
    return cast(FindingsShape, {"valid": not any(row.level == "error" for row in rows), "findings": found})


def given(body: Document) -> Procedure:
    """The procedure of a request. Refuses (422) what cannot be read, naming the place."""
    if (body.document is None) == (body.text is None):
        raise Refused("Send one of document and text.", errors={"document": "Send one of document and text."})
    try:
        return from_plain(body.document) if body.document is not None else forms.read(body.text or "")
    except FormError as error:
        raise Refused(f"The document cannot be read: {error}.", errors={error.place: error.sentence}, code="unreadable") from None


@router.get("/procedure")
@needs(Needs.READ)
def get_procedure(request: HttpRequest, response: HttpResponse, version: int | None = None) -> ProcedureShape:
    """The procedure in force, or an earlier version of it. `ETag` holds the number for `If-Match`."""
    row = operations.current() if version is None else operations.version(version)
    response["ETag"] = f'"{row.number}"'
    return shape(row)


@router.get("/procedure.md")
@needs(Needs.READ)
def get_markdown(request: HttpRequest, version: int | None = None) -> Annotated[HttpResponse, Media("text/markdown")]:
    """The same as Markdown."""
    return _file(version, "markdown", "text/markdown", "md")


@router.get("/procedure.yaml")
@needs(Needs.READ)
def get_yaml(request: HttpRequest, version: int | None = None) -> Annotated[HttpResponse, Media("application/yaml")]:
    """The same as YAML."""
    return _file(version, "yaml", "application/yaml", "yaml")


def _file(version: int | None, form: forms.Form, kind: str, ending: str) -> HttpResponse:
    row = operations.current() if version is None else operations.version(version)
    response = HttpResponse(forms.write(operations.document(row), form), content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'inline; filename="procedure-v{row.number}.{ending}"'
    return response


@router.put("/procedure")
@needs(Needs.ADMINISTER)
def put_procedure(request: HttpRequest, body: Document, if_match: str | None = Header(None, alias="If-Match")) -> ProcedureShape:
    """Bring a document into force as the next version. Open incidents keep theirs."""
    expected = body.version if body.version is not None else number_of(if_match)
    procedure = given(body)
    row = operations.replace(
        operations.to_plain(procedure), note=body.note, by=request.actor, now=clock.now(), expected=expected,  # type: ignore[attr-defined]
    )  # fmt: skip
    return shape(row)


def number_of(if_match: str | None) -> int | None:
    """The version that an `If-Match` names; None where it names none."""
    text = (if_match or "").strip().removeprefix("W/").strip('"')
    if text in ("", "*"):
        return None
    if not text.isdecimal() or len(text) > 9:
        raise Refused("If-Match must hold the number of a version.", errors={"If-Match": "The number of a version, as ETag gives it."})
    return int(text)


@router.post("/procedure/lint")
@needs(Needs.READ)
def lint_procedure(request: HttpRequest, body: Document) -> FindingsShape:
    """What in a document cannot work, with place and remedy; nothing is kept."""
    return findings(given(body))


@router.get("/procedure/diff")
@needs(Needs.READ)
def diff_versions(request: HttpRequest, old: int, new: int | None = None, draft: int | None = None) -> ProcedureDiffShape:
    """What changes from version `old` to version `new` (or to a draft, or to the one in force), in sentences."""
    after = operations.draft(draft) if draft else operations.version(new) if new else operations.current()
    changes = diff(operations.document(operations.version(old)), operations.document(after))
    found = [dataclasses.asdict(change) for change in changes]
    return cast(ProcedureDiffShape, {"old": old, "new": after.number, "changes": found, "open_incidents": OPEN_INCIDENTS})


@router.get("/procedure/versions")
@needs(Needs.READ)
def versions(request: HttpRequest, paging: Query[Paging]) -> Page[ProcedureVersionShape]:
    """Every version that is or was in force, the newest first."""
    return page(operations.published().select_related("based_on"), paging, summary, order=("-id",))


@router.get("/procedure/drafts")
@needs(Needs.READ)
def drafts(request: HttpRequest, paging: Query[Paging]) -> Page[ProcedureVersionShape]:
    """Drafts that nobody published or discarded."""
    return page(operations.drafts(), paging, summary, order=("-id",))


@router.post("/procedure/drafts", response={201: dict})
@needs(Needs.ADMINISTER)
def new_draft(request: HttpRequest, body: Document) -> Status[ProcedureDraftShape]:
    """Keep a document as a draft; it may still have lint findings."""
    row = operations.save_draft(operations.to_plain(given(body)), by=request.actor, now=clock.now(), note=body.note)  # type: ignore[attr-defined]
    return Status(201, {**shape(row), **findings(operations.document(row))})


@router.get("/procedure/drafts/{draft}")
@needs(Needs.READ)
def get_draft(request: HttpRequest, draft: int) -> ProcedureDraftShape:
    """A draft with what lint says about it."""
    row = operations.draft(draft)
    return {**shape(row), **findings(operations.document(row))}


@router.put("/procedure/drafts/{draft}")
@needs(Needs.ADMINISTER)
def change_draft(request: HttpRequest, draft: int, body: Document) -> ProcedureDraftShape:
    """Replace the document of a draft."""
    plain = operations.to_plain(given(body))
    row = operations.save_draft(plain, by=request.actor, now=clock.now(), note=body.note, draft_id=draft)  # type: ignore[attr-defined]
    return {**shape(row), **findings(operations.document(row))}


@router.delete("/procedure/drafts/{draft}", response={204: None})
@needs(Needs.ADMINISTER)
def discard_draft(request: HttpRequest, draft: int) -> Status[None]:
    """Put a draft away."""
    operations.discard(draft, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)


@router.post("/procedure/drafts/{draft}/publish")
@needs(Needs.ADMINISTER)
def publish_draft(request: HttpRequest, draft: int, body: Publication) -> ProcedureShape:
    """Bring a draft into force as the next version."""
    row = operations.publish(draft, note=body.note, by=request.actor, now=clock.now(), expected=body.version)  # type: ignore[attr-defined]
    return shape(row)
