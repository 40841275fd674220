"""Is everything done? Closes an incident, or says what is still open."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.domain import checklist, lifecycle
from tocsin.domain import obligations as rules
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused
from tocsin.obligations import operations as obligations
from tocsin.paging import operations as paging
from tocsin.response import frame

LINES = {
    lifecycle.FIX: checklist.FIX,
    lifecycle.VERIFICATION: checklist.VERIFY_FIX,
    lifecycle.WATCH: checklist.WATCH,
    lifecycle.STATUS_PAGE: checklist.STATUS_PAGE,
}


def close_incident(*, incident: Incident, by: Actor, now: datetime) -> Incident:
    """Close it, by the commander. Refused (409) with the list of what is open, each of which can be done or waived with a reason."""
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        if open_items := still_open(incident, procedure, now):
            raise Refused(
                f"{incident.ref} cannot be closed yet: {'; '.join(item.sentence for item in open_items)}.",
                status=409, code="steps_open", errors={item.key: item.sentence for item in open_items},
            )  # fmt: skip
        frame.require_command(incident, by, "when an incident is closed")
        incidents.save(incident, status=Incident.Status.CLOSED, closed_at=now)
        frame.tell("closed", f"{incident.ref} closed", incident, by=by, now=now, key=True)
        frame.tick(incident, procedure, checklist.CLOSE, by=by, now=now)
        _settle(incident, procedure, now)
        paging.stop(incident_id=incident.pk, reason="closed", by=by, now=now)
        return incident


def still_open(incident: Incident, procedure: Procedure, now: datetime) -> list[lifecycle.Missing]:
    """What the procedure asks for before the close and is neither done nor waived. A document without such a line does not ask."""
    ticks = queries.ticks_of(incident)
    waived = set()
    for key, words in LINES.items():
        row = checklist.line(procedure, words)
        if row is None or (row.key in ticks and ticks[row.key].waived):
            waived.add(key)
    return lifecycle.missing_for_close(progress(incident, procedure, frozenset(waived)), now)


def progress(incident: Incident, procedure: Procedure, waived: frozenset[str] = frozenset()) -> lifecycle.Progress:
    """How far the incident is, as the rules of its life see it."""
    newest = queries.newest_public_update(incident)
    return lifecycle.Progress(
        incident.status, incident.resolved_at, incident.verified_at, incident.watch_until,
        public_update_owed=public_update_owed(incident, procedure), public_status=newest.status if newest else "", waived=waived,
    )  # fmt: skip


def public_update_owed(incident: Incident, procedure: Procedure) -> bool:
    """Must the status page say Resolved? Where it says something already, or the severity demands it and the incident is not private."""
    owed = procedure.severity(incident.severity).communication
    demanded = owed is not None and owed.audience == "public" and not incident.private and not incident.drill
    return demanded or queries.newest_public_update(incident) is not None


def _settle(incident: Incident, procedure: Procedure, now: datetime) -> None:
    """What can no longer be kept is missed, what no longer matters lapses; post-mortem and action items go on."""
    for kind in ("next_public_update", "next_internal_update", "watch"):
        obligations.not_applicable(kind, incident_id=incident.pk, reason="Closed", at=now)
    for kind in ("acknowledge", "roles", "first_public_update", "first_internal_update", "verification"):
        obligations.miss(kind, incident_id=incident.pk, reason="Not done before the close", at=now)
    if procedure.settings.postmortem_counts_from == "closed" and (due := rules.postmortem(procedure, incident.severity, now)):
        obligations.owe([due], incident_id=incident.pk, owner=incidents.holder(incident, due.owner_role))
