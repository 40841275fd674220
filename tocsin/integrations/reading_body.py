"""How does a body become values: JSON, a form, a form with JSON in a field?"""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading

MOST_FORM_FIELDS = 500
JSON_FIELDS = ("payload", "data", "json", "body")
_FORM = re.compile(rb"[A-Za-z_%][\w.%+\-\[\]]{0,200}=")


def body_of(received: Received) -> Any:
    """The body as values; a form is an object of its fields. Raises UnreadableError with the sentence."""
    body = received.body.removeprefix(b"\xef\xbb\xbf").strip()
    if received.content_type.lower().startswith("multipart/form-data"):
        return _unpacked(_multipart(body, received.content_type))
    if body[:1] not in (b"{", b"[", b'"') and _FORM.match(body):
        return _unpacked(_form(body))
    return reading.json_body(received)


def form_of(received: Received) -> dict[str, bytes]:
    """The fields of a form (multipart or not) as the bytes that were sent. Raises UnreadableError."""
    if received.content_type.lower().startswith("multipart/form-data"):
        return {
            name: text.encode("utf-8", "surrogateescape")
            for name, text in _multipart(received.body, received.content_type, "surrogateescape").items()
        }
    return {name: text.encode("utf-8", "surrogateescape") for name, text in _form(received.body, "surrogateescape").items()}


def as_json(value: Any) -> Any:
    """What a text that holds JSON says; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return reading.json_body(Received(value.encode("utf-8", "replace"), "application/json", _NEVER))
    except UnreadableError:
        return value


_NEVER = reading.EARLIEST


def _form(body: bytes, errors: str = "replace") -> dict[str, str]:
    try:
        written = body.decode("utf-8", errors)
        return dict(parse_qsl(written, keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS, errors=errors))
    except ValueError:
        raise UnreadableError(f"the form has more than {MOST_FORM_FIELDS} fields") from None


def _multipart(body: bytes, content_type: str, errors: str = "replace") -> dict[str, str]:
    head = f"Content-Type: {reading.text(content_type, 300)}\r\n\r\n".encode()
    fields: dict[str, str] = {}
    try:
        for part in list(message_from_bytes(head + body + b"\r\n", policy=HTTP).iter_parts())[:MOST_FORM_FIELDS]:  # type: ignore[attr-defined]
            name = part.get_param("name", header="content-disposition")
            if isinstance(name, str):
                fields[name] = bytes(part.get_payload(decode=True) or b"").decode("utf-8", errors)
    except Exception:
        raise UnreadableError("the multipart form cannot be read") from None
    if not fields:
        raise UnreadableError("the multipart form has no field")
    return fields


def _unpacked(form: dict[str, str]) -> Any:
    """The JSON that a form carries in its field, else its fields, each opened where it holds JSON."""
    for name in JSON_FIELDS:
        if isinstance(inside := as_json(form.get(name)), (dict, list)):
            return inside
    if len(form) == 1 and isinstance(inside := as_json(next(iter(form))), (dict, list)):  # curl -d '{…}' with an = sign in it
        return inside
    return {name: as_json(value) for name, value in form.items()}
