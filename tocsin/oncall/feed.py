"""What does a calendar see? The shifts of a schedule, or of one person, as iCalendar (RFC 5545)."""

from __future__ import annotations

from datetime import datetime, timedelta

from icalendar import Calendar, Event

from tocsin.accounts.models import User
from tocsin.domain.rotation import Shift
from tocsin.oncall import queries
from tocsin.oncall.models import FeedToken, Schedule
from tocsin.oncall.operations import digest

BACK = timedelta(days=31)
AHEAD = timedelta(days=180)


def calendar(token: str, now: datetime) -> bytes | None:
    """The feed behind a secret: a month back, half a year ahead. None for a secret that is not or no longer valid."""
    row = FeedToken.objects.filter(digest=digest(token), revoked_at=None).select_related("schedule", "user").first()
    if row is None or (row.user and (not row.user.is_active or row.user.removed_at)) or (row.schedule and row.schedule.removed_at):
        return None
    schedules = [row.schedule] if row.schedule else list(queries.active())
    found = [
        (s, shift) for s in schedules for shift in queries.shifts(s, now - BACK, now + AHEAD) if not row.user or shift.user == row.user_id
    ]
    name = f"On call: {row.schedule.name}" if row.schedule else f"On call: {row.user.name if row.user else ''}"
    people = dict(User.objects.filter(pk__in={shift.user for _, shift in found}).values_list("id", "name"))
    feed = Calendar()
    for key, value in (("prodid", "-//Tocsin//on call//EN"), ("version", "2.0"), ("method", "PUBLISH"), ("x-wr-calname", name)):
        feed.add(key, value)
    feed.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    for schedule, shift in found:
        feed.add_component(_event(schedule, shift, people.get(shift.user, "somebody"), now))
    return feed.to_ical()


def _event(schedule: Schedule, shift: Shift, person: str, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{schedule.id}-{shift.user}-{int(shift.ends_at.timestamp())}@tocsin")
    event.add("dtstamp", now)
    event.add("dtstart", shift.starts_at)
    event.add("dtend", shift.ends_at)
    event.add("summary", f"{person} on call: {schedule.name}")
    event.add("description", "By an override." if shift.source == "override" else f"Rotation {shift.source}.")
    event.add("transp", "TRANSPARENT")
    return event
