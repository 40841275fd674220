"""Who else must hear of it? The support group and the stakeholders who follow an incident by mail."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.incidents import operations_work as work
from tocsin.incidents import queries
from tocsin.incidents.models import Incident, Subscriber
from tocsin.lib.refusal import invalid, missing
from tocsin.response import frame

GROUPS = ("support", "stakeholder")
MOST = 500


def of(incident: Incident) -> list[Subscriber]:
    """Everybody who is told of this incident: those of every incident, and its own."""
    return list(queries.subscribers_of(incident).select_related("incident"))


def add(
    *, email: str, name: str = "", group: str = "stakeholder", incident: Incident | None = None, by: Actor, now: datetime
) -> Subscriber:
    """Add somebody, to this incident or (without one) to all; adding them again changes nothing."""
    with transaction.atomic():
        frame.require_responder(by)
        email = frame.limit("email", email, 254, needed="Give an e-mail address.")
        try:
            validate_email(email)
        except ValidationError as error:
            raise invalid(email="This is not an e-mail address.") from error
        if group not in GROUPS:
            raise invalid(group=f"It is one of {', '.join(GROUPS)}.")
        if incident:
            incident, _ = frame.begin(incident, by)
        if Subscriber.objects.filter(incident=incident, removed_at=None).count() >= MOST:
            raise invalid(email=f"There are {MOST} already; use a mailing list.")
        row = work.subscribe(email=email, name=frame.limit("name", name, 120), group=group, incident=incident, now=now)
        if incident:
            frame.tell("follower", f"{name or email} ({group}) is told by mail", incident, by=by, now=now, follower=row.pk)
        return row


def remove(*, follower_id: int, incident: Incident | None = None, by: Actor, now: datetime) -> None:
    """Stop telling somebody."""
    with transaction.atomic():
        frame.require_responder(by)
        row = Subscriber.objects.filter(pk=follower_id, incident=incident, removed_at=None).first()
        if row is None:
            raise missing("follower")
        work.unsubscribe(row, now=now)
        if incident:
            frame.tell("follower", f"{row.name or row.email} is no longer told by mail", incident, by=by, now=now, follower=row.pk)
