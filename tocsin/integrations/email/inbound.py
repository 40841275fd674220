"""How do the mail services hand over a mail that they took in: Mailgun, SendGrid, Postmark, Mailjet, and a mail as it is?

Wire formats: Mailgun "Receiving, forwarding and storing messages", SendGrid "Inbound Parse Webhook", Postmark "Inbound webhook",
Mailjet "Parse API".
"""

from __future__ import annotations

import json
from typing import Any

from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.email import message
from tocsin.integrations.email.message import KEPT, Mail
from tocsin.integrations.reading_body import form_of
from tocsin.integrations.reading_depth import too_deep

WHOLE = ("body-mime", "email", "mime", "raw", "rawEmail", "RawEmail")  # fields that hold the mail as it came: Mailgun, SendGrid
MAIL_TYPES = ("message/rfc822", "message/global", "application/octet-stream")
EXPECTED = "a mail was expected: as it is (message/rfc822), or as Mailgun, SendGrid, Postmark or Mailjet post it"


def mails(received: Received) -> list[Mail]:
    """The mails in a body: one, or each of a JSON list. Raises UnreadableError."""
    kind = received.content_type.partition(";")[0].strip().lower()
    body = received.body.removeprefix(b"\xef\xbb\xbf").strip()
    if not body:
        raise UnreadableError(f"the body is empty; {EXPECTED}")
    if kind in MAIL_TYPES:
        return [message.read(received.body)]
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        return [_form(form_of(received))]
    if body[:1] in (b"{", b"["):
        said = reading.json_body(received)
        return [_item(item) for item in (said if isinstance(said, list) else [said])[:MOST_MAILS]]
    if b":" in body.split(b"\n", 1)[0]:
        return [message.read(received.body)]
    raise UnreadableError(EXPECTED)


MOST_MAILS = 100  # of one JSON list


def _item(item: Any) -> Mail:
    fields = reading.checked(item, "the mail")
    for name in WHOLE:
        if isinstance(whole := fields.get(name), str) and "\n" in whole:
            return message.read(whole.encode("utf-8", "surrogateescape"))
    if not any(
        name in fields for name in ("Subject", "subject", "TextBody", "HtmlBody", "Text-part", "Html-part", "text", "html", "body-plain")
    ):
        raise UnreadableError(EXPECTED)
    headers = _headers(fields.get("Headers", fields.get("headers")))
    first = _first(fields)
    text = first("StrippedTextReply") if not first("TextBody") else ""
    mail = _mail(
        first("Subject", "subject"), first("TextBody", "Text-part", "text", "body-plain", "plain") or text,
        first("HtmlBody", "Html-part", "html", "body-html"), first("From", "Sender", "from", "sender"), headers,
    )  # fmt: skip
    if first("Date", "date"):
        mail.headers.setdefault("date", first("Date", "date"))
    mail.attachments += [
        reading.text(one.get("Name") or one.get("FileName") or one.get("filename"), 200) or "unnamed"
        for one in _listed(fields.get("Attachments", fields.get("attachments")))
        if isinstance(one, dict)
    ]
    mail.attachments += [
        reading.text(name, 200) for name in fields if name.startswith(("Attachment", "InlineAttachment")) and name != "Attachments"
    ]
    del mail.attachments[message.MOST_ATTACHMENTS :]
    return mail


def _form(form: dict[str, bytes]) -> Mail:
    """Mailgun's and SendGrid's forms; the character set of each SendGrid field is told in `charsets`."""
    for name in WHOLE:
        if b"\n" in form.get(name, b""):
            return message.read(form[name])
    charsets = _json(form.get("charsets", b""))
    charsets = charsets if isinstance(charsets, dict) else {}

    def first(*names: str) -> str:
        return next((_decoded(form[name], charsets.get(name)) for name in names if form.get(name)), "")

    if not any(name in form for name in ("subject", "Subject", "body-plain", "body-html", "text", "html")):
        raise UnreadableError(EXPECTED)
    headers = _headers(_json(form.get("message-headers", b""))) or message.read(form.get("headers", b"").strip() + b"\n\n").headers
    mail = _mail(
        first("subject", "Subject"), first("body-plain", "text", "stripped-text"), first("body-html", "html", "stripped-html"),
        first("from", "From", "sender"), headers,
    )  # fmt: skip
    listed = _json(form.get("attachments", b"")) or _json(form.get("attachment-info", b""))
    for one in listed.values() if isinstance(listed, dict) else _listed(listed):
        if isinstance(one, dict) and len(mail.attachments) < message.MOST_ATTACHMENTS:
            mail.attachments.append(reading.text(one.get("filename") or one.get("name"), 200) or "unnamed")
    return mail


def _mail(subject: str, text: str, html: str, sender: str, headers: dict[str, str]) -> Mail:
    subject = reading.text(" ".join(message.decoded(subject).split()), message.LONGEST_HEADER)
    sender = message.decoded(sender)
    headers = {**headers, "from": reading.text(sender, message.LONGEST_HEADER)} if sender else dict(headers)
    headers.pop("subject", None)
    return Mail(
        subject, reading.text(text if text.strip() else message.as_text(html)), message.address_of(headers.get("from", "")), headers
    )


def _headers(said: Any) -> dict[str, str]:
    """The kept headers: from Mailgun's list of pairs, Postmark's list of {Name, Value}, or Mailjet's object."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(said, dict):
        pairs = [(name, value[0] if isinstance(value, list) and value else value) for name, value in said.items()]
    for one in _listed(said):
        if isinstance(one, dict):
            pairs.append((one.get("Name"), one.get("Value")))
        elif isinstance(one, list) and len(one) == 2:
            pairs.append((one[0], one[1]))
    found: dict[str, str] = {}
    for name, value in pairs[: message.MOST_HEADERS]:
        lower = reading.text(name, 200).lower()
        if lower in KEPT and lower not in found:
            found[lower] = reading.text(message.decoded(reading.text(value, message.LONGEST_HEADER)), message.LONGEST_HEADER)
    return found


def _first(fields: dict[str, Any]) -> Any:
    def first(*names: str) -> str:
        return next((said for name in names if (said := reading.text(fields.get(name)))), "")

    return first


def _listed(value: Any) -> list[Any]:
    return value[: message.MOST_HEADERS] if isinstance(value, list) else []


def _json(value: bytes) -> Any:
    if not value or too_deep(value):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _decoded(value: bytes, charset: Any) -> str:
    for name in (charset if isinstance(charset, str) else "utf-8", "utf-8", "cp1252"):
        try:
            return value.decode(name)
        except (LookupError, ValueError):
            continue
    return value.decode("utf-8", "replace")
