"""Somebody leaves: what they were on call for, had acknowledged and were asked goes to others; the account ends in `accounts`."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from tocsin.accounts import operations as accounts
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.lib.conflicts import again_on_conflict
from tocsin.oncall import operations_people
from tocsin.oncall.changed import changed_for
from tocsin.oncall.models import ShiftRequest
from tocsin.paging import operations as paging
from tocsin.paging import operations_asks as asks
from tocsin.paging.models import Escalation
from tocsin.response import hold, named_in
from tocsin.timeline.operations import announce, record


@again_on_conflict
@transaction.atomic
def remove_person(user_id: int, *, by: Actor, now: datetime) -> tuple[User, list[str]]:
    """Take a person out, and say where they are still named ("schedule Payments primary"). Their turns go to the next in the order, what they
    had acknowledged is paged again, what was asked of them or by them ends. Raises Refused as `accounts.remove_user` does."""
    user = accounts.remove_user(user_id, by=by, now=now)
    _end_requests(user, by, now)
    _give_back(user, by, now)
    changed_for([user.pk], now)
    return user, named_in.of_person(user)


@transaction.atomic
def restore_person(user_id: int, *, by: Actor, now: datetime) -> User:
    """Take a removed person back in: the turns that still name them are theirs again."""
    user = accounts.restore_user(user_id, by=by, now=now)
    changed_for([user.pk], now)
    return user


def _end_requests(user: User, by: Actor, now: datetime) -> None:
    rows = ShiftRequest.objects.filter(Q(asked_by=user) | Q(asked_of=user), state=ShiftRequest.State.ASKED)
    for row in rows.select_related("schedule", "asked_by").order_by("id"):
        operations_people.end(row, f"{user.name} has left", now=now)
        if row.asked_by_id != user.pk:
            title = f"{user.name}, whom you asked to take a shift, has left"
            paging.notice(
                row.asked_by, title=title, text=f"{row.schedule.name}: ask somebody else.", identity=f"shift:{row.pk}:left", now=now
            )


def _give_back(user: User, by: Actor, now: datetime) -> None:
    """What they have and is not over is nobody's any more: paging starts again at once."""
    for run in Escalation.objects.filter(acknowledged_by=user, status=Escalation.Status.ACKNOWLEDGED).order_by("id"):
        about = {"incident_id": run.incident_id} if run.incident_id else {"alert_id": run.alert_id or 0}
        if hold.is_over(about) or run.pk not in {one.pk for one in asks.held(**about)}:
            continue
        again = paging.give_back([run.pk], by=by, now=now)
        said = "paging starts again" if again else "somebody must take it"
        text = f"{user.name}, who had it, has left: {said}"
        record("unacknowledged", text, by=by, now=now, key=True, alert_id=run.alert_id, incident_id=run.incident_id)
    announce("board", "alerts")
