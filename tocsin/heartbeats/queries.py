"""Which heartbeats are there, which pings wait, and may a missing one be held against its sender?"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Min, QuerySet

from tocsin.accounts.models import Organisation
from tocsin.alerts.models import Integration
from tocsin.alerts.queries import IN_GRACE
from tocsin.domain.heartbeats import Pulse, Rhythm
from tocsin.heartbeats.models import Adoption, Heartbeat, Ping
from tocsin.lib import cron
from tocsin.obligations.queries import calendar_of

ANY_WATCHDOG = "SELECT EXISTS (SELECT 1 FROM heartbeats_heartbeat w WHERE w.integration_id = %s AND w.watchdog <> '')"
LOCK_CLASS = 0x70C52  # advisory lock of this room: one worker at a time takes pings
SHOWN = 100  # pings of each heartbeat that are kept
# While the intake is away, and for five minutes after, senders have had no chance.
UNHEARD = (
    "EXISTS (SELECT 1 FROM heartbeats_hearing h"
    " WHERE h.at < clock_timestamp() - interval '2 minutes' OR h.since > clock_timestamp() - interval '5 minutes')"
)


def claim() -> bool:
    """Become the only one who takes pings until the transaction ends; False when somebody else is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", [LOCK_CLASS])
        return bool(cursor.fetchone()[0])


def anything_due() -> bool:
    """One cheap question: does a ping wait, or is one missing that may be judged?"""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM heartbeats_ping WHERE NOT taken) OR"  # noqa: S608
            f" EXISTS (SELECT 1 FROM heartbeats_heartbeat WHERE missing_at <= tocsin_now() AND NOT {IN_GRACE} AND NOT {UNHEARD})"
        )
        return bool(cursor.fetchone()[0])


def may_judge() -> bool:
    """Not while, or shortly after, we ourselves were away."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT NOT {IN_GRACE} AND NOT {UNHEARD}")
        return bool(cursor.fetchone()[0])


def away_until() -> datetime | None:
    """When our own last outage ended, by the clock that decides; None where there was none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT greatest((SELECT max(since) FROM alerts_attendance), (SELECT max(since) FROM heartbeats_hearing))"
            " + (SELECT shift FROM clock_shift)"
        )
        at = cursor.fetchone()[0]
        return at if at and at.year > 1971 else None


def next_missing() -> datetime | None:
    """When the next one is late unless it pings; None while none may be judged."""
    if not may_judge():
        return None
    return _awaited().aggregate(at=Min("missing_at"))["at"]


def missing(now: datetime, limit: int) -> list[Heartbeat]:
    """The heartbeats whose ping did not come, locked."""
    rows = _awaited().filter(missing_at__lte=now).select_for_update(of=("self",)).select_related("integration__service__team")
    return list(rows.order_by("missing_at")[:limit])


def _awaited() -> QuerySet[Heartbeat]:
    return Heartbeat.objects.filter(missing_at__isnull=False, removed_at=None, integration__enabled=True, integration__removed_at=None)


def heartbeats(*, integration: int | None = None, state: str = "") -> QuerySet[Heartbeat]:
    """Every heartbeat in use."""
    rows = Heartbeat.objects.filter(removed_at=None).select_related("integration__service__team")
    rows = rows.filter(integration_id=integration) if integration else rows
    return rows.filter(state=state) if state else rows


def named(integration: Integration, name: str) -> Heartbeat | None:
    """The heartbeat of that name, whatever its capitals."""
    return heartbeats(integration=integration.pk).filter(name__iexact=name).first()


def pings(heartbeat: Heartbeat, limit: int = SHOWN) -> list[Ping]:
    """Its newest pings."""
    return list(heartbeat.pings.order_by("-id")[:limit])


def adopts(integration_id: int) -> bool:
    """Does that integration make heartbeats of unknown names?"""
    return Adoption.objects.filter(integration_id=integration_id).exists()


def watchdogs(integration_id: int) -> list[Heartbeat]:
    """The heartbeats that an always-firing alert of that integration feeds."""
    return list(heartbeats(integration=integration_id).exclude(watchdog="").exclude(state=Heartbeat.State.PAUSED))


def rhythm(heartbeat: Heartbeat, now: datetime) -> Rhythm:
    """When its pings are expected."""
    if heartbeat.cron:
        zone = heartbeat.time_zone or Organisation.objects.get(pk=1).time_zone
        return Rhythm(heartbeat.period, heartbeat.grace, next_run=lambda at: cron.next_run(heartbeat.cron, zone, at))
    if heartbeat.business_hours:
        service = heartbeat.integration.service
        return Rhythm(heartbeat.period, heartbeat.grace, calendar_of(service.team if service else None, now))
    return Rhythm(heartbeat.period, heartbeat.grace)


def pulse(heartbeat: Heartbeat) -> Pulse:
    """How it stands, as the rules see it."""
    row = heartbeat
    return Pulse(row.state, row.last_ping_at, row.started_at, row.expected_at, row.missing_at)  # type: ignore[arg-type]


def in_words(heartbeat: Heartbeat) -> str:
    """Its rhythm: "every 5 minutes, 1 minute late is fine"."""
    if heartbeat.cron:
        zone = heartbeat.time_zone or Organisation.objects.get(pk=1).time_zone
        every = f"at {heartbeat.cron} in {ZoneInfo(zone)}"
    else:
        every = f"every {span(heartbeat.period)}" + (" of business hours" if heartbeat.business_hours else "")
    return f"{every}, {span(heartbeat.grace)} late is fine"


def span(length: timedelta) -> str:
    """A length in its largest whole unit: 90 minutes, 2 hours."""
    seconds = int(length.total_seconds())
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {word}{'' if seconds == size else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
