"""Who is away, when: by their own word, or because it is a public holiday where they live?"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tocsin.accounts.models import Organisation, User
from tocsin.domain.rotation import Absence, instant
from tocsin.lib import holidays as tables
from tocsin.oncall.models import TimeOff

LONGEST = timedelta(days=800)  # how far public holidays are looked up


def of(
    people: Collection[int], since: datetime | None, until: datetime | None = None, *, time_off: bool = True, holidays: bool = True
) -> list[Absence]:
    """When those people (ids) are away between two instants; without `since` all their time off and no holidays."""
    found = list(_time_off(people, since)) if time_off else []
    if holidays and since is not None:
        found += _holidays(people, since, min(until or since + timedelta(days=1), since + LONGEST))
    return found


def _time_off(people: Collection[int], since: datetime | None) -> Iterator[Absence]:
    rows = TimeOff.objects.filter(user_id__in=people, removed_at=None)
    for row in rows.filter(ends_at__gt=since) if since else rows:
        yield Absence(row.user_id, row.starts_at, row.ends_at, row.reason or "time off")


def _holidays(people: Collection[int], since: datetime, until: datetime) -> Iterator[Absence]:
    organisation = Organisation.objects.get(pk=1)
    for person in User.objects.filter(pk__in=people):
        zone = ZoneInfo(person.time_zone or organisation.time_zone)
        own = bool(person.country)
        country, region = (person.country, person.subdivision) if own else (organisation.country, organisation.subdivision)
        first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
        days = {day for year in range(first.year, last.year + 1) for day in tables.dates(country, region, year=year)}
        for day in sorted(day for day in days if first <= day <= last):
            begin, end = (instant(datetime.combine(at, time()), zone) for at in (day, day + timedelta(days=1)))
            yield Absence(person.pk, begin.astimezone(UTC), end.astimezone(UTC), "public holiday")
