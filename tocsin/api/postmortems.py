"""Post-mortems over HTTP: write, book, review, publish; the document as Markdown, the meeting as iCalendar, the library."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Field, Query, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.answers import Media
from tocsin.api.incident_shapes import person
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, PersonShape, one_of
from tocsin.api.shapes import rfc3339 as stamp
from tocsin.api.work_shapes import ActionItemShape, action_item
from tocsin.domain.postmortem import to_markdown
from tocsin.incidents import queries
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.postmortems import documents
from tocsin.postmortems.models import Postmortem
from tocsin.response import hold_postmortem as verbs

router = Router(tags=["Post-mortems"])


class PostmortemBody(Body):
    """Sections to save (those given), the meeting to book, and what to do next: review or publish."""

    by: int | None = None
    version: int | None = Field(None, description="The version that was read; a newer one in store is a 409.")
    title: str | None = None
    summary: str | None = None
    duration_text: str | None = None
    duration_note: str | None = None
    users_affected: str | None = None
    revenue_impact: str | None = None
    timeline: str | None = None
    root_cause: str | None = None
    resolution: str | None = None
    lessons_learned: str | None = None
    refresh_timeline: bool = False
    meeting_at: datetime | None = None
    meeting_minutes: int = 60
    invitees: list[int] | None = Field(None, max_length=100)
    review: bool = False
    publish: bool = False


def _found(request: HttpRequest, ref: str) -> Postmortem:
    incident = queries.by_ref(ref, request.actor)  # type: ignore[attr-defined]
    row = Postmortem.objects.filter(incident=incident).select_related("incident", "owner", "published_by").first()
    if row is None:
        raise missing("post-mortem")
    return row


class PostmortemShape(TypedDict):
    """A blameless written review of an incident."""

    incident: Annotated[str, Field(description="Its `ref`.")]
    title: str
    status: Annotated[str, one_of(Postmortem.Status.values)]
    version: Annotated[int, Field(description="To be sent with what is saved.")]
    owner: PersonShape | None
    summary: str
    duration: Annotated[str, Field(description="What a person wrote, else the computed one.")]
    duration_text: str
    duration_note: str
    users_affected: str
    revenue_impact: str
    timeline: str
    root_cause: str
    resolution: str
    lessons_learned: str
    action_items: list[ActionItemShape]
    meeting_at: At | None
    meeting_minutes: int
    invitees: list[PersonShape]
    warning: Annotated[str, Field(description="What should be looked at of what was just done.")]
    created_at: At
    updated_at: At
    review_at: At | None
    published_at: At | None
    published_by: PersonShape | None


class PostmortemBriefShape(TypedDict):
    """A post-mortem in the library."""

    incident: str
    severity: str
    title: str
    summary: str
    status: Annotated[str, one_of(Postmortem.Status.values)]
    published_at: At | None
    meeting_at: At | None


def shape(row: Postmortem, now: datetime, warning: str = "") -> PostmortemShape:
    """A post-mortem over HTTP."""
    return {
        "incident": row.incident.ref, "title": row.title, "status": row.status, "version": row.version, "owner": person(row.owner),
        "summary": row.summary, "duration": documents.duration(row, now), "duration_text": row.duration_text, "duration_note": row.duration_note,
        "users_affected": row.users_affected, "revenue_impact": row.revenue_impact, "timeline": row.timeline, "root_cause": row.root_cause,
        "resolution": row.resolution, "lessons_learned": row.lessons_learned,
        "action_items": [action_item(item) for item in documents.actions(row.incident)],
        "meeting_at": stamp(row.meeting_at), "meeting_minutes": row.meeting_minutes, "invitees": [person(p) for p in row.invitees.order_by("id")],
        "warning": warning, "created_at": stamp(row.created_at), "updated_at": stamp(row.updated_at), "review_at": stamp(row.review_at),
        "published_at": stamp(row.published_at), "published_by": person(row.published_by),
    }  # fmt: skip


@router.post("/incidents/{ref}/postmortem")
@needs(Needs.RESPOND)
def write(request: HttpRequest, ref: str, body: PostmortemBody) -> PostmortemShape:
    """Begin the post-mortem, or save sections of it; book its meeting; ask for review; publish."""
    by, now = acting(request, body.by), clock.now()
    incident = queries.by_ref(ref, by)
    people = _people(body.invitees)
    row, warning = verbs.draft(incident=incident, by=by, now=now), ""
    given = {name: value for name in verbs.SECTIONS if (value := getattr(body, name)) is not None}
    row = verbs.edit(postmortem=row, by=by, now=now, version=body.version, **given)
    if body.refresh_timeline:
        row = verbs.refresh_timeline(postmortem=row, by=by, now=now)
    if body.meeting_at:
        row, warning = verbs.book(postmortem=row, at=body.meeting_at, minutes=body.meeting_minutes, invitees=people, by=by, now=now)
    if body.review:
        row = verbs.ask_for_review(postmortem=row, by=by, now=now)
    if body.publish:
        row = verbs.publish(postmortem=row, by=by, now=now)
    return shape(_found(request, ref), now, warning)


def _people(ids: list[int] | None) -> list[User] | None:
    if ids is None:
        return None
    found = list(User.objects.filter(pk__in=ids, is_active=True, removed_at=None))
    if len(found) != len(set(ids)):
        raise invalid(invitees="Name people by the ids of active users.")
    return found


@router.get("/incidents/{ref}/postmortem")
@needs(Needs.READ)
def read(request: HttpRequest, ref: str) -> PostmortemShape:
    """The post-mortem of an incident."""
    return shape(_found(request, ref), clock.now())


@router.get("/incidents/{ref}/postmortem.md")
@needs(Needs.READ)
def markdown(request: HttpRequest, ref: str) -> Annotated[HttpResponse, Media("text/markdown")]:
    """The document in the procedure's template."""
    text = to_markdown(documents.document(_found(request, ref), clock.now()))
    return HttpResponse(text, content_type="text/markdown; charset=utf-8")


@router.put("/incidents/{ref}/postmortem.md")
@needs(Needs.RESPOND)
def import_markdown(request: HttpRequest, ref: str) -> PostmortemShape:
    """Replace every section by what this Markdown says (the body is the text itself)."""
    by, now = acting(request), clock.now()
    try:
        text = request.body.decode()
    except UnicodeDecodeError as error:
        raise Refused("The body is not UTF-8 text.", status=422, code="not_text") from error
    verbs.import_markdown(incident=queries.by_ref(ref, by), text=text, by=by, now=now)
    return shape(_found(request, ref), now)


@router.get("/incidents/{ref}/postmortem.ics")
@needs(Needs.READ)
def meeting(request: HttpRequest, ref: str) -> Annotated[HttpResponse, Media("text/calendar")]:
    """The meeting as an iCalendar file."""
    row = _found(request, ref)
    if row.meeting_at is None:
        raise missing("meeting")
    return HttpResponse(documents.invitation(row, now=clock.now()), content_type="text/calendar; charset=utf-8")


@router.get("/postmortems")
@needs(Needs.READ)
def library(request: HttpRequest, paging: Query[Paging], status: str = "published") -> Page[PostmortemBriefShape]:
    """The library: published post-mortems, the newest first (`status` draft, in_review or all for the others)."""
    seen = queries.visible_to(request.actor).values("pk")  # type: ignore[attr-defined]
    rows = Postmortem.objects.filter(incident__in=seen).select_related("incident")
    if status != "all":
        if status not in Postmortem.Status.values:
            raise invalid(status=f"It is all or one of {', '.join(Postmortem.Status.values)}.")
        rows = rows.filter(status=status)
    return page(rows, paging, brief, order=("-id",))


def brief(row: Postmortem) -> PostmortemBriefShape:
    """A post-mortem in the library."""
    return {
        "incident": row.incident.ref, "severity": row.incident.severity, "title": row.title, "summary": row.summary, "status": row.status,
        "published_at": stamp(row.published_at), "meeting_at": stamp(row.meeting_at),
    }  # fmt: skip
