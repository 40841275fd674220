"""Which open alerts does a silence match now, which pages run for them, and how are these stopped when it begins?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.alerts import operations_silences as silences
from tocsin.alerts import queries, queries_quiet
from tocsin.alerts.models import Alert, Silence
from tocsin.domain import quiet
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation
from tocsin.timeline.operations import Line, announce, record_of_alerts

MOST_CAUSES = 2_000  # that somebody is paged for or has, of which the open alerts are looked at, the newest
# What is left of a cause that pages, and whether pages run for it: its own, or those of an incident that it belongs to.
_CAUSES = """
SELECT l.id,
    (SELECT count(*) FROM alerts_alert a WHERE a.id = l.id AND a.status = 'firing' AND a.suppressed_by = '')
        + (SELECT count(*) FROM alerts_alert m WHERE m.lead_id = l.id AND m.status = 'firing' AND m.suppressed_by = ''),
    EXISTS (SELECT 1 FROM paging_escalation e WHERE e.alert_id = l.id AND e.incident_id IS NULL AND e.status = 'running'),
    EXISTS (SELECT 1 FROM incidents_incidentalert i JOIN paging_escalation e ON e.incident_id = i.incident_id
            WHERE i.alert_id = l.id AND e.status = 'running')
FROM unnest(%s::bigint[]) AS l(id)
"""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The open alerts that match, and the causes that they are of."""

    matched: queries_quiet.Matched
    causes: tuple[quiet.Cause, ...]

    @property
    def paged(self) -> frozenset[int]:
        """The causes that somebody is being paged for, by the alerts that lead them."""
        return frozenset(one.lead for one in self.causes if quiet.fate(one) is not quiet.Fate.NONE_RUN)

    @property
    def samples(self) -> list[Alert]:
        """Some of the alerts, those that somebody is being paged for first."""
        paged = self.paged
        return sorted(self.matched.alerts, key=lambda one: (one.lead_id or one.pk) not in paged)[: queries_quiet.SAMPLES]

    def of(self, fate: quiet.Fate) -> int:
        """How many causes are of that fate."""
        return sum(quiet.fate(one) is fate for one in self.causes)

    def sentences(self, *, stop: bool, later: bool = False) -> list[str]:
        """What becomes of the pages that run for them."""
        return quiet.outlook(self.causes, stop=stop, later=later) if self.matched.number else []


def look(matchers: Sequence[dict[str, Any]], services: Sequence[int] | None, now: datetime) -> Outlook:
    """What these matchers match now, of these services (None: of any)."""
    urgent = Escalation.objects.filter(due_at__isnull=False, alert__isnull=False).exclude(track="canary")
    first = set(urgent.order_by("-id").values_list("alert_id", flat=True)[:MOST_CAUSES])
    found = queries_quiet.matched(matchers, services, now, first)
    unheld: dict[int, int] = {}
    for alert in found.alerts:
        lead = alert.lead_id or alert.pk
        unheld[lead] = unheld.get(lead, 0) + (not alert.suppressed_by)
    with connection.cursor() as cursor:
        cursor.execute(_CAUSES, [list(unheld)])
        rows = cursor.fetchall()
    return Outlook(found, tuple(quiet.Cause(id, firing, unheld[id], paged, incident) for id, firing, paged, incident in rows))


def begin(row: Silence, *, by: Actor, now: datetime) -> int:
    """A silence in force holds back what is open, too: pages stop for causes of which nothing else fires. For how many. In the caller's
    transaction; no batch of events is folded meanwhile."""
    queries.hold_folding()
    rule = queries.as_rule(row)
    found = look(row.matchers, [row.service_id] if row.service_id else None, now)
    held = set(silences.hold_back([alert.pk for alert in found.matched.alerts if not alert.suppressed_by], rule))
    words = f"silence {row.pk} by {_author(row)} until {row.ends_at:%Y-%m-%d %H:%M} UTC: {row.reason}"
    ended = [one.lead for one in found.causes if one.matched and one.all_held]
    stopped = {id for id in sorted(ended) if paging.hold_back(alert_id=id, reason=words, by=by, now=now)}
    obligations.not_applicable_of_alerts("acknowledge", ended, reason=f"Held back by {words}", at=now)
    record_of_alerts(_lines([one for one in found.matched.alerts if one.pk in held], found, words, by), now=now)
    silences.begun(row, len(stopped))
    announce("alerts", "board", *(f"alert:{id}:0" for id in held))
    return len(stopped)


def _lines(alerts: Collection[Alert], found: Outlook, words: str, by: Actor) -> list[Line]:
    """What each alert's timeline says. Where its pages go on, why they do."""
    fates = {one.lead: quiet.fate(one) for one in found.causes}
    why = {
        quiet.Fate.OF_AN_INCIDENT: " Pages go on: an incident is declared.",
        quiet.Fate.OTHERS_FIRE: " Pages of its cause go on: other alerts of it fire.",
    }
    actor = by.user.pk if by.user else None
    return [
        Line(
            "suppressed", f"Held back from now on by {words}.{why.get(fates.get(one.lead_id or one.pk, quiet.Fate.NONE_RUN), '')}"[:20_000],
            one.pk, {}, True, None, actor, by.label[:200], by.via,
        )
        for one in alerts
    ]  # fmt: skip


def _author(row: Silence) -> str:
    return (row.created_by.name or row.created_by.email) if row.created_by else row.author or "Tocsin"


def begin_due(now: datetime) -> int:
    """Silences that were made ahead begin: how many."""
    begun = queries.begun_silences(now)
    for row in begun:
        begin(row, by=SYSTEM, now=now)
    return len(begun)
