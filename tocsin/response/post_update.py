"""What do we tell the public, and our colleagues? Updates in the procedure's words, refused field by field, each with the next promised."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import Organisation
from tocsin.domain import checklist, messages
from tocsin.domain import obligations as rules
from tocsin.domain.procedure.model import Procedure
from tocsin.incidents import operations as incidents
from tocsin.incidents import operations_work as work
from tocsin.incidents.models import Incident, Update
from tocsin.lib.refusal import Refused
from tocsin.obligations import operations as obligations
from tocsin.procedures import operations as procedures
from tocsin.response import frame, mailing
from tocsin.response.change_status import move
from tocsin.statuspage import operations as statuspage
from tocsin.statuspage.jobs import publish
from tocsin.timeline.models import Entry

PUBLIC, INTERNAL = "public", "internal"
PANEL = ("impact", "cause", "actions", "next_steps", "eta")  # an internal update is also what the situation panel shows
STATUSES = ("Investigating", "Identified", "Monitoring", "Resolved")
LIMITS = {"description": 300, "impact": 2000, "cause": 2000, "actions": 2000, "next_steps": 2000, "eta": 300}
LONGEST_PROMISE = 60 * 24 * 7  # minutes
NEEDED = {
    PUBLIC: {"description": "Say briefly what is happening.", "impact": "Say which users are affected and what is not working."},
    INTERNAL: {
        "impact": "Say what it does to users and to the business.",
        "actions": "Say what is being done.",
        "next_steps": "Say what is planned.",
    },
}


@dataclass(frozen=True, slots=True)
class Preview:
    """The text as it would go out, and what is wrong with it, field by field; `text` is empty while something is wrong."""

    text: str
    errors: dict[str, str] = field(default_factory=dict)


def preview_update(*, incident: Incident, audience: str, by: Actor, now: datetime, **fields: Any) -> Preview:
    """The update as it would go out, without saving anything."""
    procedure = procedures.document(incident.procedure_version)
    values, errors = _read(incident, audience, fields)
    if errors:
        return Preview("", errors)
    try:
        return Preview(_render(procedure, audience, values, now))
    except Refused as refusal:
        return Preview("", refusal.errors)


def post_update(*, incident: Incident, audience: str, by: Actor, now: datetime, force: bool = False, **fields: Any) -> Update:
    """Publish it: to the status page, or to colleagues. Keeps the promised update, promises the next, sets components and status.

    `fields`: status, verb, description, impact, next_update_minutes, components | status, impact, cause, actions, next_steps, eta.
    A private incident is published only when the commander forces it; it is not private any more then.
    """
    with transaction.atomic():
        incident, procedure = frame.begin(incident, by)
        values, errors = _read(incident, audience, fields)
        if errors:
            raise Refused(
                "; ".join(f"{name}: {sentence}" for name, sentence in errors.items()), status=422, errors=errors, code="update_incomplete"
            )
        if audience == PUBLIC and incident.private:
            if not force:
                raise Refused(
                    f"{incident.ref} is private; only its commander can publish about it, on purpose.", status=409, code="private"
                )
            frame.require_command(incident, by, "whether a private incident is published")
            incidents.save(incident, private=False)
            frame.tell("edited", "No longer private: it is published on purpose", incident, by=by, now=now, key=True, changed=["private"])
        text, minutes = _render(procedure, audience, values, now), values.get("next_update_minutes")
        update = work.add_update(
            incident, audience=audience, status=values["status"].lower(), fields=values, text=text,
            components=values.get("components") or {},
            next_update_at=now + timedelta(minutes=minutes) if minutes else None, by=by.user, now=now,
        )  # fmt: skip
        entry = frame.tell(f"{audience}_update", text, incident, by=by, now=now, key=audience == PUBLIC, update=update.pk)
        _promises(incident, procedure, update, minutes, entry, now)
        _follow(incident, procedure, update, by, now)
        if audience == PUBLIC and not incident.drill:  # a rehearsal writes its updates but never shows them to the public
            if update.components:
                statuspage.set_statuses(update.components, incident=incident, by=by, now=now)
            publish.defer()
        mailing.mail_followers(incident, entry)
        return update


def _read(incident: Incident, audience: str, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The fields without blank ends, and a sentence for each that is missing or cannot be."""
    if audience not in NEEDED:
        return {}, {"audience": f"It is one of {PUBLIC}, {INTERNAL}."}
    names = ("status", "verb", "description", "impact") if audience == PUBLIC else ("status", *PANEL)
    values: dict[str, Any] = {name: str(given.get(name) or "").strip() for name in names}
    errors = {name: sentence for name, sentence in NEEDED[audience].items() if not values[name]}
    for name, value in values.items():
        if len(value) > LIMITS.get(name, 40):
            errors[name] = f"It has {len(value)} characters; at most {LIMITS.get(name, 40)} fit."
    values["status"] = values["status"].capitalize()
    if values["status"] not in STATUSES:
        errors["status"] = f"It is one of {', '.join(STATUSES)}."
    elif sentence := _contradiction(incident, values["status"]):
        errors["status"] = sentence
    _read_promise(audience, values, given.get("next_update_minutes"), errors)
    if audience == PUBLIC:
        _read_public(values, given, errors)
    return values, errors


def _contradiction(incident: Incident, status: str) -> str:
    resolved = incident.resolved_at is not None
    if status == "Resolved" and not resolved:
        return f"{incident.ref} is not resolved yet; record the resolution first."
    if status in ("Investigating", "Identified") and resolved:
        return f"{incident.ref} is resolved; only Monitoring or Resolved can be said."
    return ""


def _read_promise(audience: str, values: dict[str, Any], minutes: Any, errors: dict[str, str]) -> None:
    if minutes in (None, ""):
        if audience == PUBLIC and values["status"] != "Resolved":
            errors["next_update_minutes"] = "Say in how many minutes the next update comes."
        return
    try:
        whole = int(minutes)
    except (TypeError, ValueError):
        whole = 0
    if not 1 <= whole <= LONGEST_PROMISE or isinstance(minutes, bool):
        errors["next_update_minutes"] = f"It is a whole number between 1 and {LONGEST_PROMISE}."
    elif values["status"] != "Resolved":
        values["next_update_minutes"] = whole


def _read_public(values: dict[str, Any], given: dict[str, Any], errors: dict[str, str]) -> None:
    values["verb"] = values["verb"].lower()
    if values["verb"] and values["verb"] not in messages.VERBS:
        errors["verb"] = f"It is {' or '.join(messages.VERBS)}."
    components = given.get("components") or {}
    if not isinstance(components, dict) or len(components) > 200:
        errors["components"] = "It maps the ids of components to their status."
        return
    try:
        values["components"] = {str(int(key)): str(status) for key, status in components.items()}
    except (TypeError, ValueError):
        errors["components"] = "Components are named by their id."


def _render(procedure: Procedure, audience: str, values: dict[str, Any], now: datetime) -> str:
    """The template's text. Refuses the fields that the organisation's own template asks for besides ours."""
    zone = Organisation.objects.get(pk=1).time_zone
    words = {name: value for name, value in values.items() if isinstance(value, str)}
    try:
        if audience == PUBLIC:
            return messages.public_update(procedure, at=now, zone=zone, next_update_minutes=values.get("next_update_minutes"), **words)
        return messages.internal_update(procedure, at=now, zone=zone, **words)
    except messages.FieldErrors as refusal:
        raise Refused(str(refusal), errors=refusal.errors, code="update_incomplete") from refusal


def _promises(incident: Incident, procedure: Procedure, update: Update, minutes: int | None, entry: Entry, now: datetime) -> None:
    """The update keeps what was promised and promises the next, unless it says that all is over."""
    proof = frame.evidence(entry)
    for kind in (f"first_{update.audience}_update", f"next_{update.audience}_update"):
        obligations.meet(kind, incident_id=incident.pk, at=now, evidence=proof)
    if update.status == "resolved" or (incident.resolved_at and not minutes):
        return
    if owed := rules.next_update(procedure, incident.severity, update.audience, now, minutes):
        obligations.owe([owed], incident_id=incident.pk, owner=incidents.holder(incident, owed.owner_role))


def _follow(incident: Incident, procedure: Procedure, update: Update, by: Actor, now: datetime) -> None:
    """The incident says what its update says: a public one what users feel, an internal one fills the situation panel."""
    if incident.resolved_at is None and update.status != incident.status:
        move(incident, update.status, reason=f"{update.audience} update", by=by, now=now)
    if update.audience == INTERNAL:
        panel = {name: update.fields.get(name, "") for name in PANEL if name != "impact"}
        incidents.save(incident, **panel, situation_by=by.user, situation_at=now)
    elif update.status == "resolved":
        frame.tick(incident, procedure, checklist.STATUS_PAGE, by=by, now=now)
    else:
        incidents.save(incident, impact=update.fields["impact"])
