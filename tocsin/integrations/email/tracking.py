"""What does a mail service report afterwards? Delivered, not yet, bounced, marked as spam: proved first, then read by anymail's view for it.

Services that sign nothing call an address that is signed by us, and may give a user and a password as well.
"""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from tocsin.domain.ports import Callback, ForgedError, Outcome, Report
from tocsin.integrations import answers, signing
from tocsin.integrations.email.service import METADATA, mark
from tocsin.integrations.email.services import SERVICES, listening, wrong

LONGEST_AGE = 300  # seconds that a signed time may lie from ours
LONGEST_WORDS = 250
MOST_EVENTS = 1_000  # of one call
PAGE, OTHERS = "tocsin", ("follower", "invitation")  # what a mail of ours may be

WHY = {
    "invalid": "there is no such address", "bounced": "the address does not take mail", "timed_out": "its server did not take it in time",
    "blocked": "its server or the service blocks it", "spam": "it was marked as spam before", "unsubscribed": "its owner unsubscribed at the service",
}  # fmt: skip
NO_SUCH_ADDRESS = re.compile(r"\b5\.1\.(?:0|1|2|3|6|10)\b")
SPARKPOST_SOFT = ("20", "21", "22", "23", "24", "40", "60", "70", "100")  # its bounce classification codes, of the category Soft
FOR_GOOD = ("invalid", "bounced", "spam", "unsubscribed")  # the service sends nothing there any more


def read(call: Callback) -> list[Report]:
    """The reports in one call. Raises ForgedError."""
    if not settings.MAIL_SERVICE or wrong() or not SERVICES[settings.MAIL_SERVICE].webhook:
        raise ForgedError("No mail service is set up that calls here.")
    from anymail.exceptions import AnymailConfigurationError, AnymailWebhookValidationFailure

    service, request, view = SERVICES[settings.MAIL_SERVICE], _request(call), _view(call)
    _in_time(call)
    try:
        view.run_validators(request)
        events = view.parse_events(request)
    except AnymailWebhookValidationFailure as error:
        raise ForgedError(f"This call is not proved to come from {service.label}: {str(error).splitlines()[0]}") from error
    except AnymailConfigurationError as error:
        raise ForgedError(str(error)) from error
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        raise ForgedError(f"This cannot be read as a call of {service.label}: {type(error).__name__}") from error
    return [report for event in events[:MOST_EVENTS] if (report := report_of(event, service.label))]


def _view(call: Callback) -> Any:
    name, service = settings.MAIL_SERVICE, SERVICES[settings.MAIL_SERVICE]
    view = getattr(import_module(f"anymail.webhooks.{name}"), service.webhook.format(service.label))
    try:
        made_with = dict(listening(call.url))
    except ValueError as error:
        raise ForgedError(str(error)) from error
    if name == "resend":
        secret = str(made_with.pop("signing_secret"))
        if wrong := signing.complaint("generic", secret, lambda one: call.headers.get(_svix(one), ""), call.body, call.at.timestamp()):
            raise ForgedError(wrong)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its advice is for those who mount the views themselves
        return view(**made_with)


def _svix(name: bytes) -> str:
    """Resend's names for the headers of Standard Webhooks."""
    return name.decode().replace("webhook-", "svix-")


def _in_time(call: Callback) -> None:
    """What is signed with a time must not be old (D20)."""
    at = call.headers.get("x-twilio-email-event-webhook-timestamp", "")
    if settings.MAIL_SERVICE == "mailgun":
        try:
            at = str(json.loads(call.body)["signature"]["timestamp"])
        except (ValueError, LookupError, TypeError, RecursionError):
            raise ForgedError("This cannot be read as a call of Mailgun: its signature is missing.") from None
    if at and not (at.isdigit() and len(at) < 15 and abs(call.at.timestamp() - int(at)) <= LONGEST_AGE):
        raise ForgedError(f"The time that is signed is not within the last {LONGEST_AGE // 60} minutes.")


def _request(call: Callback) -> WSGIRequest:
    parts = urlsplit(call.url)
    environ = {
        "REQUEST_METHOD": call.method, "PATH_INFO": parts.path, "QUERY_STRING": parts.query, "wsgi.input": io.BytesIO(call.body),
        "CONTENT_LENGTH": str(len(call.body)), "CONTENT_TYPE": call.headers.get("content-type", ""), "wsgi.url_scheme": parts.scheme,
        "SERVER_NAME": parts.hostname or "localhost", "SERVER_PORT": str(parts.port or 80),
    }  # fmt: skip
    heads = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in call.headers.items() if name not in ("content-type", "host")
    }
    return WSGIRequest({**environ, **heads})


def report_of(event: Any, label: str) -> Report | None:
    """What one event says of a page; None where it says nothing of its arrival (opened, clicked) or is about a mail of another installation."""
    found = event.metadata.get(METADATA) if isinstance(event.metadata, dict) else None
    kind, number = _about(found) if found else ("", None)
    if found and number is None:
        return None
    report = _said(event, label)
    return report and replace(report, notification=number if kind == PAGE else None, about=f"{kind}-{number}" if kind in OTHERS else "")


def _said(event: Any, label: str) -> Report | None:
    words, kind, why = _words(event), event.event_type, event.reject_reason or ""
    name = str(event.message_id or "")
    if kind == "delivered":
        return Report(Outcome.DELIVERED, "the receiving mail server has it", name)
    if kind == "deferred":
        return Report(Outcome.ACCEPTED, f"the receiving mail server does not take it yet{words}", name)
    if kind in ("complained", "unsubscribed"):
        said = "was marked as spam" if kind == "complained" else "was unsubscribed from"
        return Report(Outcome.DELIVERED, f"it {said}: {label} sends nothing to this address any more", name, gone=True)
    if kind not in ("bounced", "rejected", "failed"):
        return None
    if gone := _for_good(event, why):
        why = why if why in FOR_GOOD else "bounced"
    said = WHY.get(why, "it was sent back") if gone or why not in FOR_GOOD else "it was sent back"
    return Report(Outcome.FAILED, f"not delivered: {said}{words}", name, gone=gone)


def _for_good(event: Any, why: str) -> bool:
    """Whether the address itself is what is wrong. Where anymail gives no reason: SendGrid's `type`, or the server's status (RFC 3463, 5.1)."""
    raw = event.esp_event if isinstance(event.esp_event, dict) else {}
    if _is_soft(raw):
        return False
    return why in FOR_GOOD or raw.get("type") == "bounce" or NO_SUCH_ADDRESS.search(f"{event.mta_response} {event.description}") is not None


def _is_soft(raw: dict[str, Any]) -> bool:
    """Whether the service itself says that a later mail may arrive: a full mailbox, say. anymail calls it a bounce as any other."""
    words = {
        str(raw.get(name) or "").removeprefix("activity.") for name in ("event", "type", "Type", "status")
    }  # Brevo and Mandrill, MailerSend, Postmark
    inner = [raw.get("data"), raw.get("msys")]
    resend = inner[0].get("bounce") if isinstance(inner[0], dict) else None
    sparkpost = inner[1].get("message_event") if isinstance(inner[1], dict) else None
    return (
        bool(words & {"soft_bounce", "soft_bounced", "SoftBounce"})
        or (raw.get("event") == "bounce" and raw.get("hard_bounce") is False)  # Mailjet
        or (isinstance(resend, dict) and resend.get("type") == "Transient")
        or (isinstance(sparkpost, dict) and str(sparkpost.get("bounce_class")) in SPARKPOST_SOFT)
    )


def _about(found: Any) -> tuple[str, int | None]:
    """What a mail of ours says that it is."""
    kind, _, number = str(found).partition("@")[0].rpartition("-")
    known = kind in (PAGE, *OTHERS) and number.isascii() and number.isdigit() and len(number) < 18
    return (kind, int(number)) if known and found == mark(f"{kind}-{number}") else ("", None)


def _words(event: Any) -> str:
    raw = event.esp_event if isinstance(event.esp_event, dict) else {}
    given: Iterable[Any] = (event.mta_response, event.description, raw.get("comment"), raw.get("error"))  # Mailjet's are the last two
    text = next((" ".join(str(one).split()) for one in given if one), "")
    return f" ({answers.cut(text, LONGEST_WORDS)})" if text else ""
