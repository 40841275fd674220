"""How is an incident opened, moved, staffed and ticked off? With operations_work.py the only writer of the room's tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from tocsin.accounts.models import Team, User
from tocsin.alerts.models import Alert, Service
from tocsin.incidents.models import ChecklistTick, Incident, IncidentAlert, Responder, RoleAssignment, SeverityChange
from tocsin.lib import statements, together
from tocsin.procedures.models import ProcedureVersion

LOCKED = statements.Read(
    "SELECT {i}, {s}, {t}, {v}, {u} FROM incidents_incident i LEFT JOIN alerts_service s ON s.id = i.service_id"
    " LEFT JOIN accounts_team t ON t.id = i.team_id JOIN procedures_procedureversion v ON v.id = i.procedure_version_id"
    " LEFT JOIN accounts_user u ON u.id = i.declared_by_id WHERE i.id = %s FOR UPDATE OF i",
    without=frozenset({"document"}), i=Incident, s=Service, t=Team, v=ProcedureVersion, u=User,
)  # fmt: skip
NUMBERS = 7_468_102  # the advisory lock under which numbers and channel names are given out; held until the transaction ends


def next_number(table: str = Incident._meta.db_table) -> int:
    """The next free number of incidents (or tickets). Two declarations at once wait for each other, so they never clash."""
    lock, next_one = ("SELECT pg_advisory_xact_lock(%s)::text", (NUMBERS,)), f'SELECT coalesce(max(number), 0) + 1 FROM "{table}"'  # noqa: S608
    _, ((number,),) = together.several(lock, (next_one, ()))
    return number


def create(*, number: int, now: datetime, by: User | None, **fields: Any) -> Incident:
    """Open an incident with the number that `next_number` gave in this transaction; its first severity is put on the record."""
    incident = Incident(number=number, declared_at=now, declared_by=by, **fields)
    statements.insert([incident])
    statements.insert([SeverityChange(incident=incident, after=incident.severity, reason=incident.severity_reason, at=now, by=by)])
    return incident


def locked(incident: Incident) -> Incident:
    """The incident as it is now, locked until the transaction ends: every verb decides on this row."""
    row: Incident
    ((row, row.service, row.team, row.procedure_version, row.declared_by),) = LOCKED.all(incident.pk)
    return row


def save(incident: Incident, **fields: Any) -> Incident:
    """Set these fields and no others."""
    for name, value in fields.items():
        setattr(incident, name, value)
    statements.update(incident, *fields)
    return incident


def link_alert(incident: Incident, alert: Alert, *, cause: bool, by: User | None, now: datetime) -> IncidentAlert:
    """The alert belongs to the incident; linking it again changes nothing."""
    link, _ = IncidentAlert.objects.get_or_create(
        incident=incident, alert=alert, defaults={"cause": cause, "linked_at": now, "linked_by": by}
    )
    return link


def link_members(alert_ids: Sequence[int], *, now: datetime) -> dict[int, int]:
    """Alerts that joined a cause belong to the open incidents of the alert that leads it; those incidents, by that alert."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH linked AS (INSERT INTO incidents_incidentalert (incident_id, alert_id, cause, linked_at)"
            " SELECT l.incident_id, a.id, false, %s FROM alerts_alert a JOIN incidents_incidentalert l ON l.alert_id = a.lead_id"
            " JOIN incidents_incident i ON i.id = l.incident_id AND i.status NOT IN ('resolved', 'closed')"
            " WHERE a.id = ANY(%s) ON CONFLICT DO NOTHING RETURNING incident_id, alert_id)"
            " SELECT DISTINCT a.lead_id, linked.incident_id FROM linked JOIN alerts_alert a ON a.id = linked.alert_id",
            [now, list(alert_ids)],
        )
        return dict(cursor.fetchall())


def link_cause(incident: Incident, alert: Alert, *, now: datetime) -> int:
    """Every alert of the cause that this one leads belongs to the incident; how many more that are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO incidents_incidentalert (incident_id, alert_id, cause, linked_at) SELECT %s, a.id, false, %s"
            " FROM alerts_alert a WHERE a.lead_id = %s ON CONFLICT DO NOTHING",
            [incident.pk, now, alert.pk],
        )
        return cursor.rowcount


def unlink_alert(incident: Incident, alert: Alert) -> None:
    """The alert does not belong to the incident after all."""
    IncidentAlert.objects.filter(incident=incident, alert=alert).delete()


def change_severity(incident: Incident, *, after: str, reason: str, by: User | None, now: datetime) -> SeverityChange:
    """Give it another severity, with the reason."""
    change = SeverityChange.objects.create(incident=incident, before=incident.severity, after=after, reason=reason, at=now, by=by)
    save(incident, severity=after, severity_reason=reason)
    return change


# -- people -------------------------------------------------------------------------------------------------------------


def holder(incident: Incident, role: str) -> User | None:
    """Who holds that role now."""
    row = RoleAssignment.objects.filter(incident=incident, role=role, ended_at=None).select_related("user").first()
    return row.user if row else None


def assign_role(
    incident: Incident, *, role: str, user: User | None, by: User | None, handover: str = "", now: datetime
) -> tuple[User | None, RoleAssignment | None]:
    """Give the role to that person (None: to nobody) and end its holder's turn; the earlier holder and the new assignment.

    One holder of a role at a time, which the database checks too.
    """
    before = (
        RoleAssignment.objects.filter(incident=incident, role=role, ended_at=None)
        .select_related("user")
        .select_for_update(of=("self",))
        .first()
    )
    if before:
        before.ended_at, before.handover = now, handover
        before.save(update_fields=["ended_at", "handover"])
    if user is None:
        return before.user if before else None, None
    row = RoleAssignment.objects.create(incident=incident, role=role, user=user, assigned_at=now, assigned_by=by, handover=handover)
    join(incident, user, now=now)
    return before.user if before else None, row


def join(incident: Incident, user: User, *, now: datetime) -> None:
    """The person works on the incident from now on; joining again changes nothing."""
    statements.insert([Responder(incident=incident, user=user, joined_at=now)], ignore_conflicts=True)


def set_task(incident: Incident, user: User, *, task: str, state: str, now: datetime) -> Responder:
    """What that responder does: open, done, or nothing when the text is empty."""
    join(incident, user, now=now)
    row = Responder.objects.select_related("user").select_for_update(of=("self",)).get(incident=incident, user=user)
    row.task, row.task_state, row.task_since = task, state if task else "", now if task else None
    row.save(update_fields=["task", "task_state", "task_since"])
    return row


# -- the checklist ------------------------------------------------------------------------------------------------------


def tick(
    incident: Incident, step: str, item: str, *, by: User | None, label: str, note: str = "", waived: bool = False, now: datetime
) -> bool:
    """Tick a line of the checklist; False when it was ticked already."""
    return bool(tick_many(incident, [(step, item, note)], by=by, label=label, waived=waived, now=now))


def tick_many(
    incident: Incident, lines: Sequence[tuple[str, str, str]], *, by: User | None, label: str, waived: bool = False, now: datetime
) -> int:
    """Tick several lines, each a (step, item, note); those that are ticked already stay as they are. How many were not."""
    rows = [
        ChecklistTick(incident=incident, step=step, item=item, note=note[:1000], at=now, by=by, by_label=label[:200], waived=waived)
        for step, item, note in lines
    ]
    return statements.insert(rows, ignore_conflicts=True)


def untick(incident: Incident, step: str, item: str, *, now: datetime) -> bool:
    """Take a tick back; it stays in the record as undone. False when there was none."""
    return bool(ChecklistTick.objects.filter(incident=incident, step=step, item=item, undone_at=None).update(undone_at=now))
