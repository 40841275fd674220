"""Somebody leaves: what they were on call for, had acknowledged and were asked goes to others; the account ends in `accounts`."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from tocsin.accounts import operations as accounts
from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.domain.asks import Answer, Kind
from tocsin.incidents.models import Incident
from tocsin.lib import due
from tocsin.lib.conflicts import again_on_conflict
from tocsin.lib.refusal import Refused
from tocsin.oncall import operations_people
from tocsin.oncall.changed import changed_for
from tocsin.oncall.models import ShiftRequest
from tocsin.paging import operations as paging
from tocsin.paging import operations_asks as asks
from tocsin.paging import several
from tocsin.paging.models import Ask, Escalation
from tocsin.response import hold, named_in
from tocsin.response.acknowledge import acknowledge_alert, acknowledge_incident
from tocsin.timeline.operations import announce, record


@again_on_conflict
@transaction.atomic
def remove_person(user_id: int, *, by: Actor, now: datetime) -> tuple[User, list[str]]:
    """Take a person out, and say where they are still named ("schedule Payments primary"). Their turns go to the next in the order, what they
    had acknowledged is paged again, what was asked of them or by them ends, and the next step need not wait where nobody else was paged.
    Raises Refused as `accounts.remove_user` does."""
    user = accounts.remove_user(user_id, by=by, now=now)
    _end_requests(user, by, now)
    _give_back(user, by, now)
    _ask_no_more(user, now)
    _is_enough_now(user, now)
    paging.gone(user, f"{user.name} has left", now=now)
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
    """What they have and is not over is nobody's any more: paging starts again at once, and what they wanted to hand over is not."""
    for about in _subjects(Escalation.objects.filter(acknowledged_by=user, status=Escalation.Status.ACKNOWLEDGED)):
        runs = [run.pk for run in asks.held(**about) if run.acknowledged_by_id == user.pk]
        if hold.is_over(about) or not runs:
            continue
        for ask in asks.of_subject(**about).filter(kind=Kind.TAKE, answer=Answer.WAITING):
            asks.settle(ask, Answer.WITHDRAWN, note=f"{user.name} has left", by=by, now=now)
        again = paging.give_back(runs, by=by, now=now)
        said = "paging starts again" if again else "somebody must take it"
        record("unacknowledged", f"{user.name}, who had it, has left: {said}", by=by, now=now, key=True, **about)
    announce("board", "alerts")


def _ask_no_more(user: User, now: datetime) -> None:
    """Nobody waits for their answer: whoever asked hears of it at once."""
    if Ask.objects.filter(user=user, answer=Answer.WAITING).update(due_at=now):
        due.wake(asks.LOOP)


def _is_enough_now(user: User, now: datetime) -> None:
    """Where several must acknowledge and only this person was waited for, whoever acknowledged last has it."""
    runs = Escalation.objects.filter(status=Escalation.Status.RUNNING).exclude(answers=[])
    for run in runs.filter(notifications__user=user).distinct().order_by("id"):
        last = several.last_answer(run)
        if last is None or several.waits_for(run):
            continue
        text = f"{user.name}, who was to acknowledge as well, has left."
        record("acknowledged_partly", text, by=last, now=now, alert_id=run.alert_id, incident_id=run.incident_id)
        with suppress(Refused):
            if run.incident_id:
                acknowledge_incident(incident=Incident.objects.get(pk=run.incident_id), by=last, now=now, paged=True)
            elif run.alert:
                acknowledge_alert(alert=run.alert, by=last, now=now, paged=True)


def _subjects(runs: QuerySet[Escalation]) -> list[dict[str, Any]]:
    """What these are about, each once, oldest first."""
    rows = runs.order_by("id").values_list("incident_id", "alert_id")
    found = [("incident_id", incident) if incident else ("alert_id", alert or 0) for incident, alert in rows]
    return [{name: id} for name, id in dict.fromkeys(found)]
