"""Which alerts are signs of one cause? Finds the open causes, lets new alerts join them, and says when one is over."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection

from tocsin.alerts import operations as alerts
from tocsin.alerts import queries
from tocsin.alerts.models import Alert, Integration
from tocsin.alerts.operations import Row
from tocsin.domain.alerts import AlertState
from tocsin.domain.grouping import Cause, Causes, Joins, Newcomer, decide
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.severity import worse_of
from tocsin.lib import together
from tocsin.paging import operations as paging

# Somebody is asked for a cause, or has it: of each track its newest run counts. One that somebody had stays acknowledged when the next begins.
ASKED = """(SELECT coalesce(bool_or(n.status = 'acknowledged' OR (n.status = 'running' AND {runs})), false)
    FROM (SELECT DISTINCT ON (e.track, e.policy_track) e.track, e.status FROM paging_escalation e WHERE e.alert_id = {lead}
    ORDER BY e.track, e.policy_track, e.id DESC) n)"""
MOST_CAUSES = 500
LONGEST_WINDOW = timedelta(minutes=1440)
# A cause goes on while an alert of it fires and somebody is asked for or has it, or while an incident is open for it.
OPEN = f"""
SELECT a.id, a.service_id, a.integration_id, a.group_key, coalesce(nullif(a.cause_severity, ''), a.severity), a.first_seen, a.cause_at, a.policy_id,
    (a.status = 'firing' OR EXISTS (SELECT 1 FROM alerts_alert m WHERE m.lead_id = a.id AND m.status = 'firing')),
    {ASKED.format(lead="a.id", runs="true")},
    (SELECT max(i.id) FROM incidents_incidentalert l JOIN incidents_incident i ON i.id = l.incident_id
     WHERE l.alert_id = a.id AND i.status NOT IN ('resolved', 'closed'))
FROM alerts_alert a
WHERE a.lead_id IS NULL AND a.cause_at > %s AND (a.service_id = ANY(%s) OR (a.service_id IS NULL AND a.integration_id = %s))
ORDER BY a.cause_at DESC LIMIT %s
"""  # noqa: S608
# Nothing of it fires that is not held back; asked so that it is known at the first that is not.
ALL_HELD = """
SELECT l.id, coalesce((SELECT a.suppressed_by FROM alerts_alert a WHERE a.id = l.id AND a.status = 'firing'),
    (SELECT m.suppressed_by FROM alerts_alert m WHERE m.lead_id = l.id AND m.status = 'firing' LIMIT 1))
FROM unnest(%s::bigint[]) AS l(id)
WHERE NOT EXISTS (SELECT 1 FROM alerts_alert a WHERE a.id = l.id AND a.status = 'firing' AND a.suppressed_by = '')
    AND NOT EXISTS (SELECT 1 FROM alerts_alert m WHERE m.lead_id = l.id AND m.status = 'firing' AND m.suppressed_by = '')
"""


def place(rows: Sequence[Row], integration: Integration, procedure: Procedure, facts: queries.GroupingFacts, now: datetime) -> None:
    """Decide for new alerts, numbered but not written yet, whether they join a cause or lead one. Those held back do neither."""
    rows = [row for row in rows if row.firing and not row.suppressed_by]
    if not rows:
        return
    newcomers = [_newcomer(row, facts, procedure) for row in rows]
    services = {row.service_id for row in rows if row.service_id is not None}
    causes = open_causes(services, integration.pk, facts, procedure, now)
    new_leads: dict[int, Row] = {}
    joined: dict[int, list[Row]] = {}
    for row, newcomer in zip(rows, newcomers, strict=True):
        decision = decide(newcomer, causes, facts.topology)
        row.group_reason = decision.why[:300]
        if isinstance(decision, Joins):
            row.lead_id, row.worsened = decision.cause.lead, decision.worse
            joined.setdefault(row.lead_id, []).append(row)
            continue
        row.cause_at, row.cause_severity, new_leads[row.id] = newcomer.at, row.severity, row
        if newcomer.minutes:
            causes.add(_cause_of(row, newcomer))
    for lead, members in joined.items():
        last = max(row.accepted_at or now for row in members)
        if lead in new_leads:
            new_leads[lead].member_count, new_leads[lead].cause_at = len(members), last
    alerts.join({lead: (len(rows), max(row.accepted_at or now for row in rows)) for lead, rows in joined.items() if lead not in new_leads})


def _newcomer(row: Row, facts: queries.GroupingFacts, procedure: Procedure) -> Newcomer:
    minutes, policy = facts.of_service.get(row.service_id or 0, (None, None))
    if row.group_minutes is not None:
        minutes = row.group_minutes
    return Newcomer(
        row.service_id, row.integration_id, procedure.severity(row.severity).rank, row.accepted_at or row.state.first_seen,
        facts.minutes if minutes is None else minutes, row.group_key, row.policy_id, row.policy_id or policy,
    )  # fmt: skip


def _cause_of(row: Row, new: Newcomer) -> Cause:
    return Cause(row.id, new.service_id, new.integration_id, new.key, new.rank, new.at, new.at, new.rule_policy, new.policy)


def open_causes(
    services: Collection[int], integration_id: int, facts: queries.GroupingFacts, procedure: Procedure, now: datetime
) -> Causes:
    """The causes that alerts of these services (or of the integration, where no service is known) could join; nobody else decides about
    them until the transaction ends."""
    lock = queries.hold_grouping({facts.topology.region(one) for one in services})
    near = list(facts.topology.near(services))
    _, found = together.several(lock, (OPEN, (now - LONGEST_WINDOW, near, integration_id, MOST_CAUSES)))
    causes = []
    levels = {level.id: level for level in procedure.severities}
    for id, service, integration, key, severity, began, joined, policy, fires, answered, incident in found:
        if (level := levels.get(severity)) is None:  # of an earlier procedure
            continue
        if incident is not None or (fires and (answered or not level.escalation.page)):
            paged = policy or facts.of_service.get(service or 0, (None, None))[1]
            causes.append(Cause(id, service, integration, key, level.rank, began, joined, policy, paged, incident))
    return Causes(causes)


def still_firing(leads: Iterable[int]) -> set[int]:
    """The causes, by the alert that leads them, of which an alert still fires."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.id FROM unnest(%s::bigint[]) AS l(id) WHERE EXISTS (SELECT 1 FROM alerts_alert a WHERE a.id = l.id AND a.status = 'firing')"
            " OR EXISTS (SELECT 1 FROM alerts_alert m WHERE m.lead_id = l.id AND m.status = 'firing')",
            [list(leads)],
        )
        return {row[0] for row in cursor.fetchall()}


def asked_for(leads: Iterable[int]) -> set[int]:
    """The causes, by the alert that leads them, that somebody is being asked for or has, by its pages or an open incident. Whom somebody asked
    for by hand comes besides."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.id FROM unnest(%s::bigint[]) AS l(id) WHERE"  # noqa: S608
            f" {ASKED.format(lead='l.id', runs='NOT starts_with(n.track, %s)')}"
            " OR EXISTS (SELECT 1 FROM incidents_incidentalert i JOIN incidents_incident n ON n.id = i.incident_id"
            " WHERE i.alert_id = l.id AND n.status NOT IN ('resolved', 'closed'))",
            [list(leads), paging.BY_HAND],
        )
        return {row[0] for row in cursor.fetchall()}


def settle_stored(stored: Sequence[Alert], procedure: Procedure, now: datetime) -> None:
    """Decide the same for alerts that are stored already and that nothing holds back any more."""
    for integration in {alert.integration_id: alert.integration for alert in stored}.values():
        pairs = [(alert, _as_row(alert, now)) for alert in stored if alert.integration_id == integration.pk]
        place([row for _, row in pairs], integration, procedure, queries.facts(now).grouping, now)
        for alert, row in pairs:
            alerts.settle_in(alert, row)


def settle_released(released: Sequence[Alert], procedure: Procedure, now: datetime) -> set[int]:
    """Decide about the causes of stored alerts that nothing holds back any more; those that are to be paged for. Whoever has a cause keeps it,
    one that is asked for or in the hands of an incident goes on, and another one is paged for once."""
    of = {alert.lead_id or alert.pk for alert in released}
    paging.locked_of(of)
    asked = asked_for(of)
    leads = {alert.pk for alert in released if alert.lead_id is None and (alert.cause_at or alert.pk in asked)}
    own: dict[int, list[str]] = {}
    for alert in released:
        own.setdefault(alert.lead_id or alert.pk, []).append(alert.severity)
    taken_as = paging.severities_of({alert.pk for alert in released if alert.pk in asked and not alert.cause_at})
    for alert in released:
        if alert.pk in leads and (alert.pk not in asked or not alert.cause_at):
            known = taken_as.get(alert.pk) or worse_of(procedure, *own[alert.pk])
            alerts.begin_cause(alert, severity=known, at=now)
    known_leads = asked | leads
    alone = [alert for alert in released if alert.pk not in leads and (alert.lead_id is None or alert.lead_id not in known_leads)]
    for alert in alone:  # the one that led it has ended, or something else holds it back
        alert.lead = None
    settle_stored(alone, procedure, now)
    return (leads - asked) | {alert.pk for alert in alone}


def all_held(leads: Collection[int]) -> dict[int, str]:
    """The causes, by the alert that leads them, of which all that fires is held back, and by what."""
    if not leads:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(ALL_HELD, [list(leads)])
        return {id: held for id, held in cursor.fetchall() if held}


def _as_row(alert: Alert, now: datetime) -> Row:
    state = AlertState(
        alert.dedup_key, "firing", alert.title, alert.source_severity, alert.link, alert.runbook, alert.labels, {}, alert.started_at,  # type: ignore[arg-type]
        alert.first_seen, alert.last_seen, alert.last_event_at,
    )  # fmt: skip
    return Row(
        state, alert.integration_id, None, None, id=alert.pk, service_id=alert.service_id, severity=alert.severity, policy_id=alert.policy_id,
        group_key=alert.group_key, group_minutes=alert.group_minutes, accepted_at=now,
    )  # fmt: skip


def lead_of(alert: Alert) -> Alert:
    """The alert that is paged for this one: the one that leads its cause, else itself."""
    return alert.lead or alert
