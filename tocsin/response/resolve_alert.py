"""How does a person end an alert that its source does not end?"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.alerts import operations as alerts
from tocsin.alerts.models import Alert
from tocsin.lib.refusal import Refused
from tocsin.response import alert_effects, frame


def resolve_alert(*, alert: Alert, by: Actor, now: datetime) -> Alert:
    """End it by hand: paging stops. If its source reports it again, that is a new alert."""
    with transaction.atomic():
        frame.require_responder(by)
        alert = Alert.objects.select_for_update(of=("self",)).select_related("service").get(pk=alert.pk)
        if not alerts.resolve(alert, now=now):
            raise Refused("This alert is resolved already.", status=409, code="resolved")
        alert_effects.resolved(alert, f"resolved by {by.label}", by=by, now=now)
        return alert
