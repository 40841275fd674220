"""Which incidents may somebody know of, and what stands in them?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs
from tocsin.alerts.models import Alert
from tocsin.domain import checklist
from tocsin.domain.lifecycle import Standing
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents.models import ChecklistTick, Incident, Responder, RoleAssignment, Subscriber, Update
from tocsin.lib.refusal import missing
from tocsin.lib.statements import Read
from tocsin.paging.models import Escalation
from tocsin.timeline.models import Entry

# Is there an incident that is over and would open again if its alert came back? Of nearly every alert that is the whole question.
ANY_WATCHED = (
    "SELECT EXISTS (SELECT 1 FROM incidents_incident WHERE status IN ('resolved', 'closed') AND watch_until >= %s)"
    " OR EXISTS (SELECT 1 FROM incidents_incident WHERE status = 'resolved' AND watch_until IS NULL)"
)
UNREAD = ("procedure_version__document",)  # large, and kept in memory by procedures.document


HOLDERS = Read(
    "SELECT {r}, {u} FROM incidents_roleassignment r JOIN accounts_user u ON u.id = r.user_id WHERE r.incident_id = %s AND r.ended_at IS NULL",
    r=RoleAssignment, u=User,
)  # fmt: skip
RESPONDERS = Read(
    "SELECT {r}, {u} FROM incidents_responder r JOIN accounts_user u ON u.id = r.user_id WHERE r.incident_id = %s ORDER BY r.joined_at, r.id",
    r=Responder, u=User,
)  # fmt: skip
TICKS = Read(
    "SELECT {t}, {u} FROM incidents_checklisttick t LEFT JOIN accounts_user u ON u.id = t.by_id WHERE t.incident_id = %s AND t.undone_at IS NULL",
    t=ChecklistTick, u=User,
)  # fmt: skip


def visible_to(who: Actor | User | None) -> QuerySet[Incident]:
    """The incidents that this person may know of: private ones only their responders, whoever declared them, and administrators.

    A token that may not administer sees what its person is part of, even where that person is an administrator; without a person
    it sees what is not private. The system itself sees everything.
    """
    everything = Incident.objects.select_related("service", "team", "procedure_version", "declared_by").defer(*UNREAD)
    if isinstance(who, Actor):
        if who.is_administrator:
            return everything
        if who.user is None:
            return everything.filter(private=False)
        return _known_to(who.user, everything)
    if who is None or not getattr(who, "is_authenticated", True):
        return everything.none()
    return everything if who.is_administrator else _known_to(who, everything)


def _known_to(person: User, everything: QuerySet[Incident]) -> QuerySet[Incident]:
    theirs = Q(responders__user=person) | Q(declared_by=person) | Q(role_assignments__user=person)
    return everything.filter(pk__in=Incident.objects.filter(Q(private=False) | theirs).values("pk"))


def by_ref(ref: str, who: Actor | User | None, *, whole: bool = True) -> Incident:
    """The incident INC-42 (or 42). Refuses with 404 where there is none or this person may not know of it.

    Not `whole`: only its key is read, what else is asked of it is read then.
    """
    number = ref.upper().removeprefix("INC-")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise missing("incident")
    rows = visible_to(who) if whole else visible_to(who).select_related(None).only("id")
    incident = rows.filter(number=int(number)).first()
    if incident is None:
        raise missing("incident")
    return incident


def open_incidents(who: Actor | User | None) -> QuerySet[Incident]:
    """Those that are not closed, the worst and newest first."""
    return visible_to(who).exclude(status=Incident.Status.CLOSED).order_by("severity", "-id")


def alerts_of(incident: Incident) -> list[Alert]:
    """Its alerts, the one that it was declared from first."""
    links = incident.alert_links.select_related("alert__service", "alert__integration").order_by("-cause", "id")
    return [link.alert for link in links]


def record_of(incident: Incident) -> QuerySet[Entry]:
    """Its timeline, oldest first: its own entries and those of its alerts, from before the declaration too."""
    alert_ids = incident.alert_links.values("alert_id")
    return (
        Entry.objects.filter(Q(incident_id=incident.pk) | Q(alert_id__in=alert_ids, incident_id=None))
        .select_related("actor")
        .order_by("id")
    )


def known_of_alert(alert: Alert, who: Actor | User | None) -> tuple[QuerySet[Entry], QuerySet[Escalation]]:
    """An alert's record and escalations, without what tells of private incidents that this person may not know of."""
    entries, escalations = Entry.objects.filter(alert_id=alert.pk), Escalation.objects.filter(alert=alert)
    private = Incident.objects.filter(private=True, alert_links__alert=alert).exclude(pk__in=visible_to(who).values("pk"))
    hidden = {incident.pk: incident.ref for incident in private}
    if not hidden:
        return entries, escalations
    telling = entries.filter(Q(incident_id__in=hidden) | Q(data__ref__in=list(hidden.values())))
    return entries.exclude(pk__in=telling.values("pk")), escalations.exclude(incident_id__in=hidden)


def alert_titles(incident: Incident) -> list[tuple[int, str, str]]:
    """Id, title and status of its alerts, the one that it was declared from first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, a.title, a.status FROM incidents_incidentalert l JOIN alerts_alert a ON a.id = l.alert_id WHERE l.incident_id = %s"
            " ORDER BY l.cause DESC, l.id",
            [incident.pk],
        )
        return cursor.fetchall()


def channels_from(start: str) -> set[str]:
    """The names of channels that begin so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT channel FROM incidents_incident WHERE starts_with(channel, %s)", [start])
        return {channel for (channel,) in cursor.fetchall()}


def holders(incident: Incident) -> dict[str, RoleAssignment]:
    """Who holds which role now."""
    held = {}
    for row, row.user in HOLDERS.all(incident.pk):
        held[row.role] = row
    return held


def responders(incident: Incident) -> list[Responder]:
    """Who works it, in the order in which they came."""
    found = []
    for row, row.user in RESPONDERS.all(incident.pk):
        found.append(row)
    return found


def roles_held(incident: Incident, user: User | None) -> set[str]:
    """The roles that this person holds now."""
    if user is None:
        return set()
    return set(RoleAssignment.objects.filter(incident=incident, user=user, ended_at=None).values_list("role", flat=True))


def standing(incident: Incident, by: Actor, commander_role: str = "incident_commander") -> Standing:
    """Where the actor stands to the incident, for the rules of domain.lifecycle."""
    commander = (
        RoleAssignment.objects.filter(incident=incident, role=commander_role, ended_at=None).values_list("user_id", flat=True).first()
    )
    if by.user is None:
        return Standing(administrator=by.is_administrator, responder=by.may(Needs.RESPOND), commanded=commander is not None)
    return Standing(by.is_administrator, commander == by.user.pk, by.may(Needs.RESPOND), commander is not None)


def ticks_of(incident: Incident) -> dict[tuple[str, str], ChecklistTick]:
    """The ticks that stand, by step and item."""
    found = {}
    for row, row.by in TICKS.all(incident.pk):
        found[row.step, row.item] = row
    return found


def newest_public_update(incident: Incident) -> Update | None:
    """What the status page says about it."""
    return Update.objects.filter(incident=incident, audience="public").order_by("-id").first()


def subscribers_of(incident: Incident) -> QuerySet[Subscriber]:
    """Who is to be told about it by mail: those of this incident and (unless it is private) those of every incident."""
    everybody = Q(incident=incident) if incident.private else Q(incident=incident) | Q(incident=None)
    return Subscriber.objects.filter(everybody, removed_at=None).order_by("id")


def current_step(incident: Incident, procedure: Procedure) -> int:
    """The number of the step of the procedure where the incident stands."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM incidents_update WHERE incident_id = %s)", [incident.pk])
        (communicated,) = cursor.fetchone()
    restored = incident.restored_at is not None and not incident.restored_partially  # what is back in part is still being mitigated
    return checklist.current_step(procedure, status=incident.status, restored=restored, communicated=communicated)


_WATCHED = """
WITH old AS (
    SELECT i.id AS incident, a.integration_id, a.dedup_key, a.service_id, a.title FROM incidents_incident i
    JOIN incidents_incidentalert l ON l.incident_id = i.id JOIN alerts_alert a ON a.id = l.alert_id
    WHERE (i.status = 'resolved' AND i.watch_until IS NULL) OR (i.status IN ('resolved', 'closed') AND i.watch_until >= %s)
)
SELECT incident, min(id) FROM (
    SELECT o.incident, n.id FROM alerts_alert n JOIN old o ON o.integration_id = n.integration_id AND o.dedup_key = n.dedup_key WHERE n.id = ANY(%s)
    UNION ALL
    SELECT o.incident, n.id FROM alerts_alert n JOIN old o ON o.service_id = n.service_id AND o.title = n.title WHERE n.id = ANY(%s)
) found GROUP BY incident
"""


def like_watched(alert_ids: Sequence[int], now: datetime) -> list[int]:
    """Those of these new alerts that are like one of an incident that is over and still watched; one for each such incident, asked in one
    question, however many alerts a storm brings."""
    with connection.cursor() as cursor:
        cursor.execute(_WATCHED, [now, list(alert_ids), list(alert_ids)])
        return sorted({id for _, id in cursor.fetchall()})
