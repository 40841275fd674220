"""What does the post-mortem of an incident say, as a whole document? Puts the stored sections, the computed parts and the action items together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress, vText

from tocsin.accounts.models import Organisation, User
from tocsin.domain import postmortem as rules
from tocsin.incidents import queries as incidents
from tocsin.incidents.models import ActionItem, Incident
from tocsin.postmortems.models import Postmortem
from tocsin.timeline.models import Entry

# What the program writes down by itself about the course of an incident; beside these, whatever was marked as a key moment.
AUTOMATIC = {
    "alert_opened", "alert_worsened", "alert_resolved", "paged", "nobody_reached", "acknowledged", "declared", "severity", "status", "role",
    "public_update", "decision", "mitigation", "restored", "resolved", "verified", "recurrence", "reopened", "closed",
}  # fmt: skip
MOST_MOMENTS = 200


def zone() -> str:
    """The zone in which documents state times: the organisation's."""
    return Organisation.objects.get(pk=1).time_zone


def moments(incident: Incident) -> list[rules.Moment]:
    """The incident's record and that of its alerts, as moments; key ones are for the review."""
    alerts = [alert.pk for alert in incidents.alerts_of(incident)]
    rows = Entry.objects.filter(incident_id=incident.pk) | Entry.objects.filter(alert_id__in=alerts, incident_id=None)
    return [rules.Moment(row.at, _words(row), row.key or row.kind in AUTOMATIC) for row in rows.order_by("at", "id")[:5000]]


def _words(row: Entry) -> str:
    """One line of an entry. Messages from templates are named, with the line that says most."""
    if row.kind == "declared":
        lines = dict(line.partition(": ")[::2] for line in row.text.splitlines())
        return ". ".join(part for part in ("Incident declared", lines.get("Severity", ""), lines.get("Impact", "")) if part)
    if row.kind == "public_update":
        said = next((line for line in row.text.splitlines() if line.startswith("We are ")), "")
        status = next((line.partition(": ")[2] for line in row.text.splitlines() if line.startswith("Status: ")), "")
        return f"Status page: {status}. {said}".strip()
    return row.text


def timeline(incident: Incident) -> str:
    """The drafted timeline, one line a moment."""
    return rules.draft_timeline([m for m in moments(incident) if m.key][-MOST_MOMENTS:], zone())


def span(incident: Incident, now: datetime) -> tuple[datetime, datetime]:
    """From when to when users were harmed: from the first event of its alerts (else the declaration) to the restoration, else to now."""
    alerts = [alert.started_at or alert.first_seen for alert in incidents.alerts_of(incident)]
    whole = incident.restored_at if incident.restored_at and not incident.restored_partially else None
    start = min([*alerts, incident.declared_at])
    return start, whole or incident.resolved_at or now


def duration(row: Postmortem, now: datetime) -> str:
    """What a person wrote, else the computed one."""
    if row.duration_text:
        return f"{row.duration_text} ({row.duration_note})" if row.duration_note else row.duration_text
    start, end = span(row.incident, now)
    return rules.duration_words(end - start)


def actions(incident: Incident) -> list[ActionItem]:
    """The promised improvements, in the order in which they were noted."""
    return list(ActionItem.objects.filter(incident=incident).select_related("owner").order_by("id"))


def document(row: Postmortem, now: datetime) -> rules.Document:
    """The whole document."""
    items = tuple(rules.Action(a.title, a.owner.name if a.owner else "", a.due_on, a.status == "done") for a in actions(row.incident))
    return rules.Document(
        title=row.title, summary=row.summary, duration=duration(row, now), users_affected=row.users_affected, revenue_impact=row.revenue_impact,
        timeline=row.timeline, root_cause=row.root_cause, resolution=row.resolution, lessons_learned=row.lessons_learned, actions=items,
    )  # fmt: skip


def invitation(row: Postmortem, *, now: datetime, method: str = "PUBLISH", people: Sequence[User] | None = None) -> bytes:
    """The meeting as an iCalendar file (RFC 5545), times in UTC; for everybody who is invited, or for these people alone."""
    calendar = Calendar()
    for name, value in (("prodid", "-//Tocsin//Post-mortem//EN"), ("version", "2.0"), ("method", method)):
        calendar.add(name, value)
    event = Event()
    assert row.meeting_at is not None
    event.add("uid", f"{row.meeting_uid}@tocsin")
    event.add("sequence", row.meeting_sequence)
    event.add("dtstamp", now)
    event.add("dtstart", row.meeting_at)
    event.add("duration", timedelta(minutes=row.meeting_minutes))
    event.add("summary", f"Post-mortem {row.incident.ref}: {row.title}")
    event.add("url", f"{settings.TOCSIN_URL}/incidents/{row.incident.ref}/postmortem/")
    if method == "CANCEL":
        event.add("status", "CANCELLED")
    for person in row.invitees.order_by("id") if people is None else people:
        attendee = vCalAddress(f"MAILTO:{person.email}")
        attendee.params["CN"] = vText(person.name or person.email)
        event.add("attendee", attendee, encode=False)
    if row.owner:
        organiser = vCalAddress(f"MAILTO:{row.owner.email}")
        organiser.params["CN"] = vText(row.owner.name or row.owner.email)
        event.add("organizer", organiser, encode=False)
    calendar.add_component(event)
    return calendar.to_ical()
