"""What is it about, exactly? Changes an incident's title, impact and privacy, on the record."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.incidents import operations as incidents
from tocsin.incidents.models import Incident
from tocsin.lib.refusal import Refused
from tocsin.response import frame


def edit_incident(
    *, incident: Incident, title: str | None = None, impact: str | None = None, private: bool | None = None, by: Actor, now: datetime
) -> Incident:
    """Change what is given. Privacy is the commander's to change; what was published before stays published."""
    with transaction.atomic():
        incident, _ = frame.begin(incident, by)
        changes: dict[str, object] = {}
        if title is not None and (new := " ".join(frame.limit("title", title, 300, needed="Say in a few words what is wrong.").split())):
            changes["title"] = new
        if impact is not None:
            changes["impact"] = frame.limit("impact", impact, 2000)
        if private is not None and private != incident.private:
            frame.require_command(incident, by, "who may know of an incident")
            if private and incident.updates.filter(audience="public").exists():
                raise Refused("It is on the status page already, so it cannot become private.", status=409, code="published")
            changes["private"] = private
        for name in [name for name, value in changes.items() if getattr(incident, name) == value]:
            del changes[name]
        if changes:
            said = "; ".join(f"{name}: {value}" for name, value in changes.items())
            incidents.save(incident, **changes)
            frame.tell("edited", f"Changed {said}", incident, by=by, now=now, changed=sorted(changes))
        return incident
