"""What does a calendar see? The shifts of a schedule, or of one person, as iCalendar (RFC 5545)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db.models import Max
from icalendar import Calendar, Event

from tocsin.accounts.models import User
from tocsin.domain.rotation import Shift
from tocsin.oncall import queries
from tocsin.oncall.models import FeedToken, Override, Schedule
from tocsin.oncall.operations import digest

BACK = timedelta(days=31)
LOOK_BACK = timedelta(days=400)  # so long before, a shift is followed to its true beginning, by which it is known
AHEAD = timedelta(days=180)


@dataclass(frozen=True)
class Feed:
    """The text of a calendar, and the tag by which a reader asks whether it has changed."""

    text: bytes
    etag: str


def calendar(token: str, now: datetime) -> Feed | None:
    """The feed behind a secret: a month back, half a year ahead. None for a secret that is not or no longer valid."""
    row = FeedToken.objects.filter(digest=digest(token), revoked_at=None).select_related("schedule", "user").first()
    if row is None or (row.user and (not row.user.is_active or row.user.removed_at)) or (row.schedule and row.schedule.removed_at):
        return None
    schedules = [row.schedule] if row.schedule else list(queries.active())
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)  # the same text all day where nothing changes
    start, end = today - BACK, today + AHEAD
    found = [
        (s, shift)
        for s in schedules
        for shift in queries.shifts(s, start - LOOK_BACK, end)
        if (not row.user or shift.user == row.user_id) and shift.ends_at > start
    ]
    name = f"On call: {row.schedule.name}" if row.schedule else f"On call: {row.user.name if row.user else ''}"
    people = dict(User.objects.filter(pk__in={shift.user for _, shift in found}).values_list("id", "name"))
    changed = {schedule.pk: _changed(schedule) for schedule in schedules}
    feed = Calendar()
    facts = (("prodid", "-//Tocsin//on call//EN"), ("version", "2.0"), ("method", "PUBLISH"), ("x-wr-calname", name), ("name", name))
    for key, value in facts:
        feed.add(key, value)
    feed.add("refresh-interval", timedelta(hours=1), parameters={"VALUE": "DURATION"})
    feed.add("x-published-ttl", "PT1H")
    for schedule, shift in found:
        feed.add_component(_event(schedule, shift, people.get(shift.user, "somebody"), changed[schedule.pk], since=start - LOOK_BACK))
    text = feed.to_ical()
    return Feed(text, f'"{hashlib.sha256(text).hexdigest()[:32]}"')


def _changed(schedule: Schedule) -> tuple[datetime, int]:
    """When a schedule was last changed, and how often it has been."""
    overrides = Override.objects.filter(schedule=schedule).aggregate(made=Max("created_at"), gone=Max("removed_at"))
    newest = schedule.versions.order_by("-number").first()
    times = [at for at in (schedule.created_at, newest.at if newest else None, overrides["made"], overrides["gone"]) if at]
    return max(times), (newest.number if newest else 0) + Override.objects.filter(schedule=schedule).count()


def _event(schedule: Schedule, shift: Shift, person: str, changed: tuple[datetime, int], *, since: datetime) -> Event:
    event = Event()
    begins = int(shift.starts_at.timestamp()) if shift.starts_at > since else 0  # cut off there, which moves from day to day
    source = hashlib.sha256(shift.source.encode()).hexdigest()[:8]
    event.add("uid", f"{schedule.id}-{source}-{begins}-{shift.user}@tocsin")
    event.add("dtstamp", changed[0])
    event.add("last-modified", changed[0])
    event.add("sequence", changed[1])
    event.add("dtstart", shift.starts_at)
    event.add("dtend", shift.ends_at)
    event.add("summary", f"{person} on call: {schedule.name}")
    event.add("description", "By an override." if shift.source == "override" else f"Rotation {shift.source}.")
    event.add("url", f"{settings.TOCSIN_URL}/schedules/{schedule.id}/")
    event.add("transp", "TRANSPARENT")
    return event
