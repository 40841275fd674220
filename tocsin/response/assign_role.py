"""Who leads? Gives a role to a person: one holder at a time, a hand-over on the record."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident, RoleAssignment
from tocsin.lib.refusal import Refused, invalid
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.response import frame


def assign_role(*, incident: Incident, role: str, user: User | None, handover: str = "", by: Actor, now: datetime) -> RoleAssignment | None:
    """Give the role to that person (None: nobody holds it from now on). The same holder again changes nothing.

    Anybody who responds may take or give a free role; a held one is handed over by its holder, the commander or an administrator.
    """
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        handover = frame.limit("handover", handover, 2000)
        known = {r.id: r for r in procedure.roles}
        if role not in known:
            raise invalid(role=f"There is no role {role!r}; the procedure has {', '.join(known)}.")
        if user is not None and not (user.is_active and user.may_respond):
            raise invalid(user=f"{user} cannot take a role: only active responders and administrators can.")
        current = incidents.holder(incident, role)
        if user is not None and current == user:
            return frame.queries.holders(incident)[role]
        _may_take(incident, by, current, known[role].title)
        return give(incident, procedure, role=role, user=user, handover=handover, by=by, now=now)


def give(
    incident: Incident, procedure: Procedure, *, role: str, user: User | None, handover: str = "", by: Actor, now: datetime
) -> RoleAssignment | None:
    """Carry it out in the caller's transaction: assignment, record, the promise that the role is named, a word to its holder."""
    before, row = incidents.assign_role(incident, role=role, user=user, by=by.user, handover=handover, now=now)
    entry = frame.tell(
        "role", _sentence(procedure.role(role).title, before, user, handover), incident, by=by, now=now, key=role == procedure.roles[0].id,
        role=role, user=user.pk if user else None, before=before.pk if before else None,
    )  # fmt: skip
    obligations.hand_over(incident_id=incident.pk, role=role, owner=user)
    if user:
        obligations.meet("roles", incident_id=incident.pk, clause=f"role.{role}", at=now, evidence=frame.evidence(entry))
        if by.user != user:
            duties = "; ".join(procedure.role(role).duties)
            paging.notice(
                user, title=f"{incident.ref}: you are {procedure.role(role).title}", text=f"{incident.title}. Your duties: {duties}.",
                identity=f"role:{row.pk if row else 0}", now=now, incident_id=incident.pk,
            )  # fmt: skip
    return row


def _may_take(incident: Incident, by: Actor, current: User | None, title: str) -> None:
    if current is None or (by.user is not None and by.user == current):
        return
    if by.user is not None and not frame.queries.standing(incident, by).commander and not by.is_administrator:
        raise Refused(
            f"{current} is {title}; they, the incident commander or an administrator can hand it over.", status=403, code="role_is_held"
        )


def _sentence(title: str, before: User | None, after: User | None, handover: str) -> str:
    note = f": {handover}" if handover else ""
    if after is None:
        return f"{title}: {before} has left the role{note}" if before else f"{title}: nobody{note}"
    if before:
        return f"{title} handed over from {before} to {after}{note}"
    return f"{after} is {title}{note}"
