"""How does a responder page one more person by hand, with a reason?"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.paging import operations as paging
from tocsin.paging.models import Notification
from tocsin.response import frame


def page_someone(
    *, user: User, reason: str, incident: Incident | None = None, alert: Alert | None = None, by: Actor, now: datetime
) -> list[Notification]:
    """Page a person about an incident or an alert; the rows that carry it. Somebody without a usable method is replaced by the fallback."""
    with transaction.atomic():
        frame.require_responder(by)
        reason = frame.limit("reason", reason, 500, needed="Say why this person is needed; they read it first.")
        if not user.is_active or user.removed_at:
            raise invalid(user="This person is no longer active.")
        if incident is not None:
            incident, _ = frame.begin(incident, by)
            subject = frame.subject(incident)
        elif alert is not None:
            subject = {"title": alert.title, "severity": alert.severity, "service": alert.service.name if alert.service else "",
                       "link": f"/alerts/{alert.pk}/", "team_id": alert.service.team_id if alert.service else None}  # fmt: skip
        else:
            raise Refused("Name the incident or the alert that it is about.")
        minute = int(now.timestamp() // 60)  # pressed twice in a minute, it pages once
        about = f"i{incident.pk}" if incident else f"a{alert.pk}" if alert else ""
        return paging.page_person(
            user, subject=subject, reason=f"{by.label}: {reason}", identity=f"hand:{about}:{minute}", by=by, now=now,
            incident_id=incident.pk if incident else None, alert_id=alert.pk if alert and not incident else None,
        )  # fmt: skip
