"""What does every verb on an incident begin with and lean on? The locked row, its procedure, who may, and the ticks that acts leave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs
from tocsin.domain import checklist
from tocsin.domain.lifecycle import Standing, refuse_command
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents import queries
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused, invalid, missing
from tocsin.procedures import operations as procedures
from tocsin.timeline.models import Entry
from tocsin.timeline.operations import record


def begin(incident: Incident, by: Actor, *, closed: bool = False, paged: bool = False) -> tuple[Incident, Procedure]:
    """The incident as it is now, locked, and the procedure that it was declared under.

    Refuses observers (403), people who may not know of it (404), and a closed incident (409) unless `closed` is fine.
    `paged`: it is this person's own page that is answered, which whoever is paged may do.
    """
    if not paged:
        require_responder(by)
    row = incidents.locked(incident)
    if row.private and not queries.visible_to(by).filter(pk=row.pk).exists():
        raise missing("incident")
    if not closed and not row.is_open:
        raise Refused(f"{row.ref} is closed; nothing can be changed in it any more.", status=409, code="closed")
    return row, procedures.document(row.procedure_version)


def hold_person(by: Actor) -> None:
    """Whoever is about to take something is here until the transaction ends: who is being removed at this moment would take it along.

    Call it before anything else is locked."""
    if by.user and not User.objects.select_for_update(no_key=True).filter(pk=by.user.pk, is_active=True, removed_at=None).exists():
        raise Refused("This person is no longer active.", status=403, code="forbidden")


def require_responder(by: Actor) -> None:
    """Only responders and administrators work incidents, and tokens only with a scope that lets them."""
    if by.scopes is not None and not by.scopes & {"respond", "administer"}:
        raise Refused("This token may only read.", status=403, code="forbidden")
    if not by.may(Needs.RESPOND):
        raise Refused(
            "Observers can read but not work on incidents; ask an administrator to make you a responder.", status=403, code="forbidden"
        )


def require_command(incident: Incident, by: Actor, what: str) -> Standing:
    """Only the commander (or an administrator; anybody who responds while there is no commander) decides."""
    standing = queries.standing(incident, by)
    if sentence := refuse_command(standing, what):
        raise Refused(sentence, status=403, code="commander_decides")
    return standing


def limit(name: str, text: str, length: int, *, needed: str = "") -> str:
    """The text without blank ends; refuses one that is too long, or empty where `needed` says what is missing."""
    text = text.strip()
    if len(text) > length:
        raise invalid(**{name: f"It has {len(text)} characters; at most {length} fit."})
    if needed and not text:
        raise invalid(**{name: needed})
    return text


def tell(kind: str, text: str, incident: Incident, *, by: Actor, now: datetime, key: bool = False, **data: Any) -> Entry:
    """Put something on the incident's record, and let the board know."""
    return record(kind, text, by=by, now=now, incident_id=incident.pk, data=data, key=key, board=True)


def tick(incident: Incident, procedure: Procedure, words: str, *, by: Actor, note: str = "", now: datetime) -> None:
    """Tick the line that begins with those words, because an act of the program has just done it; documents without it have no tick."""
    tick_all(incident, procedure, {words: note}, by=by, now=now)


def tick_all(incident: Incident, procedure: Procedure, notes: dict[str, str], *, by: Actor, now: datetime) -> None:
    """The same for several lines at once, each with its note."""
    found = [(row, note) for words, note in notes.items() if (row := checklist.line(procedure, words))]
    incidents.tick_many(incident, [(*row.key, note) for row, note in found], by=by.user, label=by.label, now=now)


def evidence(entry: Entry) -> dict[str, Any]:
    """An entry of the timeline as the proof that a promise was kept."""
    return {"entry": entry.pk, "text": entry.text[:300], "at": entry.at.isoformat().replace("+00:00", "Z")}


def subject(incident: Incident) -> dict[str, Any]:
    """What pages about this incident say."""
    return {
        "title": incident.title,
        "severity": incident.severity,
        "service": incident.service.name if incident.service else "",
        "team_id": incident.team_id,
        "link": f"{settings.TOCSIN_URL}/incidents/{incident.ref}/",
        "incident_ref": incident.ref,
        "critical": bool(incident.service and incident.service.critical),
        "tier": incident.service.tier if incident.service else 0,
        "private": incident.private,
    }
