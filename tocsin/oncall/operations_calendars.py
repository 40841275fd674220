"""How are outside calendars added, read and told who is meant? With the other `operations` the only files that write this room's tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F

from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import User
from tocsin.lib.refusal import Refused, invalid
from tocsin.lib.sealing import InvalidToken, box
from tocsin.oncall import calendars
from tocsin.oncall.changed import changed
from tocsin.oncall.models import ExternalCalendar, Rotation, Schedule
from tocsin.oncall.versions import keep

PURPOSE = "calendar address"
EVERY = timedelta(minutes=15)
WRITTEN_OUT = timedelta(days=1)  # so long the written-out repetitions of a calendar that does not change are good
MOST_CALENDARS = 10  # of one schedule
MOST_NAMES = 200  # that are given to people, of one calendar


@transaction.atomic
def add(schedule: Schedule, *, address: str, name: str = "", by: Actor, now: datetime) -> ExternalCalendar:
    """A calendar at an ICS address becomes the schedule's last rotation; it is read within a minute. Raises Refused naming the field."""
    schedule = Schedule.objects.select_for_update().get(pk=schedule.pk)
    try:
        url = calendars.address(address)
    except ValueError as error:
        raise invalid(address=str(error)) from error
    if schedule.calendars.filter(removed_at=None).count() >= MOST_CALENDARS:
        raise Refused(f"A schedule has at most {MOST_CALENDARS} calendars.", status=409, errors={"address": "There are enough."})
    host = urlsplit(url).hostname or ""
    row = ExternalCalendar.objects.create(
        schedule=schedule, name=(" ".join(name.split()) or f"Calendar of {host}")[:120], host=host[:255], due_at=now, created_at=now,
        sealed_address=box(PURPOSE).encrypt(url.encode()),
    )  # fmt: skip
    local = now.astimezone(ZoneInfo(schedule.time_zone)).replace(tzinfo=None, microsecond=0)
    Rotation.objects.create(
        schedule=schedule, name=row.name, position=schedule.rotations.count(), starts_at=now, starts_local=local.isoformat(), calendar=row
    )
    keep(schedule, note=f"calendar {row.name} added"[:300], by=by, now=now)
    changed(schedule.pk, now)
    return row


@transaction.atomic
def give_names(row: ExternalCalendar, people: dict[str, int | None], *, by: Actor, now: datetime) -> ExternalCalendar:
    """Who is meant by which name (None: nobody); names that are not given keep what they had. Counts at once."""
    row = ExternalCalendar.objects.select_for_update().get(pk=row.pk)
    known = set(
        User.objects.filter(pk__in=[pk for pk in people.values() if pk], is_active=True, removed_at=None).values_list("pk", flat=True)
    )
    for name, person in people.items():
        tidy = " ".join(name.lower().split())[:200]
        if person is not None and person not in known:
            raise invalid(people=f"Choose an active person for {name[:60]!r}.")
        if person is None:
            row.people.pop(tidy, None)
        else:
            row.people[tidy] = person
    if len(row.people) > MOST_NAMES:
        raise invalid(people=f"At most {MOST_NAMES} names.")
    row.save(update_fields=["people"])
    audit("calendar.names", "schedule", row.schedule_id, f"Names of the calendar {row.name} were given to people", by=by, now=now)
    changed(row.schedule_id, now)
    return row


@transaction.atomic
def read_now(row: ExternalCalendar, *, now: datetime) -> None:
    """Read it within a minute instead of when it would be due."""
    ExternalCalendar.objects.filter(pk=row.pk, removed_at=None).update(due_at=now)


@transaction.atomic
def remove(row: ExternalCalendar, *, by: Actor, now: datetime) -> None:
    """It is read no more, and its rotation goes."""
    Rotation.objects.filter(calendar=row).delete()
    ExternalCalendar.objects.filter(pk=row.pk).update(removed_at=now, due_at=None, sealed_address=b"", events=[])
    keep(row.schedule, note=f"calendar {row.name} removed"[:300], by=by, now=now)
    changed(row.schedule_id, now)


def take_due(now: datetime) -> ExternalCalendar | None:
    """One calendar that is due, put off for 15 minutes, so that a reader that dies delays it by as much and no other reads it meanwhile."""
    with transaction.atomic():
        rows = ExternalCalendar.objects.select_for_update(skip_locked=True, of=("self",)).select_related("schedule")
        row = rows.filter(due_at__lte=now, removed_at=None).order_by(F("due_at").asc(), "id").first()
        if row is not None:
            row.due_at = now + EVERY
            row.save(update_fields=["due_at"])
        return row


def read(row: ExternalCalendar, now: datetime) -> None:
    """Fetch a calendar, outside any transaction, and keep what it says; where that fails the last good copy goes on to count."""
    try:
        url = box(PURPOSE).decrypt(bytes(row.sealed_address)).decode()
        fresh = row.copied_at is not None and row.copied_at > now - WRITTEN_OUT  # else its repetitions are written out anew
        etag, digest = (row.etag, row.digest) if fresh else ("", "")
        copy = calendars.fetch(url, etag=etag, digest=digest, zone=ZoneInfo(row.schedule.time_zone), now=now)
    except InvalidToken:
        return _failed(row, "Its address was sealed with another secret key. Add it again.", now)
    except calendars.UnreadableError as error:
        return _failed(row, str(error), now)
    _read(row, copy, now)
    return None


@transaction.atomic
def _read(row: ExternalCalendar, copy: calendars.Copy | None, now: datetime) -> None:
    row = ExternalCalendar.objects.select_for_update().get(pk=row.pk)
    if row.removed_at is not None:
        return
    if copy is not None:
        row.events = [[list(e.names), e.starts_at.isoformat(), e.ends_at.isoformat(), e.priority] for e in copy.events]
        row.notes, row.etag, row.digest, row.copied_at = copy.notes[:500], copy.etag, copy.digest, now
    row.read_at, row.failing_since, row.error = now, None, ""
    row.save(update_fields=["events", "notes", "etag", "digest", "copied_at", "read_at", "failing_since", "error"])
    changed(row.schedule_id, now)


@transaction.atomic
def _failed(row: ExternalCalendar, why: str, now: datetime) -> None:
    row = ExternalCalendar.objects.select_for_update().get(pk=row.pk)
    row.error, row.failing_since = why[:500], row.failing_since or now
    row.save(update_fields=["error", "failing_since"])
    changed(row.schedule_id, now)
