"""Which open alerts does a silence match now, which pages run for them, and how are these stopped when it begins?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.alerts import operations_silences as silences
from tocsin.alerts import queries, queries_quiet
from tocsin.alerts.models import Alert, Silence
from tocsin.domain import quiet
from tocsin.incidents.models import IncidentAlert
from tocsin.incidents.queries import visible_to
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation
from tocsin.timeline.operations import Line, announce, record_of_alerts

MOST_CAUSES = 2_000  # that somebody is paged for or has, of which the open alerts are looked at, the newest
# What is left of causes that pages, and of which services. One count for all: one for each reads a storm as often as there are causes.
_LEFT = """
SELECT lead, sum(number)::int, bool_or(elsewhere) FROM (
    SELECT lead_id AS lead, count(*) AS number, bool_or(%(services)s::bigint[] IS NOT NULL AND (service_id = ANY(%(services)s::bigint[])) IS NOT TRUE) AS elsewhere
    FROM alerts_alert WHERE lead_id = ANY(%(leads)s) AND (status = 'firing' OR calm_at IS NOT NULL) AND suppressed_by = '' GROUP BY lead_id
    UNION ALL
    SELECT id, 1, %(services)s::bigint[] IS NOT NULL AND (service_id = ANY(%(services)s::bigint[])) IS NOT TRUE
    FROM alerts_alert WHERE id = ANY(%(leads)s) AND (status = 'firing' OR calm_at IS NOT NULL) AND suppressed_by = ''
) one GROUP BY lead
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


def look(matchers: Sequence[dict[str, Any]], services: Sequence[int] | None, now: datetime, who: Actor | None) -> Outlook:
    """What these matchers match now, of these services (None: of any); of incidents as much as this person may know (None: nothing)."""
    urgent = Escalation.objects.filter(due_at__isnull=False, alert__isnull=False).exclude(track="canary")
    first = set(urgent.order_by("-id").values_list("alert_id", flat=True)[:MOST_CAUSES])
    found = queries_quiet.matched(matchers, services, now, first)
    leads = list({alert.lead_id or alert.pk for alert in found.alerts})
    left, runs = _left(leads, services), _runs(leads, who)
    causes = _causes(found, left, runs)
    short = [one.lead for one in causes if one.lead in first and not (one.incident or one.others or one.all_held)]
    if short and found.below is not None:
        more, others = queries_quiet.rest_of(short, matchers, services, now, found.below)
        found = replace(found, alerts=(*found.alerts, *more), others=found.others | others)
        causes = _causes(found, left, runs)
    return Outlook(found, causes)


def _left(leads: list[int], services: Sequence[int] | None) -> dict[int, tuple[int, bool]]:
    """By cause: how many open alerts of it page, and whether one is of another service."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, {"leads": leads, "services": None if services is None else list(services)})
        return {lead: (number, elsewhere) for lead, number, elsewhere in cursor.fetchall()}


def _runs(leads: list[int], who: Actor | None) -> dict[str, set[int]]:
    """The causes that pages run for, by what these are: `paged` its own, `asked` for by hand, of an `incident`, of one that is `told`."""
    running, found = Escalation.objects.filter(status=Escalation.Status.RUNNING), defaultdict[str, set[int]](set)
    for lead, track in running.filter(alert_id__in=leads, incident_id=None).values_list("alert_id", "track"):
        found["asked" if track.startswith(paging.BY_HAND) else "paged"].add(lead)
    paged = running.filter(incident_id__isnull=False).values("incident_id")
    links = list(IncidentAlert.objects.filter(alert_id__in=leads, incident_id__in=paged).values_list("alert_id", "incident_id"))
    known = set(visible_to(who).filter(pk__in={incident for _, incident in links}).values_list("pk", flat=True)) if links else set()
    for lead, incident in links:
        found["incident"].add(lead)
        if incident in known:
            found["told"].add(lead)
    return found


def _causes(found: queries_quiet.Matched, left: Mapping[int, tuple[int, bool]], runs: Mapping[str, set[int]]) -> tuple[quiet.Cause, ...]:
    unheld: dict[int, int] = {}
    for alert in found.alerts:
        lead = alert.lead_id or alert.pk
        unheld[lead] = unheld.get(lead, 0) + (not alert.suppressed_by)
    return tuple(
        quiet.Cause(
            lead, left.get(lead, (0, False))[0], matched, lead in found.others or left.get(lead, (0, False))[1], lead in runs["paged"],
            lead in runs["asked"], lead in runs["incident"], lead in runs["told"],
        )
        for lead, matched in unheld.items()
    )  # fmt: skip


def begin(row: Silence, *, by: Actor, now: datetime) -> int:
    """A silence in force holds back what is open, too: pages stop for causes of which nothing else fires. For how many. In the caller's
    transaction; no batch of events is folded meanwhile."""
    queries.hold_folding()
    rule = queries.as_rule(row)
    found = look(row.matchers, [row.service_id] if row.service_id else None, now, None)
    held = set(silences.hold_back([alert.pk for alert in found.matched.alerts if not alert.suppressed_by], rule))
    words = f"silence {row.pk} by {_author(row)} until {row.ends_at:%Y-%m-%d %H:%M} UTC: {row.reason}"
    ended = [one.lead for one in found.causes if one.matched and one.all_held]
    paging.locked_of(ended)  # who begins anew at this moment is waited for
    stopped = {id for id in paging.with_calls(ended) if paging.hold_back(alert_id=id, reason=words, by=by, now=now)}
    obligations.not_applicable_of_alerts("acknowledge", ended, reason=f"Held back by {words}", at=now)
    record_of_alerts(_lines([one for one in found.matched.alerts if one.pk in held], found, words, by), now=now)
    silences.begun(row, len(stopped))
    announce("alerts", "board", *(f"alert:{id}:0" for id in held))
    return len(stopped)


def _lines(alerts: Collection[Alert], found: Outlook, words: str, by: Actor) -> list[Line]:
    """What each alert's timeline says. Where its pages go on, why they do; but nothing of incidents, which not all may know of who read it."""
    fates = {one.lead: quiet.fate(one) for one in found.causes}
    why = {
        quiet.Fate.GOES_ON: " Pages go on.",
        quiet.Fate.OTHERS_FIRE: " Pages of its cause go on: other alerts of it fire.",
        quiet.Fate.NOT_ALL_SEEN: " Pages of its cause go on: more alerts of it fire than are looked at.",
        quiet.Fate.ASKED_FOR: " Those whom somebody asked for by hand are paged on.",
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
