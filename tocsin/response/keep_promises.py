"""Which promises are about to break, and who must know? A warning is told to the owner, a breach is paged, then the next level is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from tocsin import clock
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import Organisation, User
from tocsin.alerts.models import Alert
from tocsin.domain import obligations as rules
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import ActionItem, Incident
from tocsin.lib.due import Loop
from tocsin.obligations import operations as obligations
from tocsin.obligations import queries
from tocsin.obligations.models import Obligation
from tocsin.paging import operations as paging
from tocsin.paging.models import Escalation, EscalationPolicy
from tocsin.procedures import operations as procedures
from tocsin.response import administrators, catch_up, frame
from tocsin.response.verify_resolution import watch_ended
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import record

log = logging.getLogger(__name__)
BATCH = 50
AFTER_FAILURE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a promise is about, and who answers for it."""

    incident: Incident | None
    alert: Alert | None
    owner: User | None

    @property
    def title(self) -> str:
        if self.incident:
            return f"{self.incident.ref} {self.incident.title}"
        return self.alert.title if self.alert else "A promise"


def take(now: datetime | None = None) -> int:
    """Carry out what is due, each promise in a transaction of its own, so that none holds up the others; how many were looked at."""
    if catch_up.PROMISES.closed():
        return 0
    now = now or clock.now()
    done = 0
    for row in obligations.due(now, limit=BATCH):
        try:
            with transaction.atomic():
                done += _take_one(row, now)
        except Exception as error:
            log.exception("promise %s could not be looked at; it is tried again in a minute", row.pk)
            obligations.postpone(row, until=now + AFTER_FAILURE)
            administrators.tell_of_failure("promise", row.pk, error, "Who must know of it is not told.", now)
    return done


def _take_one(row: Obligation, now: datetime) -> bool:
    """Locks go as in every verb: the incident or alert first, then what hangs on it."""
    if row.incident_id:
        Incident.objects.select_for_update(of=("self",)).filter(pk=row.incident_id).first()
    elif row.alert_id:
        Alert.objects.select_for_update(of=("self",)).filter(pk=row.alert_id).first()
    locked = obligations.take_due(row.pk, now)
    if locked is None:
        return False
    _look(locked, now)
    return True


LOOP = Loop(obligations.LOOP_NAME, take, catch_up.PROMISES.next_due(queries.next_due))


def _look(row: Obligation, now: datetime) -> None:
    subject = _subject(row)
    if row.kind == "watch":
        _end_watch(row, subject, now)
    elif row.due_at is None or (row.warned_at is None and row.breached_at is None and now < row.due_at):
        _warn(row, subject, now)
    elif row.breached_at is None:
        _breach(row, subject, now)
    else:
        _next_level(row, subject, now)


def _end_watch(row: Obligation, subject: Subject, now: datetime) -> None:
    if subject.incident is None:
        obligations.not_applicable("watch", incident_id=row.incident_id, reason="The incident is gone", at=now)
        return
    text = "The watch for recurrence has ended: nothing came back"
    entry = frame.tell("watch", text, subject.incident, by=SYSTEM, now=now, key=True)
    watch_ended(subject.incident, frame.evidence(entry), by=SYSTEM, now=now)
    if commander := incidents.holder(subject.incident, rules.COMMANDER):
        _notice(commander, row, subject, "can be closed", text, now)


def _warn(row: Obligation, subject: Subject, now: datetime) -> None:
    obligations.mark_warned(row, now)
    left = _span(row.due_at - now) if row.due_at else ""
    text = f"Due in {left}: {row.text}"
    _record("obligation_warning", text, row, now)
    if subject.owner:
        _notice(subject.owner, row, subject, f"due in {left}", text, now)


def _breach(row: Obligation, subject: Subject, now: datetime) -> None:
    """The owner is paged at once; where nobody owns it, the next level is."""
    obligations.mark_breached(row, now)
    entry = _record("obligation_breach", f"Overdue: {row.text} ({row.clause})", row, now)
    if subject.owner is None:
        _next_level(row, subject, now)
        return
    paging.page_person(
        subject.owner, subject=_words(row, subject), reason=f"Overdue: {row.text}", identity=f"breach:{row.pk}:{entry.pk}",
        alert_id=row.alert_id, incident_id=row.incident_id, by=SYSTEM, now=now,
    )  # fmt: skip


def _next_level(row: Obligation, subject: Subject, now: datetime) -> None:
    obligations.mark_next_level(row, now)
    if row.kind == "acknowledge" and _is_escalating(row):
        _record("obligation_breach", f"Still nobody has acknowledged; the escalation goes on: {row.text}", row, now)
        return
    _record("obligation_breach", f"Still overdue, the next level is paged: {row.text}", row, now)
    paging.start(
        policy=_policy(row, subject), track="obligation", subject=_words(row, subject), alert=None if subject.incident else subject.alert,
        incident_id=row.incident_id, reason=f"Overdue: {row.text}", by=SYSTEM, now=now,
    )  # fmt: skip


def _is_escalating(row: Obligation) -> bool:
    """Is an escalation for the same subject under way? Then its own steps reach the next level, sooner than a second one could."""
    about = {"alert_id": row.alert_id} if row.alert_id else {"incident_id": row.incident_id}
    return Escalation.objects.filter(status=Escalation.Status.RUNNING, **about).exists()


def _policy(row: Obligation, subject: Subject) -> EscalationPolicy | None:
    """The next level: leadership where the severity pages it, else who is on call for the service; None leads to the fallback contact."""
    incident, alert = subject.incident, subject.alert
    service = incident.service if incident else alert.service if alert else None
    document = procedures.document(incident.procedure_version if incident else procedures.current())
    severity = incident.severity if incident else row.severity
    pages = next((s.escalation.page for s in document.severities if s.id == severity), ())
    if "leadership" in pages:
        leadership = (service.leadership_policy if service else None) or Organisation.objects.get(pk=1).leadership_policy
        if leadership:
            return leadership
    return service.escalation_policy if service else None


def _subject(row: Obligation) -> Subject:
    """The incident or alert, and the owner: named on the row, else who holds the role, else the commander, else who declared it."""
    incident = Incident.objects.select_related("service", "declared_by", "procedure_version").filter(pk=row.incident_id or 0).first()
    alert = Alert.objects.select_related("service").filter(pk=row.alert_id).first() if row.alert_id else None
    owner = row.owner
    if owner is None and row.kind == "action_item":
        item = ActionItem.objects.select_related("owner").filter(pk=row.subject_id or 0).first()
        owner = item.owner if item else None
    if owner is None and incident:
        role = incidents.holder(incident, row.owner_role) if row.owner_role else None
        owner = role or incidents.holder(incident, rules.COMMANDER) or incident.declared_by
    if owner is not None and not owner.is_active:
        owner = None
    return Subject(incident, alert, owner)


def _record(kind: str, text: str, row: Obligation, now: datetime) -> Entry:
    return record(
        kind, text[:1000], by=SYSTEM, now=now, incident_id=row.incident_id, alert_id=row.alert_id,
        data={"obligation": row.pk, "clause": row.clause, "kind": row.kind}, key=kind == "obligation_breach",
    )  # fmt: skip


def _notice(user: User, row: Obligation, subject: Subject, title: str, text: str, now: datetime) -> None:
    paging.notice(
        user, title=f"{subject.title}: {title}"[:300], text=text, identity=f"notice:{row.pk}:{int(now.timestamp())}", now=now,
        incident_id=row.incident_id, alert_id=row.alert_id,
    )  # fmt: skip


def _words(row: Obligation, subject: Subject) -> dict[str, object]:
    if subject.incident:
        return {**frame.subject(subject.incident), "title": f"Overdue: {row.text} · {subject.incident.title}"[:300]}
    service = subject.alert.service if subject.alert else None
    return {
        "title": f"Overdue: {row.text} · {subject.title}"[:300], "severity": row.severity, "service": service.name if service else "",
        "team_id": service.team_id if service else None, "link": "", "incident_ref": "",
    }  # fmt: skip


def _span(span: timedelta) -> str:
    minutes = max(round(span.total_seconds() / 60), 1)
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{round(minutes / 60)} hours" if minutes < 48 * 60 else f"{round(minutes / 1440)} days"
