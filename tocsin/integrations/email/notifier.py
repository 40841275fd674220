"""How is a page sent by mail? SMTP by the mail settings, or the mail service that they name; plain text and simple HTML, the same Message-ID on each attempt."""

from __future__ import annotations

import smtplib
import threading
from contextlib import suppress
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.validators import validate_email
from django.utils.html import escape

from tocsin.domain.ports import Abilities, Message, Outcome, Receipt
from tocsin.domain.providers import another
from tocsin.integrations.email import service

TIME_LIMIT = 20.0  # seconds for the whole conversation
STEP_LIMIT = 10.0  # seconds for one answer of the server


class Email:
    """Mail through the configured SMTP server or mail service; "accepted" means that this took it."""

    kind = "email"
    label = "E-mail"
    abilities = Abilities()

    def check_address(self, address: str) -> str:
        """The address in lower case. Raises ValueError."""
        address = address.strip()
        try:
            validate_email(address)
        except ValidationError as error:
            raise ValueError("Give an e-mail address, for example ana@example.com.") from error
        return address.lower()

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """One mail; the SMTP server takes over where the mail service does not take it."""
        receipt = service.send(compose(address, message, key), key=key) if settings.MAIL_SERVICE else None
        if receipt is None or another(receipt.outcome):
            return self.alone(address, message, key=key) or receipt or Receipt(Outcome.FAILED, "no mail server is set up")
        return receipt

    def alone(self, address: str, message: Message, *, key: str) -> Receipt | None:
        """By SMTP; None where a mail service is set up and no SMTP server. A 4xx answer is temporary, a 5xx permanent; a cut after the text was
        sent is unknown."""
        if settings.MAIL_SERVICE and not settings.EMAIL_HOST:
            return None
        mail = compose(address, message, key)
        connection = _connection()
        timer = threading.Timer(TIME_LIMIT, getattr(connection, "cut", lambda: None))
        timer.daemon = True
        timer.start()
        try:
            connection.send_messages([mail])
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return _refused(code, text)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            outcome = Outcome.UNKNOWN if getattr(connection, "text_sent", False) else Outcome.RETRY
            return Receipt(outcome, f"the mail server stopped answering: {str(error)[:200]}")
        except (smtplib.SMTPException, OSError) as error:
            outcome = Outcome.UNKNOWN if getattr(connection, "text_sent", False) else Outcome.RETRY
            return Receipt(outcome, f"the mail server could not be reached: {str(error)[:200]}")
        finally:
            timer.cancel()
        return Receipt(Outcome.ACCEPTED, "the mail server took it", provider_id=mail.extra_headers["Message-ID"])


def compose(address: str, message: Message, key: str) -> EmailMultiAlternatives:
    """The mail as it goes out: text, the same as simple HTML, and headers that keep machines from answering it."""
    title = " ".join(message.title.split())
    lines = [message.text]
    if message.link:
        lines += ["", f"Acknowledge: {message.link}"]
    if where := message.facts.get("subject_url"):
        lines += ["", f"Details: {where}"]
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or urlsplit(settings.TOCSIN_URL).hostname or "localhost"
    headers = {
        "Message-ID": f"<{key}@{domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Tocsin-Page": "yes",
    }
    if message.urgent:
        headers |= {"X-Priority": "1", "Importance": "high"}
    mail = EmailMultiAlternatives(title, "\n".join(lines), settings.DEFAULT_FROM_EMAIL, [address], headers=headers)
    mail.attach_alternative(_html(message), "text/html")
    return mail


def _html(message: Message) -> str:
    body = "".join(f"<p>{escape(line)}</p>" for line in message.text.splitlines() if line.strip())
    if message.link:
        body += f'<p><a href="{escape(message.link)}"><strong>Acknowledge</strong></a></p>'
    if where := message.facts.get("subject_url"):
        body += f'<p><a href="{escape(where)}">Details</a></p>'
    return f"<!doctype html><html><body>{body}</body></html>"


def _refused(code: int, text: bytes | str) -> Receipt:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    outcome = Outcome.FAILED if 500 <= code < 600 else Outcome.RETRY
    return Receipt(outcome, f"the mail server answered {code} {words[:200]}")


class _Watched(EmailBackend):
    """Django's SMTP connection whose conversation can be ended from outside at any moment, from the first byte on."""

    conversation: Any = None
    text_sent = False  # from then on it may have been taken, whatever happens to the answer

    @property
    def connection_class(self) -> type:
        backend, base = self, super().connection_class

        class Conversation(base):  # type: ignore[misc, valid-type]
            def _get_socket(self, *address: Any) -> Any:
                backend.conversation = self
                return super()._get_socket(*address)

            def data(self, msg: Any) -> Any:
                backend.text_sent = True
                answer = super().data(msg)
                backend.text_sent = 200 <= answer[0] < 300
                return answer

        return Conversation

    def cut(self) -> None:
        """A server that sends one byte every ten seconds never runs into the limit of one step: end the whole conversation."""
        sock = getattr(self.conversation, "sock", None)
        if sock is not None:
            with suppress(OSError):  # closed already
                sock.shutdown(2)


def _connection() -> Any:
    # Another backend (the tests' outbox, a provider's API) has time limits of its own.
    if settings.EMAIL_BACKEND not in (service.SMTP, "tocsin.integrations.email.service.Backend"):
        return get_connection()
    return _Watched(timeout=STEP_LIMIT)


NOTIFIER = Email()
