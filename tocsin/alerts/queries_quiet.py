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
MOST_OF_BIG = 5_000  # more, of those causes that have more than that
_PAGE = 2_000
OPEN = Q(status=Alert.Status.FIRING) | Q(calm_at__isnull=False)  # it fires, or it flaps and is down for a moment
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
    others: frozenset[int] = frozenset()  # causes, by the alerts that lead them, of which an alert that pages does not match
    below: int | None = None  # of causes nobody has looked at alerts before this one

    @property
    def number(self) -> int:
        return len(self.alerts)

    def __str__(self) -> str:
        alerts = "open alert" if self.number == 1 else "open alerts"
        return f"{self.number:,} {alerts}" + (f" of the newest {self.looked_at:,}" if self.more else "")


def matched(matchers: Sequence[dict[str, Any]], services: Sequence[int] | None, now: datetime, first: Collection[int] = ()) -> Matched:
    """Open alerts that these matchers would hold back, of these services (None: of any): among the newest, and before them those of these causes
    (`first`: by the alerts that lead them), also such as flap and are down for a moment."""
    rows = Alert.objects.select_related("service", "integration").defer("details", "trace")
    rows = rows if services is None else rows.filter(service_id__in=services)
    firing, down = rows.filter(status=Alert.Status.FIRING), rows.filter(status=Alert.Status.RESOLVED, calm_at__isnull=False)
    urgent: list[Alert] = []
    if first:
        about = Q(pk__in=first) | Q(lead__in=first)
        urgent = [*firing.filter(about).order_by("-id")[:MOST_URGENT], *down.filter(about).order_by("-calm_at")[:MOST_URGENT]]
    below = urgent[MOST_URGENT - 1].pk if len(urgent) >= MOST_URGENT and urgent[MOST_URGENT - 1].status == Alert.Status.FIRING else None
    newest = list(firing.order_by("-id")[: MOST_MATCHED + 1])
    looked_at = {one.pk: one for one in (*urgent, *newest[:MOST_MATCHED])}
    found, others = _judged(looked_at.values(), matchers, services, now)
    teams = frozenset(one.service.team_id for one in found if one.service and one.service.team_id)
    return Matched(tuple(found), min(len(newest), MOST_MATCHED), len(newest) > MOST_MATCHED, teams, frozenset(others), below)


def rest_of(
    leads: Iterable[int], matchers: Sequence[dict[str, Any]], services: Sequence[int] | None, now: datetime, below: int
) -> tuple[list[Alert], set[int]]:
    """The same for what fires and pages of these causes and came before the alert `below`: those that match, and the causes of which one does
    not. At that the search in a cause ends; in all it reads MOST_OF_BIG."""
    rows = Alert.objects.filter(status=Alert.Status.FIRING, suppressed_by="").defer("details", "trace").order_by("-id")
    rows = rows.prefetch_related("service", "integration")  # one each, shared
    found, others, left = list[Alert](), set[int](), MOST_OF_BIG
    for lead in leads:
        page, last = list(rows.filter(pk=lead, pk__lt=below)), below
        while lead not in others and (size := min(_PAGE, left)):
            page += rows.filter(lead=lead, pk__lt=last)[:size]
            matching, strange = _judged(page, matchers, services, now)
            found += matching
            others |= strange
            left = max(left - len(page), 0)
            if len(page) < size:
                break
            page, last = [], page[-1].pk
    return found, others


def _judged(
    rows: Iterable[Alert], matchers: Sequence[dict[str, Any]], services: Sequence[int] | None, now: datetime
) -> tuple[list[Alert], set[int]]:
    """Those that match, and the causes, by the alerts that lead them, of which one that pages does not."""
    wanted = frozenset(services) if services is not None else None
    rule = SilenceRule(0, queries.matchers(list(matchers)), now, now + timedelta(seconds=1), services=wanted)
    found, others = list[Alert](), set[int]()
    for one in rows:
        if silenced(queries.subject(one, one.integration, details=False), one.service_id, [rule], now, full_match, one.labels):
            found.append(one)
        elif not one.suppressed_by:
            others.add(one.lead_id or one.pk)
    return found, others


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
