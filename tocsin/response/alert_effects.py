"""Who must hear of what a batch of events did? Pages, messages, tickets and promises that severities demand, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Case, F, When

from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import Team
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert, Integration, Service
from tocsin.alerts.operations import Folded, Row
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.severity import worse_of
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries as incident_queries
from tocsin.lib.statements import Read
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.paging.models import EscalationPolicy
from tocsin.response import alert_reach, causes, reopen
from tocsin.response.acknowledge import acknowledge_alert
from tocsin.timeline.operations import Line, announce, gathered, record, record_of_alerts

WITH_SERVICES = Read(
    "SELECT {a}, {s}, {t}, {p}, {l}, {o} FROM alerts_alert a LEFT JOIN alerts_service s ON s.id = a.service_id"
    " LEFT JOIN accounts_team t ON t.id = s.team_id LEFT JOIN paging_escalationpolicy p ON p.id = s.escalation_policy_id"
    " LEFT JOIN paging_escalationpolicy l ON l.id = s.leadership_policy_id LEFT JOIN paging_escalationpolicy o ON o.id = a.policy_id"
    " WHERE a.id = ANY(%s)",
    a=Alert, s=Service, t=Team, p=EscalationPolicy, l=EscalationPolicy, o=EscalationPolicy,
)  # fmt: skip


def folded(done: Folded, integration: Integration, procedure: Procedure, *, now: datetime, watched: bool = True) -> None:
    """Put on the record what a batch did, and reach whom that demands: once for a cause, however many alerts are of it. `watched`: whether
    there is an incident that an alert could open again."""
    with gathered(now):
        record_of_alerts([line for row in done.rows for line in _lines(row)], now=now)
        leads = [row for row in done.rows if row.new and row.firing and not row.suppressed_by and row.lead_id is None]
        known = _with_services(row.id for row in leads) if leads else {}
        for row in leads:
            alert_reach.first(known[row.id], procedure, accepted_at=row.accepted_at or now, now=now, watched=watched)
    joined = [row for row in done.rows if row.new and row.lead_id is not None]
    _joined(joined, now)
    if watched:
        _come_back([row.id for row in joined if row.firing], now)
    for row in done.acknowledged:
        _acknowledged(row, integration, now)
    if free := [row.id for row in done.rows if row.released]:
        stored = Alert.objects.filter(pk__in=free).select_related("service", "integration", "lead").order_by("id")
        all_released(list(stored), procedure, now=now)
    rows = [row for row in done.rows if row.firing and not row.released]
    _worsened([row for row in rows if row.worsened], procedure, now)
    _reopened([row for row in rows if not row.new and row.was and row.was.status == "resolved"], procedure, now)
    over = [row for row in done.rows if not row.new and not row.firing and row.was and row.was.status == "firing" and not row.state.calm_at]
    _causes_over({row.leader for row in over}, {row.id for row in over}, "resolved by its source", now)
    announce(*{f"alert:{row.id}:0" for row in done.rows if not row.new})


def _acknowledged(row: Row, integration: Integration, now: datetime) -> None:
    by = Actor(None, integration.name, "source")
    if row.lead_id is None:
        acknowledge_alert(alert=Alert(pk=row.id), by=by, now=now, via="source")
        return
    text = "Acknowledged at its source. The alert that leads its cause is not: its pages go on."
    record("acknowledged_at_source", text, by=by, now=now, alert_id=row.id)


def _lines(row: Row) -> Iterable[Line]:
    state, was = row.state, row.was
    if row.new:
        joined = f". {row.group_reason}" if row.lead_id else ""
        text = f"{state.title}: proposed {row.severity}, {row.severity_reason}{joined}"
        yield Line("alert_opened", text, row.id, {"severity": row.severity, "lead": row.lead_id}, key=True)
        if row.suppressed_by and row.firing:
            yield Line("suppressed", f"Nobody is paged: {row.suppressed_by}", row.id)
    elif row.worsened and row.firing:
        text = f"Its source calls it {state.source_severity} now: proposed {row.severity}"
        yield Line("alert_worsened", text, row.id, key=True)
        if row.suppressed_by:
            yield Line("suppressed", f"Nobody more is paged: {row.suppressed_by}", row.id)
    if state.calm_at and not (was and was.calm_at):
        yield Line(
            "flapping",
            f"It flaps: it opened {len(state.openings)} times within 10 minutes. Nobody is paged for each time.",
            row.id,
            key=True,
        )
    elif not row.firing and not state.calm_at and (row.new or (was and was.status == "firing")):
        yield Line("alert_resolved", f"{state.title}: resolved by its source", row.id, key=True)


def _with_services(ids: Iterable[int]) -> Mapping[int, Alert]:
    """The alerts with service, team and policies at once: each question to the database is time before the first page."""
    known = {}
    for alert, service, team, policy, leadership, own in WITH_SERVICES.all(list(ids)):
        alert.service, alert.policy = service, own
        if service:
            service.team, service.escalation_policy, service.leadership_policy = team, policy, leadership
        known[alert.pk] = alert
    return known


# -- more alerts of a cause ---------------------------------------------------------------------------------------------


def _joined(rows: Sequence[Row], now: datetime) -> None:
    if not rows:
        return
    per_lead: dict[int, int] = {}
    for row in rows:
        per_lead[row.leader] = per_lead.get(row.leader, 0) + 1
    incident_of = incidents.link_members([row.id for row in rows], now=now)
    for id, count in Alert.objects.filter(pk__in=per_lead).values_list("id", "member_count"):
        if len(str(count)) != len(str(count - per_lead[id])) or count == per_lead[id]:  # at 1, 10, 100 …: the record is no second storm
            text = f"{count:,} more alert{'s' if count > 1 else ''} of the same cause so far"
            record("cause_grew", text, by=SYSTEM, now=now, alert_id=id, incident_id=incident_of.get(id), data={"count": count})
    announce(*{f"alert:{id}:0" for id in per_lead})


def _come_back(ids: Sequence[int], now: datetime) -> None:
    """More of a cause that is asked for already may still be what an incident in its watch was about: that opens again. Nobody else is
    paged for it but its commander."""
    for id in incident_queries.like_watched(ids, now) if ids else ():
        reopen.recurrence(Alert.objects.get(pk=id), now)


def _worsened(rows: Sequence[Row], procedure: Procedure, now: datetime) -> None:
    """Alerts that got worse, and new ones that are worse than everything in their cause: the cause is paged for the worst of them."""
    _worse([(row.leader, row.id, row.severity, row.state.title) for row in rows if not row.suppressed_by], procedure, now)


def _worse(alerts_of: Sequence[tuple[int, int, str, str]], procedure: Procedure, now: datetime) -> None:
    """The same for alerts by the lead of their cause, id, severity and title."""
    worst: dict[int, tuple[int, int, str, str]] = {}
    for one in alerts_of:
        if (before := worst.setdefault(one[0], one)) is not one:
            worst[one[0]] = one if worse_of(procedure, one[2], before[2]) != before[2] else before
    if not worst:
        return
    known, levels = _with_services(worst), {level.id for level in procedure.severities}
    for lead, id, severity, title in worst.values():
        alert = known[lead]
        known_as = alert.cause_severity if alert.cause_severity in levels else ""  # else it is of an earlier procedure
        alert.cause_severity = worse_of(procedure, severity, *([known_as] if known_as else []))
        if alert.cause_severity == known_as:
            continue
        alerts.begin_cause(alert, severity=alert.cause_severity, at=alert.cause_at or now)
        if id != lead:
            text = f"An alert of the same cause is {severity}: {title}"
            record("alert_worsened", text, by=SYSTEM, now=now, alert_id=lead, data={"alert": id}, key=True)
        alert_reach.worse(alert, procedure, before=known_as or alert.severity, now=now)


def all_released(released_now: Sequence[Alert], procedure: Procedure, *, now: datetime) -> None:
    """Nothing holds these back any more and they fire: causes that nobody has or is asked for are paged, and such as got worse meanwhile."""
    paged = causes.settle_released(released_now, procedure, now)
    for alert in released_now:
        released(alert, procedure, now=now, paged=alert.pk in paged)
    had = [alert for alert in released_now if alert.lead_id or alert.pk not in paged]
    _worse([(alert.lead_id or alert.pk, alert.pk, alert.severity, alert.title) for alert in had], procedure, now)


def released(alert: Alert, procedure: Procedure, *, now: datetime, paged: bool = True) -> None:
    """Nothing holds it back any more and it fires: paged as if it were new, unless it is one more sign of a cause, or somebody has its cause
    or is asked for it already (not `paged`)."""
    record("silence_ended", "Nothing holds it back any more, and it fires", by=SYSTEM, now=now, alert_id=alert.pk)
    if paged and alert.lead_id is None:
        alert_reach.first(_with_services([alert.pk])[alert.pk], procedure, accepted_at=now, now=now, restarted=True)


# -- ends and flaps -----------------------------------------------------------------------------------------------------


def resolved(alert: Alert, why: str, *, now: datetime, by: Actor = SYSTEM) -> None:
    """It is over: on the record; and where nothing of its cause fires any more, pages stop and no acknowledgement is owed."""
    record("alert_resolved", f"{alert.title}: {why}", by=by, now=now, alert_id=alert.pk, key=True)
    _causes_over({alert.lead_id or alert.pk}, {alert.pk}, why, now, by)
    announce("board")


def expired(rows: Sequence[Row], why: str, *, now: datetime) -> None:
    """The same for many at once, that nobody renewed."""
    record_of_alerts([Line("alert_resolved", f"{row.state.title}: {why}", row.id, key=True) for row in rows], now=now)
    _causes_over({row.leader for row in rows if not row.state.calm_at}, {row.id for row in rows}, why, now)
    announce("alerts", "board", *(f"alert:{row.id}:0" for row in rows))


def _causes_over(leads: Collection[int], ended: Collection[int], why: str, now: datetime, by: Actor = SYSTEM) -> None:
    if not leads:
        return
    going_on = causes.still_firing(leads)
    over = set(leads) - going_on
    for id in paging.with_pages(over):
        paging.stop(alert_id=id, reason=why, by=by, now=now)
    obligations.not_applicable_of_alerts("acknowledge", over, reason=f"Alert {why}", at=now)
    for id, held in causes.all_held(paging.with_calls(going_on)).items():  # what still fires of it is silenced
        if paging.hold_back(alert_id=id, reason=f"what else fires of its cause is held back by {held}", by=by, now=now):
            obligations.not_applicable_of_alerts("acknowledge", [id], reason=f"Held back by {held}", at=now)
    for id in sorted(going_on & set(ended)):  # the one that leads it ended, others of the cause still fire
        worst_first = Case(When(severity=F("lead__cause_severity"), then=0), default=1)
        following = Alert.objects.filter(lead=id, status=Alert.Status.FIRING).order_by(worst_first, "id").first()
        if following:
            text = f"It ended, but the cause goes on: “{following.title}” still fires. Its pages go on, whoever has it keeps it."
            record("cause_goes_on", text, by=SYSTEM, now=now, alert_id=id, data={"alert": following.pk})
            paging.retitle(alert_id=id, subject={"title": following.title}, now=now)


def _reopened(rows: Sequence[Row], procedure: Procedure, now: datetime) -> None:
    """The same alert once more. Somebody who has it keeps it; where nobody is asked for any more, paging starts once, not for each flap."""
    rows = [row for row in rows if not row.suppressed_by]
    if not rows:
        return
    answered = causes.asked_for({row.leader for row in rows})
    known = _with_services(row.id for row in rows if row.leader not in answered)
    for row in rows:
        told = row.was is not None and row.was.calm_at is not None and not procedure.severity(row.severity).escalation.page
        if row.leader in answered or told:
            continue
        alert = known[row.id]
        if alert.lead_id:  # its cause is over: it leads one of its own
            alert.lead = None
        alerts.begin_cause(alert, severity=alert.severity, at=now)
        alert_reach.again(alert, procedure, now=now)


def calm(alert: Alert, *, now: datetime) -> None:
    """It no longer flaps: on the record, and where it has ended meanwhile its pages stop."""
    times = f"It opened again {alert.reopened} time{'s' if alert.reopened > 1 else ''} in all."
    record("calm", f"It is calm again: 10 minutes without a change. {times}", by=SYSTEM, now=now, alert_id=alert.pk, key=True)
    if alert.status == Alert.Status.RESOLVED:
        resolved(alert, "resolved by its source, and calm since", now=now)
