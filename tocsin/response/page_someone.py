"""How does a responder ask people to come, with a reason: a person, a team, whoever is on call, the holder of a role? They are paged and answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Team, User
from tocsin.alerts.models import Alert
from tocsin.domain import asks as rules
from tocsin.domain.asks import Kind
from tocsin.domain.escalation import Target
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid
from tocsin.oncall.models import Schedule
from tocsin.paging import operations_asks as asks
from tocsin.paging import people
from tocsin.paging.models import Ask
from tocsin.response import alert_reach, frame

MOST_ASKED = 50  # people at once


@dataclass(frozen=True)
class Wanted:
    """Whom somebody asks: people, every member of teams, whoever is on call in schedules, and holders of the incident's roles."""

    users: Sequence[User] = ()
    teams: Sequence[Team] = ()
    schedules: Sequence[Schedule] = ()
    roles: Sequence[str] = field(default_factory=tuple)


def page_people(
    wanted: Wanted,
    *,
    reason: str,
    minutes: int = rules.ANSWER_MINUTES,
    incident: Incident | None = None,
    alert: Alert | None = None,
    by: Actor,
    now: datetime,
) -> list[Ask]:
    """Ask people to come to an incident or an alert; each is paged, and their answer is expected within `minutes`.

    Somebody without a usable method is replaced by the fallback people. Refused field by field: nobody found, too many, no reason.
    """
    with transaction.atomic():
        frame.require_responder(by)
        reason = frame.limit("reason", reason, 500, needed="Say why they are needed; they read it first.")
        check_minutes(minutes)
        subject, about = about_of(incident, alert, by)
        found = _found(wanted, incident, now)
        if not found:
            raise invalid(user="Choose who is needed.")
        if len(found) > MOST_ASKED:
            raise invalid(user=f"These are {len(found)} people; at most {MOST_ASKED} are asked at once.")
        return [
            asks.create(Kind.COME, one.user, via=one.via, reason=reason, minutes=minutes, subject=subject, by=by, now=now, **about)
            for one in found
        ]


def page_someone(
    *, user: User, reason: str, incident: Incident | None = None, alert: Alert | None = None, by: Actor, now: datetime
) -> list[Ask]:
    """Ask one person to come."""
    return page_people(Wanted(users=[user]), reason=reason, incident=incident, alert=alert, by=by, now=now)


def check_minutes(minutes: int) -> None:
    """Refuse a time for the answer that is too short or too long."""
    if not rules.SHORTEST_ANSWER_MINUTES <= minutes <= rules.LONGEST_ANSWER_MINUTES:
        raise invalid(minutes=f"Give {rules.SHORTEST_ANSWER_MINUTES} to {rules.LONGEST_ANSWER_MINUTES} minutes for the answer.")


def about_of(incident: Incident | None, alert: Alert | None, by: Actor) -> tuple[dict[str, Any], dict[str, Any]]:
    """What pages about it say, and which rows they hang on; the incident or alert is locked."""
    if incident is not None:
        incident, _ = frame.begin(incident, by)
        return frame.subject(incident), {"incident_id": incident.pk}
    if alert is not None:
        alert = Alert.objects.select_for_update(of=("self",)).select_related("service").get(pk=alert.pk)
        return alert_reach.subject(alert), {"alert_id": alert.pk}
    raise Refused("Name the incident or the alert that it is about.")


def _found(wanted: Wanted, incident: Incident | None, now: datetime) -> list[people.Found]:
    """Everybody who is meant, each once."""
    found: dict[int, people.Found] = {}
    for user in wanted.users:
        if not user.is_active or user.removed_at:
            raise invalid(user="This person is no longer active.")
        found.setdefault(user.pk, people.Found(user, asks.BY_NAME))
    for role in wanted.roles:
        holder = incidents.holder(incident, role) if incident else None
        if holder is None:
            raise invalid(role=f"Nobody is {role.replace('_', ' ')} of this; name a person.")
        found.setdefault(holder.pk, people.Found(holder, role.replace("_", " ")))
    targets = [Target("team", team.pk) for team in wanted.teams] + [Target("schedule", one.pk) for one in wanted.schedules]
    for target in targets:
        reached, missing = people.find([target], {}, now)
        if not reached:
            raise invalid(**{target.kind: f"{missing[0].reason[:1].upper()}{missing[0].reason[1:]}."})
        for one in reached:
            found.setdefault(one.user.id, one)
    return list(found.values())
