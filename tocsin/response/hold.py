"""Whoever has an incident or alert does something with it: hands it over, gives it back, or sets it aside until a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.alerts.models import Alert
from tocsin.domain import asks as rules
from tocsin.domain.asks import Answer, Kind
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.oncall import queries as oncall
from tocsin.oncall.models import Schedule
from tocsin.paging import operations as paging
from tocsin.paging import operations_asks as asks
from tocsin.paging.models import Ask, Escalation
from tocsin.paging.people import usable_methods
from tocsin.response import causes, frame
from tocsin.response.acknowledge import acknowledge_alert, acknowledge_incident
from tocsin.response.bulk_alerts import LONGEST_SNOOZE, SHORTEST_SNOOZE
from tocsin.response.page_someone import about_of, check_minutes
from tocsin.timeline.operations import announce, record


def hand_over(
    *,
    user: User | None = None,
    schedule: Schedule | None = None,
    reason: str = "",
    minutes: int = rules.ANSWER_MINUTES,
    incident: Incident | None = None,
    alert: Alert | None = None,
    by: Actor,
    now: datetime,
) -> Ask:
    """Ask a person, or whoever is on call in a schedule, to take it over. Until they say yes it stays with who has it; without a yes in time
    paging starts again. Refused where nobody has it, or where they could not be paged."""
    with transaction.atomic():
        frame.require_responder(by)
        reason = frame.limit("reason", reason, 500)
        check_minutes(minutes)
        alert = causes.lead_of(alert) if alert and not incident else alert
        subject, about = about_of(incident, alert, by)
        runs = _held(about, "hand it over")
        receiver, via = _receiver(user, schedule, now)
        if any(run.acknowledged_by_id == receiver.pk for run in runs):
            raise invalid(user=f"{receiver.name} has it already.")
        if not usable_methods(receiver):
            raise invalid(user=f"{receiver.name} cannot be paged: there is no verified contact method.")
        for before in asks.of_subject(**about).filter(kind=Kind.TAKE, answer=Answer.WAITING).exclude(user=receiver):
            asks.settle(before, Answer.WITHDRAWN, note=f"{by.label} asks {receiver.name} instead", by=by, now=now)
        return asks.create(Kind.TAKE, receiver, via=via, reason=reason, minutes=minutes, subject=subject, by=by, now=now, **about)


def _receiver(user: User | None, schedule: Schedule | None, now: datetime) -> tuple[User, str]:
    if user is not None:
        if not user.is_active or user.removed_at:
            raise invalid(user="This person is no longer active.")
        return user, asks.BY_NAME
    if schedule is None:
        raise invalid(user="Choose a person or a schedule.")
    holder = oncall.who(schedule, now)
    found = User.objects.filter(pk=holder.user, is_active=True, removed_at=None).first() if holder else None
    if found is None:
        raise invalid(schedule=f"Nobody is on call in {schedule.name} now.")
    return found, f"schedule {schedule.name}"


def give_back(*, incident: Incident | None = None, alert: Alert | None = None, by: Actor, now: datetime) -> int:
    """The acknowledgement is taken back: nobody has it any more, and paging starts again at once. How many tracks page again."""
    with transaction.atomic():
        frame.require_responder(by)
        alert = causes.lead_of(alert) if alert and not incident else alert
        _, about = about_of(incident, alert, by)
        _refuse_over(about)
        runs = _held(about, "give it back")
        for ask in asks.of_subject(**about).filter(kind=Kind.TAKE, answer=Answer.WAITING):
            asks.settle(ask, Answer.WITHDRAWN, note="it was given back", by=by, now=now)
        again = paging.give_back([run.pk for run in runs], by=by, now=now)
        said = "paging starts again" if again else "somebody must take it"
        record("unacknowledged", f"{by.label} took the acknowledgement back: {said}", by=by, now=now, key=True, **about)
        announce("board", "alerts")
        return again


def snooze(*, minutes: int, incident: Incident | None = None, alert: Alert | None = None, by: Actor, now: datetime) -> datetime:
    """Have it until then: acknowledged now where nobody had it, and paged again when the time is over unless it has ended. When that is.

    Refused for what nobody was paged for: there would be nothing to begin again.
    """
    if not SHORTEST_SNOOZE <= minutes <= LONGEST_SNOOZE:
        raise invalid(minutes=f"For how many minutes: {SHORTEST_SNOOZE} to {LONGEST_SNOOZE:,}.")
    until = now + timedelta(minutes=minutes)
    with transaction.atomic():
        frame.require_responder(by)
        alert = causes.lead_of(alert) if alert and not incident else alert
        _, about = about_of(incident, alert, by)
        _refuse_over(about)
        if not asks.held(**about):
            if incident is not None:
                acknowledge_incident(incident=incident, by=by, now=now)
            elif alert is not None:
                acknowledge_alert(alert=alert, by=by, now=now)
        runs = asks.held(**about)
        if not runs or not paging.expire_at([run.pk for run in runs], until, by=by, now=now):
            raise Refused("Nobody was paged for it, so there is nothing to snooze.", status=409, code="never_paged")
    return until


def _held(about: dict[str, int], what: str) -> list[Escalation]:
    runs = asks.held(**about)
    if not runs:
        raise Refused(f"Nobody has it, so nobody can {what}. Acknowledge it first.", status=409, code="not_acknowledged")
    return runs


def is_over(about: dict[str, int]) -> bool:
    """Whether an incident ({"incident_id"}) is resolved, or no alert of a cause ({"alert_id"}) fires any more."""
    if id := about.get("incident_id"):
        return Incident.objects.filter(pk=id, resolved_at__isnull=False).exists()
    return not causes.still_firing([about["alert_id"]])


def _refuse_over(about: dict[str, int]) -> None:
    if is_over(about):
        raise Refused("It is over; nobody is paged for it any more.", status=409, code="over")
