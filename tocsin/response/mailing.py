"""Who is told by mail? The support group and the stakeholders who follow an incident get its declaration and its updates, word for word."""

from __future__ import annotations

from tocsin.incidents import queries
from tocsin.incidents.jobs import mail_entry
from tocsin.incidents.models import Incident
from tocsin.timeline.models import Entry

MOST = 500  # people


def mail_followers(incident: Incident, entry: Entry) -> int:
    """Queue the mails in the caller's transaction; how many. They are sent after it commits, behind every page."""
    people = list(queries.subscribers_of(incident).filter(undeliverable_at=None).order_by("id")[:MOST])
    seen: set[str] = set()
    for person in people:
        if person.email not in seen:
            seen.add(person.email)
            mail_entry.defer(entry_id=entry.pk, subscriber_id=person.pk)
    return len(seen)
