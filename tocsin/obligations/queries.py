"""What is owed right now, and by which calendar is it counted?"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from tocsin.accounts.models import Organisation, Team
from tocsin.domain.calendars import BusinessCalendar
from tocsin.domain.obligations import Judgement, Owed, Promise, judge
from tocsin.domain.procedure.model import Severity
from tocsin.lib import holidays
from tocsin.lib.statements import Read
from tocsin.obligations.models import Obligation

ORGANISATION = Read("SELECT {o} FROM accounts_organisation o WHERE o.id = 1", o=Organisation)


def calendar_of(team: Team | None, at: datetime) -> BusinessCalendar:
    """The business calendar of a team at an instant; what the team leaves empty is the organisation's."""
    organisation = _organisation()
    zone = (team.time_zone if team else "") or organisation.time_zone
    own = team is not None and bool(team.country)
    country, subdivision = (team.country, team.subdivision) if own and team else (organisation.country, organisation.subdivision)
    year = at.astimezone(ZoneInfo(zone)).year
    return BusinessCalendar(zone, organisation.day_starts, organisation.day_ends, holidays.dates(country, subdivision, year=year))


def calendar_for(level: Severity, team: Team | None, at: datetime) -> BusinessCalendar:
    """The calendar by which the response to that severity is counted; where it counts no business days any will do, and nothing is asked."""
    return calendar_of(team, at) if level.response.business_days is not None else BusinessCalendar()


def time_zone() -> str:
    """The organisation's."""
    return _organisation().time_zone


def _organisation() -> Organisation:
    found: Organisation
    ((found,),) = ORGANISATION.all()
    return found


def as_owed(row: Obligation, *, state: str | None = None, stopped_at: datetime | None = None) -> Owed:
    """The row as the rules see it."""
    promised = Promise(row.kind, row.clause, row.text, row.started_at, row.due_at, row.warn_at, row.severity, row.owner_role)
    earlier = tuple(datetime.fromisoformat(item["due_at"]) for item in row.history if item.get("due_at") and item.get("reclassified"))
    return Owed(promised, state or row.state, stopped_at or row.stopped_at, earlier)


def verdict(row: Obligation, now: datetime) -> Judgement:
    """What has become of it by `now`."""
    return judge(as_owed(row), now)


def next_due() -> datetime | None:
    """When the engine must look again; None when nothing is due any more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(next_at) FROM obligations_obligation WHERE next_at IS NOT NULL")
        return cursor.fetchone()[0]


def of_incident(incident_id: int, alert_ids: list[int] | None = None) -> list[Obligation]:
    """Every promise of an incident and the acknowledgement of its alerts, in the order in which they began."""
    rows = Obligation.objects.filter(incident_id=incident_id)
    if alert_ids:
        rows = rows | Obligation.objects.filter(alert_id__in=alert_ids, incident_id=None)
    return list(rows.select_related("owner", "waived_by").order_by("started_at", "id"))
