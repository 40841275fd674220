"""How is a post-mortem begun, written, booked and published? The only file that writes the room's table."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F

from tocsin.accounts.models import User
from tocsin.incidents.models import Incident
from tocsin.postmortems.models import Postmortem


def begin(incident: Incident, *, owner: User | None, timeline: str, resolution: str, now: datetime) -> tuple[Postmortem, bool]:
    """The incident's post-mortem, locked; begun as a draft where there is none. Second: whether it was made just now."""
    made = {"title": incident.title, "owner": owner, "timeline": timeline, "resolution": resolution, "created_at": now, "updated_at": now}
    row, new = Postmortem.objects.get_or_create(incident=incident, defaults=made)
    return locked(row), new


def locked(row: Postmortem) -> Postmortem:
    """The post-mortem as it is now, locked until the transaction ends."""
    return Postmortem.objects.select_for_update(of=("self",)).select_related("incident", "owner").get(pk=row.pk)


def save(row: Postmortem, *, now: datetime, **fields: Any) -> Postmortem:
    """Set these fields and no others; the version goes up, so that a later editor of the older text learns of it."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.updated_at, row.version = now, F("version") + 1
    row.save(update_fields=[*fields, "updated_at", "version"])
    row.refresh_from_db(fields=["version"])
    return row


def book(row: Postmortem, *, at: datetime, minutes: int, invitees: Iterable[User], now: datetime) -> Postmortem:
    """Set the meeting. Its calendar entry keeps its id; the sequence says which invitation is the newest."""
    first = not row.meeting_uid
    row.meeting_uid = row.meeting_uid or secrets.token_hex(16)
    sequence = 0 if first else row.meeting_sequence + 1
    save(row, now=now, meeting_at=at, meeting_minutes=minutes, meeting_uid=row.meeting_uid, meeting_sequence=sequence)
    row.invitees.set(invitees)
    return row
