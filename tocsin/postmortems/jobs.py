"""Which mails go out about post-mortems? Invitations to the meeting, and the word that one was published: one job a person."""

from __future__ import annotations

from collections.abc import Sequence
from email.mime.text import MIMEText
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from tocsin import clock
from tocsin.accounts.models import User
from tocsin.postmortems import documents
from tocsin.postmortems.models import Postmortem

QUEUE = "mail"
RETRY = RetryStrategy(max_attempts=8, exponential_wait=4)


@app.task(name="tocsin.postmortems.invite", queue=QUEUE, retry=RETRY)
def invite(postmortem_id: int, user_id: int, sequence: int) -> None:
    """Mail the meeting to one person; nothing where a newer invitation has taken its place."""
    row = Postmortem.objects.select_related("incident", "owner").get(pk=postmortem_id)
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None or row.meeting_at is None or row.meeting_sequence != sequence:
        return
    when = row.meeting_at.astimezone(ZoneInfo(person.time_zone or "UTC"))
    text = (
        f"Post-mortem of {row.incident.ref}: {row.title}\n{when:%A %d %B %Y, %H:%M %Z}, {row.meeting_minutes} minutes\n\n"
        f"{settings.TOCSIN_URL}/incidents/{row.incident.ref}/postmortem/\n"
    )
    message = EmailMessage(f"Post-mortem {row.incident.ref}: {row.title}"[:200].replace("\n", " "), text, to=[person.email])
    message.attach(_calendar(row, "REQUEST"))
    message.send()


@app.task(name="tocsin.postmortems.uninvite", queue=QUEUE, retry=RETRY)
def uninvite(postmortem_id: int, user_id: int, sequence: int) -> None:
    """Take the meeting out of the calendar of somebody who is no longer invited; nothing where they were invited again since."""
    row = Postmortem.objects.select_related("incident", "owner").get(pk=postmortem_id)
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None or row.meeting_at is None or row.meeting_sequence != sequence:
        return
    text = f"You are no longer invited to the post-mortem of {row.incident.ref}: {row.title}\n"
    message = EmailMessage(
        f"No longer invited: post-mortem {row.incident.ref}: {row.title}"[:200].replace("\n", " "), text, to=[person.email]
    )
    message.attach(_calendar(row, "CANCEL", [person]))
    message.send()


def _calendar(row: Postmortem, method: str, people: Sequence[User] | None = None) -> MIMEText:
    """The meeting as a part of a mail that calendars take in by themselves (RFC 6047)."""
    text = documents.invitation(row, now=clock.now(), method=method, people=people).decode()
    part = MIMEText(text, "calendar", "utf-8")
    part.set_param("method", method)
    part.add_header("Content-Disposition", "attachment", filename="post-mortem.ics")
    return part


@app.task(name="tocsin.postmortems.announce", queue=QUEUE, retry=RETRY)
def announce(postmortem_id: int, email: str) -> None:
    """Tell one person that the review can be read."""
    row = Postmortem.objects.select_related("incident").get(pk=postmortem_id)
    if row.status != Postmortem.Status.PUBLISHED:
        return
    text = f"{row.title}\n\n{row.summary}\n\n{settings.TOCSIN_URL}/incidents/{row.incident.ref}/postmortem/\n"
    EmailMessage(f"Post-mortem published: {row.incident.ref} {row.title}"[:200].replace("\n", " "), text, to=[email]).send()
