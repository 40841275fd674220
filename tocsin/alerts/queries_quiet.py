"""What is quiet now: which open alerts would a silence match, and what holds back which?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from tocsin.alerts import queries
from tocsin.alerts.models import Alert, MaintenanceWindow, Service, Silence
from tocsin.domain.routing import SilenceRule, silenced
from tocsin.lib import recurrence
from tocsin.lib.patterns import full_match

MOST_MATCHED = 2_000  # open alerts that a preview looks at, the newest
MOST_URGENT = 5_000  # open alerts of causes that somebody is paged for or has, which it looks at besides
SAMPLES = 5
MOST_HELD = 200  # alerts held back that a page counts
MOST_IN_FORCE = 1_000
STATES = {"active": "Active", "pending": "Pending", "expired": "Expired"}


@dataclass(frozen=True, slots=True)
class Matched:
    """Open alerts that match, those of urgent causes first, then the newest; of how many newest; and the teams whose services they are of."""

    alerts: tuple[Alert, ...]
    looked_at: int
    more: bool  # there are older open alerts that nobody looked at
    teams: frozenset[int]

    @property
    def number(self) -> int:
        return len(self.alerts)

    def __str__(self) -> str:
        alerts = "open alert" if self.number == 1 else "open alerts"
        return f"{self.number:,} {alerts}" + (f" of the newest {self.looked_at:,}" if self.more else "")


def matched(matchers: Sequence[dict[str, Any]], services: Sequence[int] | None, now: datetime, first: Collection[int] = ()) -> Matched:
    """Open alerts that these matchers would hold back, of these services (None: of any): among the newest, and before them those of these causes
    (`first`: by the alerts that lead them)."""
    rows = Alert.objects.filter(status=Alert.Status.FIRING).select_related("service", "integration").defer("details", "trace")
    rows = rows if services is None else rows.filter(service_id__in=services)
    urgent = rows.filter(Q(pk__in=first) | Q(lead__in=first)).order_by("-id")[:MOST_URGENT] if first else []
    newest = list(rows.order_by("-id")[: MOST_MATCHED + 1])
    wanted = frozenset(services) if services is not None else None
    rule = SilenceRule(0, queries.matchers(list(matchers)), now, now + timedelta(seconds=1), services=wanted)
    looked_at = {one.pk: one for one in (*urgent, *newest[:MOST_MATCHED])}
    found = [
        one for one in looked_at.values()
        if silenced(queries.subject(one, one.integration), one.service_id, [rule], now, full_match, one.labels)
    ]  # fmt: skip
    teams = frozenset(one.service.team_id for one in found if one.service and one.service.team_id)
    return Matched(tuple(found), min(len(newest), MOST_MATCHED), len(newest) > MOST_MATCHED, teams)


def silences(state: str, now: datetime) -> QuerySet[Silence]:
    """Silences that people made, by state: active, pending or expired. Those of maintenance windows are theirs."""
    over = Q(ended_at__isnull=False) | Q(ends_at__lte=now)
    rows = Silence.objects.filter(window=None).select_related("service", "created_by")
    if state == "expired":
        return rows.filter(over)
    return rows.exclude(over).filter(starts_at__gt=now) if state == "pending" else rows.exclude(over).filter(starts_at__lte=now)


def state_of(silence: Silence, now: datetime) -> str:
    """active, pending or expired."""
    if silence.ended_at or silence.ends_at <= now:
        return "expired"
    return "pending" if silence.starts_at > now else "active"


def held_by(label: str) -> QuerySet[Alert]:
    """The open alerts whose pages a silence or a window holds back; `label` is what routing calls it: "silence 5", "maintenance window 3"."""
    held = Alert.objects.filter(Q(suppressed_by__startswith=f"{label}:"), ~Q(suppressed_by=""), status=Alert.Status.FIRING)
    return held.select_related("service", "integration").defer("details", "trace").order_by("-id")


def label_of(silence: Silence) -> str:
    """What routing calls it."""
    return f"maintenance window {silence.window_id}" if silence.window_id else f"silence {silence.pk}"


def in_force_for(services: Iterable[Service], now: datetime) -> dict[int, list[Silence]]:
    """By service: the silences and windows in force that name it or its team; not those that match by labels alone."""
    found: dict[int, list[Silence]] = {}
    rows = Silence.objects.filter(starts_at__lte=now, ends_at__gt=now, ended_at=None).select_related("window", "created_by")
    scoped = list(rows.filter(Q(service__isnull=False) | Q(window__team__isnull=False)).order_by("ends_at", "pk")[:MOST_IN_FORCE])
    for service in services:
        for row in scoped:
            team = row.window.team_id if row.window and row.service_id is None else None
            if row.service_id == service.pk or (team and team == service.team_id):
                found.setdefault(service.pk, []).append(row)
    return found


def occurrences(window: MaintenanceWindow) -> Iterator[tuple[datetime, datetime]]:
    """Start and end of each, the first first, as UTC; the end is so many minutes later, whatever the clocks do."""
    start = datetime.strptime(window.starts, "%Y-%m-%dT%H:%M")  # noqa: DTZ007 - a wall clock; its zone stands beside it
    length = timedelta(minutes=window.minutes)
    return ((at, at + length) for at in recurrence.occurrences(start, window.rule, window.time_zone))


def windows(state: str, now: datetime) -> QuerySet[MaintenanceWindow]:
    """Maintenance windows by state: running, planned (once), recurring (between two occurrences) or past."""
    rows = MaintenanceWindow.objects.select_related("team", "created_by")
    in_force = Silence.objects.filter(window=OuterRef("pk"), starts_at__lte=now, ends_at__gt=now, ended_at=None)
    if state == "past":
        return rows.exclude(ended_at=None).order_by("-ended_at")
    rows = rows.filter(ended_at=None).annotate(running=Exists(in_force)).order_by("starts", "pk")
    if state == "running":
        return rows.filter(running=True)
    rows = rows.filter(running=False)
    return rows.exclude(rule="") if state == "recurring" else rows.filter(rule="")
