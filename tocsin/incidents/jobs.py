"""Which work of an incident may wait a little? Mail to those who follow it: one job a person, so that one bad address holds up nobody."""

from __future__ import annotations

from django.core.mail import EmailMessage
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.incidents.models import Incident, Subscriber
from tocsin.incidents.operations_work import undeliverable
from tocsin.integrations.email.service import about, bounce
from tocsin.timeline.models import Entry

QUEUE = "mail"


@app.task(name="tocsin.incidents.mail_entry", queue=QUEUE, retry=RetryStrategy(max_attempts=8, exponential_wait=4))
def mail_entry(entry_id: int, subscriber_id: int) -> None:
    """Mail one entry of an incident's record, word for word, to one person who follows; nothing to those who left meanwhile, or whose address does
    not take mail."""
    entry = Entry.objects.get(pk=entry_id)
    person = Subscriber.objects.filter(pk=subscriber_id, removed_at=None, undeliverable_at=None).first()
    incident = Incident.objects.filter(pk=entry.incident_id or 0).first()
    if person is None or incident is None:
        return
    drill = "[DRILL] " if incident.drill else ""
    title = " ".join(incident.title.split())  # a line break would end the header, and no mail would go out
    message = EmailMessage(
        subject=f"{drill}[{incident.severity}] {incident.ref} {title}"[:200], body=entry.text, to=[person.email],
        headers={"Message-ID": f"<entry-{entry.pk}-{person.pk}@tocsin>", "References": f"<{incident.ref.lower()}@tocsin>"},
    )  # fmt: skip
    try:
        about(message, "follower", person.pk).send()
    except OSError as error:  # SMTP's refusals are such too
        if not (reason := bounce(error)):
            raise
        undeliverable(person.pk, reason, now=clock.now())
