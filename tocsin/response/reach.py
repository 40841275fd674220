"""Who must be reached for a severity? Pages its tracks, writes to the team's room, makes the ticket: what was not done yet."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from tocsin.accounts.actor import Actor
from tocsin.alerts.models import Alert
from tocsin.domain import obligations as rules
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations_work as work
from tocsin.incidents.models import Incident, Ticket
from tocsin.obligations import operations as obligations
from tocsin.obligations.queries import calendar_for
from tocsin.paging import operations as paging
from tocsin.paging import operations_rooms as rooms
from tocsin.paging.models import Escalation
from tocsin.response import frame
from tocsin.response.rehearse import policy_of
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import gathered, record


def reach(incident: Incident, procedure: Procedure, *, alert: Alert | None, begins: bool = False, by: Actor, now: datetime) -> None:
    """Carry out what the incident's severity demands, in the caller's transaction; a track that was started before is not started again.
    `begins`: the incident is made in this transaction, of no alert, so that nobody was paged about it yet."""
    demanded = procedure.severity(incident.severity).escalation
    with gathered(now):
        for track in demanded.page:
            if begins or not _started(incident, alert, track):
                _page(incident, alert, track, begins, by, now)
    if demanded.team_channel:
        _tell_team(incident, by, now)
    if demanded.ticket:
        _ticket(incident, procedure, alert, by, now)


def _started(incident: Incident, alert: Alert | None, track: str) -> bool:
    only_recorded = Q(status=Escalation.Status.STOPPED, finished_at=F("started_at"))  # it could wait then
    runs = Escalation.objects.filter(track=track, incident_id=incident.pk).exclude(only_recorded)
    if alert:
        runs = runs | Escalation.objects.filter(track=track, alert=alert).exclude(status=Escalation.Status.STOPPED)
    return runs.exists()


def _page(incident: Incident, alert: Alert | None, track: str, begins: bool, by: Actor, now: datetime) -> None:
    policy = policy_of(incident.service, track)
    if policy is None and track != "on_call" and _started(incident, alert, "on_call"):
        frame.tell(
            "gap", f"{track.replace('_', ' ').capitalize()} could not be paged: no policy is set for it", incident, by=by, now=now, key=True
        )
        return
    paging.start(
        policy=policy, track=track, subject=frame.subject(incident), alert=alert if track == "on_call" else None, incident_id=incident.pk,
        reason=f"{incident.ref} declared {incident.severity}", begins=begins, by=by, now=now,
    )  # fmt: skip


def _tell_team(incident: Incident, by: Actor, now: datetime) -> None:
    """A message in the room of the owning team, and in its room of a chat where it has one; nobody is paged."""
    if incident.team_id is None:
        frame.tell("gap", "No team was told: the incident has no service with a team", incident, by=by, now=now)
        return
    if Entry.objects.filter(team_id=incident.team_id, kind="team_message", incident_id=incident.pk).exists():
        return
    what = f"{incident.ref} {incident.severity}: {incident.title}{f' in {incident.channel}' if incident.channel else ''}"
    text = f"{what}. {incident.impact}".strip()
    entry = record("team_message", text, by=by, now=now, team_id=incident.team_id, incident_id=incident.pk, data={"ref": incident.ref})
    if incident.team:
        why = f"the procedure tells the team {incident.team.name} of {incident.severity}"
        rooms.tell(incident.team, frame.subject(incident), why=why, entry=entry.pk, now=now, incident_id=incident.pk)


def _ticket(incident: Incident, procedure: Procedure, alert: Alert | None, by: Actor, now: datetime) -> None:
    """The built-in ticket, due with the severity's response; the promise of it is kept at once."""
    if Ticket.objects.filter(incident=incident).exists():
        return
    level = procedure.severity(incident.severity)
    due = rules.response_due(level, now, calendar_for(level, incident.team, now))
    ticket = work.create_ticket(title=incident.title, alert=alert, incident=incident, team=incident.team, due_at=due, now=now)
    entry = frame.tell(
        "ticket", f"Ticket T-{ticket.number} created, due {due:%Y-%m-%d %H:%M} UTC", incident, by=by, now=now, ticket=ticket.pk
    )
    if owed := rules.ticket(procedure, incident.severity, now):
        obligations.owe([owed], incident_id=incident.pk)
        obligations.meet("ticket", incident_id=incident.pk, at=now, evidence=frame.evidence(entry))
