"""The pages of post-mortems: the library, and one post-mortem edited by section."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.postmortem import to_markdown
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import queries as obligations
from tocsin.postmortems import documents
from tocsin.postmortems.models import Postmortem
from tocsin.response import action_items
from tocsin.response import hold_postmortem as verbs
from tocsin.web import pages

PROSE = (
    ("summary", "Summary", "One or two sentences."),
    ("timeline", "Timeline", 'A line each: "- [Time] - [Event]".'),
    ("root_cause", "Root cause", "How it came to be, in detail. Systems and decisions, not people."),
    ("resolution", "Resolution", "What fixed it."),
    ("lessons_learned", "Lessons learned", "What went well, what went badly, where we were lucky."),
)


@needs(Needs.READ)
@require_GET
def library(request: HttpRequest) -> HttpResponse:
    """Every post-mortem, and the resolved incidents that have none yet."""
    seen = queries.visible_to(pages.actor(request))
    rows = list(Postmortem.objects.filter(incident__in=seen.values("pk")).select_related("incident", "owner").order_by("-id")[:200])
    without = seen.filter(resolved_at__isnull=False, postmortem=None, drill=False).order_by("-id")[:20]
    return pages.page(request, "postmortems/library.html", {"postmortems": rows, "without": without})


@needs(Needs.READ)
@require_GET
def postmortem(request: HttpRequest, ref: str) -> HttpResponse:
    """One post-mortem; where there is none yet, the button that begins it."""
    return _show(request, _incident(request, ref))


@needs(Needs.READ)
@require_GET
def markdown(request: HttpRequest, ref: str) -> HttpResponse:
    """The document as a Markdown file."""
    row = _row(_incident(request, ref))
    response = HttpResponse(to_markdown(documents.document(row, pages.now(request))), content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{row.incident.ref}-postmortem.md"'
    return response


@needs(Needs.READ)
@require_GET
def meeting(request: HttpRequest, ref: str) -> HttpResponse:
    """The meeting as an iCalendar file."""
    row = _row(_incident(request, ref))
    if row.meeting_at is None:
        raise Http404
    return HttpResponse(documents.invitation(row, now=pages.now(request)), content_type="text/calendar; charset=utf-8")


@needs(Needs.RESPOND)
@require_http_methods(["POST"])
def act(request: HttpRequest, ref: str) -> HttpResponse:
    """A form of the page: begin, save a section, draft the timeline again, book, import, review, publish."""
    incident, by, now = _incident(request, ref), pages.actor(request), pages.now(request)
    try:
        row = verbs.draft(incident=incident, by=by, now=now)
        _do(request, row, by, now)
    except Refused as refused:
        if refused.status == 404:
            raise Http404 from refused
        return _show(request, incident, errors=refused.errors or {"page": refused.detail}, status=refused.status)
    return pages.go(reverse("postmortem", args=[incident.ref]) + (f"#{request.POST.get('section')}" if request.POST.get("section") else ""))


def _do(request: HttpRequest, row: Postmortem, by: Any, now: datetime) -> None:
    what = request.POST.get("action", "")
    if what == "save":
        sections = {name: request.POST[name] for name in verbs.SECTIONS if name in request.POST}
        verbs.edit(postmortem=row, by=by, now=now, version=pages.number(request, "version"), **sections)
    elif what == "refresh":
        verbs.refresh_timeline(postmortem=row, by=by, now=now)
    elif what == "book":
        people = list(User.objects.filter(pk__in=[x for x in request.POST.getlist("invitees") if x.isdigit()], is_active=True))
        at, length = _when(request), pages.number(request, "meeting_minutes")
        verbs.book(postmortem=row, at=at, minutes=length or 60, invitees=people or None, by=by, now=now)
    elif what == "item":
        owner = User.objects.filter(pk=pages.number(request, "owner") or 0, is_active=True).first()
        try:
            due = datetime.strptime(request.POST.get("due_on", ""), "%Y-%m-%d").date()  # noqa: DTZ007 - a day, not an instant
        except ValueError as error:
            raise invalid(due_on="Choose the day until which it is done.") from error
        if owner is None:
            raise invalid(owner="Choose who does it.")
        title = pages.text(request, "item_title", 500)
        action_items.add_action_item(title=title, incident=row.incident, owner=owner, due_on=due, by=by, now=now)
    elif what == "review":
        verbs.ask_for_review(postmortem=row, by=by, now=now)
    elif what == "publish":
        verbs.publish(postmortem=row, by=by, now=now)


def _when(request: HttpRequest) -> datetime:
    try:
        local = datetime.fromisoformat(request.POST.get("meeting_at", ""))
    except ValueError as error:
        raise invalid(meeting_at="Choose day and time.") from error
    return local if local.tzinfo else local.replace(tzinfo=ZoneInfo(request.user.time_zone or "UTC"))  # type: ignore[union-attr]


def _incident(request: HttpRequest, ref: str) -> Incident:
    try:
        return queries.by_ref(ref, pages.actor(request))
    except Refused as refused:
        raise Http404 from refused


def _row(incident: Incident) -> Postmortem:
    row = Postmortem.objects.filter(incident=incident).select_related("incident", "owner").first()
    if row is None:
        raise Http404
    return row


def _show(request: HttpRequest, incident: Incident, *, errors: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    row = Postmortem.objects.filter(incident=incident).select_related("incident", "owner").first()
    now = pages.now(request)
    owed = [promise for promise in obligations.of_incident(incident.pk) if promise.kind != "action_item"]
    sections = [
        {"name": name, "title": title, "hint": hint, "value": request.POST.get(name, getattr(row, name, "")), "stored": getattr(row, name, ""),
         "error": (errors or {}).get(name, "")}
        for name, title, hint in PROSE
    ]  # fmt: skip
    context = {
        "incident": incident, "postmortem": row, "sections": sections, "errors": errors or {}, "duration": documents.duration(row, now) if row else "",
        "items": documents.actions(incident), "may_write": pages.actor(request).may(Needs.RESPOND), "owed": owed[:12],
        "promise": next((promise for promise in owed if promise.kind == "postmortem" and promise.state == "open"), None),
        "people": User.objects.filter(is_active=True, removed_at=None).order_by("name")[:200],
    }  # fmt: skip
    return pages.page(request, "postmortems/postmortem.html", context, status=status)
