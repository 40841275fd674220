"""What did we learn? Drafts the post-mortem, edits it by section, books its meeting, has it reviewed and publishes it to the library."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.domain import checklist
from tocsin.domain import postmortem as rules
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries
from tocsin.incidents.models import ActionItem, Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import operations as obligations
from tocsin.postmortems import documents, jobs
from tocsin.postmortems import operations as postmortems
from tocsin.postmortems.models import Postmortem
from tocsin.procedures import operations as procedures
from tocsin.response import action_items, frame
from tocsin.timeline.models import Entry

SECTIONS = {
    "title": 300, "summary": 20_000, "duration_text": 200, "duration_note": 500, "users_affected": 500, "revenue_impact": 500,
    "timeline": 60_000, "root_cause": 40_000, "resolution": 40_000, "lessons_learned": 40_000,
}  # fmt: skip
ONE_LINE = {"title", "duration_text", "duration_note", "users_affected", "revenue_impact"}
WHOLE = ("summary", "root_cause", "resolution", "lessons_learned")  # what a published one says
MOST_INVITED = 100
LONGEST_MEETING = 480  # minutes
LONGEST_IMPORT = 200_000  # characters
Status = Postmortem.Status


def draft(*, incident: Incident, by: Actor, now: datetime) -> Postmortem:
    """The post-mortem of the incident; begun from its record where there is none."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by, closed=True)
        owner = by.user or incidents.holder(incident, "incident_commander")
        row, new = postmortems.begin(incident, owner=owner, timeline=documents.timeline(incident), resolution=incident.resolution, now=now)
        if new:
            frame.tell("postmortem", "Post-mortem begun; timeline drafted from the record", incident, by=by, now=now)
            frame.tick(incident, procedure, checklist.TIMELINE, by=by, now=now)
        return row


def edit(*, postmortem: Postmortem, by: Actor, now: datetime, version: int | None = None, **sections: str) -> Postmortem:
    """Save some sections. Refused (409) where `version` is older than what is stored: nothing is overwritten unseen."""
    with transaction.atomic():
        frame.begin(postmortem.incident, by, closed=True)
        row = postmortems.locked(postmortem)
        _same_version(row, version)
        fields = _read(sections)
        changed = {name: value for name, value in fields.items() if value != getattr(row, name)}
        return postmortems.save(row, now=now, **changed) if changed else row


def refresh_timeline(*, postmortem: Postmortem, by: Actor, now: datetime, version: int | None = None) -> Postmortem:
    """Draft the timeline again from the incident's record; what was written by hand in it is replaced."""
    return edit(postmortem=postmortem, by=by, now=now, version=version, timeline=documents.timeline(postmortem.incident))


def book(
    *, postmortem: Postmortem, at: datetime, minutes: int = 60, invitees: Sequence[User] | None = None, by: Actor, now: datetime
) -> tuple[Postmortem, str]:
    """Book the meeting (None: everybody who responded is invited). Keeps the promise, where the procedure asks for no more; the sentence warns where it lies late."""
    with transaction.atomic():
        incident, procedure = frame.begin(postmortem.incident, by, closed=True)
        row = postmortems.locked(postmortem)
        if at.tzinfo is None:
            raise invalid(meeting_at="It needs a time with its zone.")
        if at < now - timedelta(days=365) or at > now + timedelta(days=365):
            raise invalid(meeting_at="It lies more than a year away.")
        if not 5 <= minutes <= LONGEST_MEETING:
            raise invalid(meeting_minutes=f"A meeting takes 5 to {LONGEST_MEETING} minutes.")
        people = list(invitees) if invitees is not None else everybody(row)
        if len(people) > MOST_INVITED:
            raise invalid(invitees=f"At most {MOST_INVITED} people.")
        before = set(row.invitees.values_list("pk", flat=True)) if row.meeting_at else set()
        postmortems.book(row, at=at, minutes=minutes, invitees=people, now=now)
        warning = _late(incident, at, procedure.settings.postmortem_within_hours)
        entry = frame.tell(
            "postmortem_booked", f"Post-mortem booked for {at:%Y-%m-%d %H:%M %Z}. {warning}".strip(), incident, by=by, now=now, key=True
        )
        if procedure.settings.postmortem_means == "booked":
            obligations.meet("postmortem", incident_id=incident.pk, at=now, evidence=frame.evidence(entry))
        frame.tick(incident, procedure, checklist.POSTMORTEM, by=by, now=now)
        for person in people:
            jobs.invite.defer(postmortem_id=row.pk, user_id=person.pk, sequence=row.meeting_sequence)
        for gone in sorted(before - {person.pk for person in people}):
            jobs.uninvite.defer(postmortem_id=row.pk, user_id=gone, sequence=row.meeting_sequence)
        return row, warning


def ask_for_review(*, postmortem: Postmortem, by: Actor, now: datetime) -> Postmortem:
    """The draft is ready to be read by others."""
    with transaction.atomic():
        incident, procedure = frame.begin(postmortem.incident, by, closed=True)
        row = postmortems.locked(postmortem)
        if row.status != Status.DRAFT:
            raise Refused("Only a draft goes into review.", status=409, code="not_draft")
        _require_whole(row, ("summary",))
        postmortems.save(row, now=now, status=Status.IN_REVIEW, review_at=now)
        entry = frame.tell("postmortem", "Post-mortem in review", incident, by=by, now=now)
        _held(procedure, incident, entry, now)
        return row


def publish(*, postmortem: Postmortem, by: Actor, now: datetime) -> Postmortem:
    """Share what was learned: into the library, and a mail to those who responded and those who follow."""
    with transaction.atomic():
        incident, procedure = frame.begin(postmortem.incident, by, closed=True)
        row = postmortems.locked(postmortem)
        if row.status == Status.PUBLISHED:
            raise Refused("It is published already.", status=409, code="published")
        _require_whole(row, WHOLE)
        if loose := loose_items(incident):
            raise Refused(
                f'Every action item needs an owner and a due date; "{loose[0][:80]}" has not both.', status=409, code="loose_action_item"
            )
        postmortems.save(row, now=now, status=Status.PUBLISHED, published_at=now, published_by=by.user)
        address = f"{settings.TOCSIN_URL}/incidents/{incident.ref}/postmortem/"
        entry = frame.tell("postmortem_published", f"Post-mortem published: {address}", incident, by=by, now=now, key=True)
        _held(procedure, incident, entry, now)
        frame.tick(incident, procedure, checklist.LEARNINGS, by=by, now=now)
        for email in sorted(told_of(row)):
            jobs.announce.defer(postmortem_id=row.pk, email=email)
        return row


def import_markdown(*, incident: Incident, text: str, by: Actor, now: datetime, version: int | None = None) -> Postmortem:
    """Take every section from Markdown in the template's form; action items that are not there yet are added, known ones follow."""
    if len(text) > LONGEST_IMPORT:
        raise invalid(text=f"At most {LONGEST_IMPORT:,} characters.")
    try:
        document = rules.from_markdown(text)
    except rules.NotAPostmortemError as error:
        raise Refused(str(error), status=422, errors={"text": str(error)}, code="not_a_postmortem") from error
    with transaction.atomic():
        row = draft(incident=incident, by=by, now=now)
        sections = {name: getattr(document, name) for name in SECTIONS if name not in ("duration_text", "duration_note")}
        if document.duration and document.duration != documents.duration(row, now):
            sections |= {"duration_text": document.duration, "duration_note": ""}
        row = edit(postmortem=row, by=by, now=now, version=version, **sections)
        _take_actions(row.incident, document.actions, by, now)
        return row


def _take_actions(incident: Incident, wanted: Sequence[rules.Action], by: Actor, now: datetime) -> None:
    known: dict[str, list[ActionItem]] = {}
    for item in documents.actions(incident):
        known.setdefault(item.title, []).append(item)
    for action in wanted:
        owner = _named(action.owner)
        if rows := known.get(action.title):
            item = rows.pop(0)
        else:
            item = action_items.add_action_item(title=action.title, incident=incident, owner=owner, due_on=action.due_on, by=by, now=now)
        changes: dict[str, User | date | bool | None] = {}
        if owner and item.owner_id != owner.pk:
            changes["owner"] = owner
        if action.due_on and item.due_on != action.due_on:
            changes["due_on"] = action.due_on
        if action.done != (item.status == "done"):
            changes["done"] = action.done
        if changes:
            action_items.change_action_item(item=item, by=by, now=now, **changes)


def _named(name: str) -> User | None:
    """The person of that name; refuses one that nobody or more than one has."""
    if not name:
        return None
    found = list(User.objects.filter(name=name, is_active=True, removed_at=None)[:2])
    if len(found) != 1:
        how = "nobody has" if not found else "more than one person has"
        raise invalid(text=f"Action item owner {name[:80]!r}: {how} that name.")
    return found[0]


def _read(sections: dict[str, Any]) -> dict[str, str]:
    errors, values = {}, {}
    for name, value in sections.items():
        if name not in SECTIONS:
            errors[name] = "The document has no such section."
            continue
        value = str(value).replace("\r\n", "\n").replace("\r", "\n")
        values[name] = " ".join(value.split()) if name in ONE_LINE else value.strip("\n")
        if len(values[name]) > SECTIONS[name]:
            errors[name] = f"It has {len(values[name]):,} characters; at most {SECTIONS[name]:,} fit."
    if "title" in values and not values["title"]:
        errors["title"] = "It needs a title."
    if errors:
        raise invalid(**errors)
    return values


def _same_version(row: Postmortem, version: int | None) -> None:
    if version is not None and version != row.version:
        raise Refused(
            f"Somebody saved it meanwhile (version {row.version}, yours was {version}); compare and save again.", status=409,
            errors={"version": f"It is {row.version} now."}, code="conflict",
        )  # fmt: skip


def _require_whole(row: Postmortem, names: Sequence[str]) -> None:
    if empty := {name: "This section is still empty." for name in names if not getattr(row, name).strip()}:
        raise Refused(
            f"Still empty: {', '.join(name.replace('_', ' ') for name in empty)}.", status=409, errors=empty, code="postmortem_incomplete"
        )


def loose_items(incident: Incident) -> list[str]:
    """The action items that lack an owner or a due date: with one of these nothing is published."""
    return [item.title for item in documents.actions(incident) if item.owner is None or item.due_on is None]


def told_of(row: Postmortem) -> set[str]:
    """The addresses that are mailed when it is published: who responded, and who follows."""
    return {person.email for person in everybody(row)} | {person.email for person in queries.subscribers_of(row.incident)[:500]}


def meeting_warning(row: Postmortem) -> str:
    """The sentence that warns of a meeting that lies late; empty where it is in time or not booked."""
    hours = procedures.document(row.incident.procedure_version).settings.postmortem_within_hours
    return _late(row.incident, row.meeting_at, hours) if row.meeting_at else ""


def everybody(row: Postmortem) -> list[User]:
    """Who responded, and the owner."""
    people = {r.user_id: r.user for r in row.incident.responders.select_related("user") if r.user.is_active}
    if row.owner and row.owner.is_active:
        people[row.owner.pk] = row.owner
    return list(people.values())[:MOST_INVITED]


def _held(procedure: Procedure, incident: Incident, entry: Entry, now: datetime) -> None:
    """Where the procedure means "held" by its hours: what was said is written down, so the promise is kept, if nothing kept it before."""
    if procedure.settings.postmortem_means == "held":
        obligations.meet("postmortem", incident_id=incident.pk, at=now, evidence=frame.evidence(entry))


def _late(incident: Incident, at: datetime, hours: int) -> str:
    if incident.resolved_at and at > incident.resolved_at + timedelta(hours=hours):
        return f"It lies later than {hours} hours after the resolution."
    return ""
