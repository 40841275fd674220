"""What becomes of an alert that its source has not renewed for long? Somebody is asked; it is neither left for ever nor closed in silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from tocsin import clock
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.models import User
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert
from tocsin.alerts.operations_fold import STALE_HOURS, stale_at
from tocsin.lib.refusal import Refused
from tocsin.paging import operations as paging
from tocsin.response import alert_effects, frame
from tocsin.timeline.operations import announce, record

MOST_ASKED = 20  # people of a team who are told of one alert


def take() -> int:
    """Look at every alert that may be stale; how many were looked at."""
    with transaction.atomic():
        now = clock.now()
        found = alerts.stale_due(now)
        for alert in found:
            _look(alert, now)
        return len(found)


def _look(alert: Alert, now: datetime) -> None:
    integration = alert.integration
    ends = alert.last_seen + timedelta(hours=integration.auto_resolve_hours) if integration.auto_resolve_hours else None
    if ends is not None and ends <= now:
        alerts.resolve(alert, now=now)
        alert_effects.resolved(alert, f"not renewed for {integration.auto_resolve_hours} h, as its integration says", now=now)
        return
    due = stale_at(integration, alert.last_seen)
    if due is None or due > now:  # renewed meanwhile, or the integration says otherwise by now
        alerts.look_again(alert, at=due, asked_at=None)
        return
    if alert.asked_at is None:
        _ask(alert, now)
    alerts.look_again(alert, at=ends, asked_at=alert.asked_at or now)


def _ask(alert: Alert, now: datetime) -> None:
    hours = int((now - alert.last_seen).total_seconds() // 3600)
    question = f"Not renewed for {hours} h. Is it still real?"
    record("stale", question, by=SYSTEM, now=now, alert_id=alert.pk, key=True)
    text = f"{alert.title}\n{question} Say so, or resolve it: {settings.TOCSIN_URL}/alerts/{alert.pk}/"
    for person in _people(alert):
        identity = f"stale:{alert.pk}:{int(alert.last_seen.timestamp())}"
        paging.notice(person, title=f"Still real? {alert.title}", text=text, identity=identity, alert_id=alert.pk, now=now)
    announce(f"alert:{alert.pk}:0")


def _people(alert: Alert) -> list[User]:
    """Who has it; else the people of the team that owns it."""
    for escalation in paging.of_subject(alert_id=alert.lead_id or alert.pk):
        if escalation.status == "acknowledged" and escalation.acknowledged_by:
            return [escalation.acknowledged_by]
    team = alert.service.team if alert.service else None
    if team is None:
        return []
    return list(User.objects.filter(memberships__team=team, is_active=True, removed_at=None).order_by("id")[:MOST_ASKED])


def keep(*, alert: Alert, by: Actor, now: datetime) -> Alert:
    """ "Yes, it is still real": asked again after the same time."""
    with transaction.atomic():
        frame.require_responder(by)
        row = Alert.objects.select_for_update(of=("self",)).select_related("integration").get(pk=alert.pk)
        if row.status != Alert.Status.FIRING:
            raise Refused("This alert is resolved already.", status=409, code="resolved")
        if row.asked_at is None:
            raise Refused("Nobody asks about this alert.", status=409, code="not_asked")
        hours = row.integration.stale_hours or STALE_HOURS
        alerts.look_again(row, at=now + timedelta(hours=hours), asked_at=None)
        record("still_real", f"{by.label} says that it is still real; asked again in {hours} h", by=by, now=now, alert_id=row.pk, key=True)
        announce(f"alert:{row.pk}:0")
        return row
