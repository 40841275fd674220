"""How does a mail go out through a mail service? By anymail's backend for it, over the egress gate, and with the service's words when it refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from smtplib import SMTPRecipientsRefused
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend

from tocsin.domain.ports import Outcome, Receipt
from tocsin.domain.providers import another
from tocsin.integrations import answers
from tocsin.integrations.email.services import SERVICES, sending, wrong
from tocsin.lib import http

LONGEST_WORDS = 300
KEEPS_MESSAGE_ID = ("mailgun",)  # the others make their own, or refuse ours
ABOUT = "tocsin_about"  # the name under which a mail says what it is (see `about`)
METADATA = "tocsin"  # what a mail carries, so that its service's reports name the page: the key and our host


SMTP = "django.core.mail.backends.smtp.EmailBackend"


class NotTakenError(OSError):
    """No way out took the mail; the sentence says why. `gone`: the address is what is wrong, and stays so."""

    def __init__(self, sentence: str, *, gone: bool = False) -> None:
        super().__init__(sentence)
        self.gone = gone


def bounce(error: Exception) -> str:
    """What the service or server said where it took a mail to nobody because of the address itself; "" for every other failure."""
    if isinstance(error, SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        return f"the mail server answered {code} {said[:200]}" if 500 <= code < 600 else ""
    return str(error) if isinstance(error, NotTakenError) and error.gone else ""


class Backend(BaseEmailBackend):
    """Django's way to the mail service, for what is no page: invitations, lost passwords. The SMTP server takes over where it fails."""

    def send_messages(self, email_messages: Sequence[Any]) -> int:
        """How many were taken. Raises NotTakenError, unless it shall fail silently."""
        taken = 0
        for mail in email_messages:
            receipt = send(mail, key=getattr(mail, ABOUT, ""))
            if receipt.outcome is Outcome.ACCEPTED:
                taken += 1
            elif settings.EMAIL_HOST and another(receipt.outcome):
                taken += get_connection(SMTP, fail_silently=self.fail_silently).send_messages([mail]) or 0
            elif not self.fail_silently:
                raise NotTakenError(receipt.reason, gone=receipt.gone)
        return taken


def about(mail: Any, kind: str, number: int) -> Any:
    """The same mail, which says what it is though it is no page ("follower", 5), so that what its service reports finds its way there."""
    setattr(mail, ABOUT, f"{kind}-{number}")
    return mail


def mark(key: str) -> str:
    """What stands in the metadata of a mail. The host keeps two installations with one account apart."""
    return f"{key}@{urlsplit(settings.TOCSIN_URL).hostname}"


def send(mail: Any, *, key: str = "") -> Receipt:
    """One mail to one person, within 10 s."""
    if sentence := wrong():
        return Receipt(Outcome.REFUSED, sentence)
    from anymail.exceptions import AnymailError, AnymailRecipientsRefused, AnymailRequestsAPIError

    label = SERVICES[settings.MAIL_SERVICE].label
    if settings.MAIL_SERVICE not in KEEPS_MESSAGE_ID:
        mail.extra_headers.pop("Message-ID", None)
    if key:
        mail.metadata = {METADATA: mark(key)}
    try:
        _backend(settings.MAIL_SERVICE)(**sending(), ignore_unsupported_features=True).send_messages([mail])
    except AnymailRecipientsRefused as error:
        words = _words(error.response)
        return Receipt(Outcome.FAILED, f"{label} sends nothing to this address" + (f": {words}" if words else ""), gone=True)
    except AnymailRequestsAPIError as error:
        return _refused(label, error)
    except AnymailError as error:
        return Receipt(Outcome.REFUSED, f"{label} cannot be used as it is set up: {str(error).splitlines()[0][:LONGEST_WORDS]}")
    except Exception as error:  # an answer that its backend did not expect
        return Receipt(Outcome.UNKNOWN, f"{label}'s answer was not understood: {type(error).__name__}")
    status, answer = mail.anymail_status, mail.anymail_status.esp_response
    if (status.status or set()) & {"failed", "invalid", "rejected"} or (answer is not None and answer.status_code >= 300):
        return Receipt(Outcome.FAILED, f"{label} did not take it: {_words(answer)}")
    return Receipt(Outcome.ACCEPTED, f"{label} took it", provider_id=str(status.message_id or ""))


@cache
def _backend(name: str) -> Any:
    from tocsin.lib.requests_session import GuardedSession

    def create_session(self: Any) -> Any:
        return GuardedSession()

    return type("Guarded", (import_module(f"anymail.backends.{name}").EmailBackend,), {"create_session": create_session})


def _refused(label: str, error: Any) -> Receipt:
    """Without an answer, temporary or unknown; else the account's fault: addresses that are refused come as another exception."""
    response = error.response
    if response is None:
        cause = error.__cause__.__cause__ if error.__cause__ else None
        if isinstance(cause, http.UnreachableError):
            return Receipt(Outcome.UNKNOWN if cause.sent else Outcome.RETRY, f"no answer of {label}: {cause}")
        return Receipt(Outcome.REFUSED, f"{label} cannot be reached from here: {cause or error.args[0]}"[:LONGEST_WORDS])
    answer = http.Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content)
    receipt = answers.refused(answer, _words(response))
    outcome = Outcome.REFUSED if receipt.outcome is Outcome.FAILED else receipt.outcome
    return Receipt(outcome, f"{label} {receipt.reason}", retry_after=receipt.retry_after)


def _words(response: Any) -> str:
    """What the service says, as one line."""
    if response is None:
        return ""
    try:
        said = response.json()
    except ValueError:
        return answers.cut(" ".join(re.sub(r"<[^>]*>", " ", response.text).split()), LONGEST_WORDS)
    while isinstance(said, (list, dict)) and said:
        names = ("Message", "message", "ErrorMessage", "reason", "error", "errors", "Errors", "Messages", "description")
        said = said[0] if isinstance(said, list) else next((said[name] for name in names if said.get(name)), "")
    return answers.cut(" ".join(str(said or "").split()), LONGEST_WORDS)
