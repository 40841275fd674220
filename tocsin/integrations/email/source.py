"""What does a mail of a monitor say? Title, state and severity by the words of its subject; a problem and its recovery share one key."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received
from tocsin.integrations import reading
from tocsin.integrations.email import inbound, message, subject
from tocsin.integrations.email.message import Mail

UNTITLED = "Mail without a subject"
OLDEST = timedelta(days=2)  # a Date header further back is a wrong clock, or a mail that was forwarded later
_LINK = re.compile(r"https?://[^\s<>\"'\])]{4,1900}")
_ABSENT = re.compile(
    r"\s*(?:automatic reply|auto(?:matic)?[- ]?reply|out of (?:the )?office|automatische antwort|r[ée]ponse automatique)\b", re.I
)
_SHOWN = ("from", "reply-to", "date", "list-id", "message-id", "in-reply-to", "auto-submitted", "x-mailer")


class Email:
    """A mail as it is, or as a mail service hands it over."""

    kind = "email"
    label = "E-mail"
    category = "Drop-in"
    about = (
        "Where this server takes mail itself (TOCSIN_SMTP_LISTEN), send to {key}@ and its mail domain.\nElse let a mail service (Mailgun,"
        " SendGrid Inbound Parse, Postmark, Mailjet Parse) post inbound mail to this address, or post a mail itself as message/rfc822:\n{address}\n"
        "A mail opens an alert; one that says RESOLVED, OK or RECOVERY with the same subject ends it."
    )
    docs = ""
    sample: Any = {
        "From": "nagios@monitor.example", "Subject": "** PROBLEM Service Alert: web1/HTTP is CRITICAL **",
        "TextBody": "Notification Type: PROBLEM\n\nService: HTTP\nHost: web1\nState: CRITICAL\n\nConnection refused\n",
    }  # fmt: skip

    def parse(self, received: Received) -> list[Event]:
        """One event for each mail. Raises UnreadableError for what is no mail."""
        return [_event(mail, received) for mail in inbound.mails(received)]

    def values(self, received: Received) -> Any:
        """What rules of an owner see as `body`: subject, text, from, headers, attachments. Raises UnreadableError."""
        found = inbound.mails(received)
        return shown(found[0]) if len(found) == 1 else [shown(mail) for mail in found]


def shown(mail: Mail) -> dict[str, Any]:
    """A mail as an object of texts."""
    return {
        "subject": mail.subject, "text": mail.text, "from": mail.sender, "headers": mail.headers, "attachments": mail.attachments,
    }  # fmt: skip


def _event(mail: Mail, received: Received) -> Event:
    headers = mail.headers
    title = subject.title_of(mail.subject, headers.get("list-id", ""))
    level, word = subject.severity_of(title, headers)
    sent = reading.time(message.sent_at(mail), received.received_at)
    why = automatic(mail)
    link = next((found for one in (*_LINK.findall(mail.text[:20_000]), mail.link) if (found := reading.link(one.rstrip(".,;:!?")))), "")
    return Event(
        "none" if why else subject.status_of(title, mail.text), reading.first_line(title) or reading.first_line(mail.text) or UNTITLED, _key(title, mail),
        severity=level, severity_word=word[:200], started_at=sent if sent and sent > received.received_at - OLDEST else None, link=link,
        labels={"from": mail.sender} if mail.sender else {}, note=why or mail.note,
        details=reading.kept({**shown(mail), "headers": {name: headers[name] for name in _SHOWN if name in headers}}),
    )  # fmt: skip


def automatic(mail: Mail) -> str:
    """Why a mail that a machine wrote because it was written to is no alert; nothing for any other, a monitor's above all."""
    headers = mail.headers
    submitted = headers.get("auto-submitted", "no").lower()
    if "x-tocsin-page" in headers:
        return "a page of Tocsin's own came back: taken as an alert it would page for ever"
    if mail.report:
        return "a mail server's report on another mail is no alert"
    if (
        submitted.startswith("auto-replied") or "x-autoreply" in headers or "x-autorespond" in headers
        or headers.get("precedence", "").lower() == "auto_reply" or (submitted[:2] != "no" and _ABSENT.match(mail.subject))
    ):  # fmt: skip
        return "an automatic reply is no alert"
    return ""


def _key(title: str, mail: Mail) -> str:
    """The subject's identity; a mail without a subject belongs to the thread that it answers, else it stands alone."""
    if any(letter.isalnum() for letter in title):
        return reading.key("subject:" + subject.identity_of(title))
    for name in ("references", "in-reply-to", "message-id"):
        if found := mail.headers.get(name, "").split():
            return reading.key("thread:" + found[0])
    return reading.key("text:" + (reading.first_line(mail.text) or UNTITLED))


SOURCE = Email()
