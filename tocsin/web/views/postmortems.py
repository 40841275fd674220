"""The pages of post-mortems: the library, and one post-mortem with everything that is done to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs, needs
from tocsin.domain.postmortem import to_markdown
from tocsin.incidents import queries
from tocsin.incidents.models import ActionItem, Incident
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.obligations.models import Obligation
from tocsin.postmortems import documents
from tocsin.postmortems.models import Postmortem
from tocsin.response import action_items
from tocsin.response import hold_postmortem as verbs
from tocsin.web import pages, postmortem_page, words
from tocsin.web.views.incident_forms import day


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
    """Any button of the page: what was typed is saved first, whichever it is; then what the button says is done."""
    incident, by, now = _incident(request, ref), pages.actor(request), pages.now(request)
    what, _, number = request.POST.get("action", "").partition(":")
    try:
        row = verbs.draft(incident=incident, by=by, now=now)
        if what != "import":
            _save(request, row, by, now)
        said = DEEDS[what](request, row, number, {"by": by, "now": now}) if what in DEEDS else ""
    except Refused as refused:
        if refused.status == 404:
            raise Http404 from refused
        return _show(request, incident, errors=refused.errors or {"page": refused.detail}, status=refused.status)
    if said:
        messages.success(request, said)
    return pages.go(reverse("postmortem", args=[incident.ref]) + PLACES.get(what, ""))


def _save(request: HttpRequest, row: Postmortem, by: Any, now: datetime) -> None:
    """Save the fields that this person changed; refused where somebody else saved the same one since it was shown."""
    fields = postmortem_page.typed(request.POST, row)
    if lost := postmortem_page.overtaken(request.POST, row, fields):
        sentence = "Somebody else saved this meanwhile: their text is shown, yours is still in the field. Compare, then save again."
        raise Refused(sentence, status=409, errors=dict.fromkeys(lost, sentence), code="conflict")
    if fields:
        verbs.edit(postmortem=row, by=by, now=now, version=pages.number(request, "version") or row.version, **fields)


def _refresh(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
    verbs.refresh_timeline(postmortem=row, **who)
    return "The timeline was drafted again from the record."


def _book(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
    people = None
    if "choose" in request.POST:
        people = list(User.objects.filter(pk__in=_chosen(request), is_active=True, removed_at=None))
    length = pages.number(request, "meeting_minutes")
    row, _ = verbs.book(postmortem=row, at=_when(request), minutes=length or 60, invitees=people, **who)
    count = row.invitees.count()
    return f"Booked. {count} {'person is' if count == 1 else 'people are'} invited by mail."


def _item(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
    title, owner, due = pages.text(request, "item_title", 500), _person(request, "owner"), day(request.POST.get("due_on", ""))
    if errors := {
        name: sentence
        for name, given, sentence in (
            ("item_title", title, "Say what will be improved."),
            ("owner", owner, "Choose who does it."),
            ("due_on", due, "Choose the day until which it is done."),
        )
        if not given
    }:
        raise invalid(**errors)
    action_items.add_action_item(title=title, incident=row.incident, owner=owner, due_on=due, **who)
    return "Action item added. Its owner hears of it, and is reminded before it is due."


def _done(done: bool) -> Callable[..., str]:
    def tick(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
        action_items.change_action_item(item=_own_item(row, number), done=done, **who)
        return ""

    return tick


def _assign(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
    item = _own_item(row, number)
    changes: dict[str, Any] = {}
    if owner := _person(request, f"owner_{number}"):
        changes["owner"] = owner
    if due := day(request.POST.get(f"due_on_{number}", "")):
        changes["due_on"] = due
    action_items.change_action_item(item=item, **changes, **who)
    return ""


def _import(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
    text = _markdown(request)
    if not text.strip():
        raise invalid(text="Paste the Markdown, or choose a file.")
    verbs.import_markdown(incident=row.incident, text=text, **who)
    return "Every section was taken from the Markdown."


def _review(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
    verbs.ask_for_review(postmortem=row, **who)
    return "It is in review."


def _publish(request: HttpRequest, row: Postmortem, number: str, who: dict[str, Any]) -> str:
    verbs.publish(postmortem=row, **who)
    return "Published to the library."


DEEDS: dict[str, Callable[..., str]] = {
    "refresh": _refresh, "book": _book, "item": _item, "done": _done(True), "open": _done(False), "assign": _assign, "import": _import,
    "review": _review, "publish": _publish,
}  # fmt: skip
PLACES = {"item": "#items", "done": "#items", "open": "#items", "assign": "#items", "book": "#meeting", "refresh": "#timeline"}


def _own_item(row: Postmortem, number: str) -> ActionItem:
    item = row.incident.action_items.filter(pk=int(number)).first() if number.isascii() and number.isdigit() and len(number) < 18 else None
    if item is None:
        raise missing("action item")
    return item


def _person(request: HttpRequest, field: str) -> User | None:
    found = pages.number(request, field)
    return User.objects.filter(pk=found, is_active=True, removed_at=None).first() if found else None


def _chosen(request: HttpRequest) -> list[int]:
    return [int(text) for text in request.POST.getlist("invitees")[:300] if text.isascii() and text.isdigit() and len(text) < 18]


def _markdown(request: HttpRequest) -> str:
    """The Markdown to take in: the file where one was chosen, else what was pasted."""
    upload = request.FILES.get("markdown_file")
    if upload is None:
        return request.POST.get("markdown", "")
    if (upload.size or 0) > 4 * verbs.LONGEST_IMPORT:
        raise invalid(text=f"The file is too long: at most {verbs.LONGEST_IMPORT:,} characters.")
    upload.seek(0)
    try:
        return upload.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(text="The file is not UTF-8 text.") from error


def _when(request: HttpRequest) -> datetime:
    try:
        local = datetime.fromisoformat(request.POST.get("meeting_at", ""))
    except ValueError as error:
        raise invalid(meeting_at="Choose day and time.") from error
    return local if local.tzinfo else local.replace(tzinfo=words.zone(request.user.time_zone))  # type: ignore[union-attr]


def _incident(request: HttpRequest, ref: str) -> Incident:
    try:
        return queries.by_ref(ref, pages.actor(request))
    except Refused as refused:
        raise Http404 from refused


def _row(incident: Incident) -> Postmortem:
    row = Postmortem.objects.filter(incident=incident).select_related("incident__procedure_version", "owner", "published_by").first()
    if row is None:
        raise Http404
    return row


def _show(request: HttpRequest, incident: Incident, *, errors: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    row = Postmortem.objects.filter(incident=incident).select_related("incident__procedure_version", "owner", "published_by").first()
    context: dict[str, Any] = {
        "incident": incident,
        "postmortem": row,
        "errors": errors or {},
        "sentences": list(dict.fromkeys((errors or {}).values())),
    }
    context["area"] = "postmortems"
    context["may_write"] = pages.actor(request).may(Needs.RESPOND)
    if row:
        context |= _written(request, row, errors or {})
    return pages.page(request, "postmortems/postmortem.html", context, status=status)


def _written(request: HttpRequest, row: Postmortem, errors: dict[str, str]) -> dict[str, Any]:
    now, posted, incident = pages.now(request), request.POST, row.incident
    prose, impact = postmortem_page.sections(row, posted, errors)
    near, others = postmortem_page.invitees(row, _chosen(request) if "choose" in posted else None)
    start, end = documents.span(incident, now)
    zone = request.user.time_zone  # type: ignore[union-attr]
    return {
        "sections": prose, "impact": impact, "duration": documents.duration(row, now), "start": start, "end": end,
        "over": bool(incident.resolved_at or incident.restored_at), "moments": postmortem_page.timeline_rows(row.timeline),
        "recorded": len(documents.moments(incident)), "items": documents.actions(incident), "times": postmortem_page.times(incident, now),
        "kept": postmortem_page.kept_promises(incident, now), "late_meeting": verbs.meeting_warning(row), "told": len(verbs.told_of(row)),
        "needed": postmortem_page.still_needed(row), "near": near, "others": others, "typed": posted, "today": now.date(),
        "meeting_value": posted.get("meeting_at") or postmortem_page.default_meeting(row, now, zone),
        "minutes": posted.get("meeting_minutes") or row.meeting_minutes, "pasted": _pasted(request) if errors else "",
        "promise": Obligation.objects.filter(kind="postmortem", incident_id=incident.pk, state="open").first(),
        "people": User.objects.filter(is_active=True, removed_at=None).order_by("name")[:200],
    }  # fmt: skip


def _pasted(request: HttpRequest) -> str:
    try:
        return _markdown(request)
    except Refused:
        return ""
