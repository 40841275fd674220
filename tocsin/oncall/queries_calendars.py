"""What does the last good copy of an outside calendar say, and who is meant by its names?"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from django.db.models import Q
from django.db.models.functions import Lower

from tocsin.accounts.models import User
from tocsin.domain.calendar_events import CalendarEvent, shifts_of, unknown
from tocsin.domain.rotation import Shift
from tocsin.oncall.models import ExternalCalendar


def shifts(row: ExternalCalendar, source: str, since: datetime | None = None, until: datetime | None = None) -> tuple[Shift, ...]:
    """Whose turn it is between two instants (without them: in all that was read), in order and without overlap."""
    found = events(row, since, until)
    return shifts_of(found, names_of(row, {name for event in found for name in event.names}), source)


def events(row: ExternalCalendar, since: datetime | None = None, until: datetime | None = None) -> list[CalendarEvent]:
    """The events that lie at least partly between two instants."""
    after = since.astimezone(UTC).isoformat() if since else ""  # stored in UTC: texts compare as times do
    before = until.astimezone(UTC).isoformat() if until else "9"
    return [
        CalendarEvent(tuple(names), datetime.fromisoformat(begin), datetime.fromisoformat(end), priority)
        for names, begin, end, priority in row.events
        if end > after and begin < before
    ]


def names_of(row: ExternalCalendar, wanted: Collection[str]) -> dict[str, int]:
    """Whom those names mean: as people said, else an active person's e-mail address or whole name (nobody where two are called so)."""
    found, twice = dict[str, int](), set[str]()
    there = User.objects.filter(is_active=True, removed_at=None).annotate(at=Lower("email"), called=Lower("name"))
    meant = Q(at__in=wanted) | Q(called__in=wanted) | Q(pk__in=set(row.people.values()))
    people = list(there.filter(meant).values_list("pk", "at", "called"))
    for pk, email, name in people:
        for word in {email, name}:
            twice |= {word} if found.setdefault(word, pk) != pk else set()
    known = {pk for pk, _, _ in people}
    given = {name: pk for name, pk in row.people.items() if pk in known}  # who has left is nobody, and asked about anew
    return {name: pk for name, pk in found.items() if name not in twice} | given


def nobodys(row: ExternalCalendar) -> list[str]:
    """The names in it that lead to nobody, the most frequent first."""
    found = events(row)
    return unknown(found, names_of(row, {name for event in found for name in event.names}))
