"""How is a provider with an HTTP interface spoken to? A recipe: what is asked, what a good answer is, what its reports and replies mean.

Templates and expressions are minijinja. They know: to (+4915…), number (the same without the +), sender, text, title, link, callback, key,
user, password, token, and base_url where the account has one; in answers: status, body (JSON or form), text; in calls to us: body, query;
in what is answered to a call: said, done, menu, callback.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote, urlencode

from tocsin.lib import http, templates
from tocsin.lib.templates import BadTemplateError

EXPRESSIONS = (
    "success", "refused", "bad_number", "id", "reason", "report_id", "report", "report_reason", "machine", "ask", "ask_reason", "reply_from",
    "reply_text", "key",
)  # fmt: skip
FORMS = {"application/xml": "xml", "text/xml": "xml", "application/json": "json", "text/plain": "txt"}
SAMPLE = {
    "to": "+4915112345678", "number": "4915112345678", "sender": "+14155550100", "text": "Checkout is down", "title": "Checkout is down",
    "link": "https://tocsin.example/ack/x/", "callback": "https://tocsin.example/callbacks/pages/x/", "key": "tocsin-1", "user": "user",
    "password": "password", "token": "token", "base_url": "https://provider.example", "id": "1", "said": "You have it.", "done": True, "menu": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """Empty parts are not used: a provider without `report` says nothing afterwards, one without `reply_text` takes no answers."""

    url: str = ""
    method: str = "POST"
    headers: str = ""  # lines "Name: template"
    body: str = ""  # JSON whose texts are templates, or lines "name=template" that are sent as a form
    success: str = "status >= 200 and status < 300"
    refused: str = "status == 401 or status == 402 or status == 403"  # this account is of no use
    bad_number: str = ""  # the number is of no use
    id: str = ""
    reason: str = ""
    report_id: str = ""
    report: str = ""  # the provider's word for what became of the message
    report_reason: str = ""
    delivered: str = "delivered"  # those words, with commas
    failed: str = "failed, undelivered, rejected, expired"
    machine: str = ""  # an answering machine took the call
    ask_url: str = ""
    ask: str = ""
    ask_reason: str = ""
    end_url: str = ""  # asked with DELETE while a call goes on that nobody needs any more
    reply_from: str = ""
    reply_text: str = ""
    key: str = ""  # that was pressed in a call
    answer: str = ""  # a template of what is answered to a reply, a key, or a call that asks what to say
    answer_type: str = "text/plain"

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Recipe:
        """The recipe in an account's values."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known and value})

    def words(self, which: str) -> set[str]:
        """The provider's words for an end, in small letters."""
        return {word.strip().lower() for word in getattr(self, which).split(",") if word.strip()}


def request(recipe: Recipe, values: Mapping[str, Any]) -> tuple[str, str, dict[str, str], bytes]:
    """Method, address, headers and body of the request that sends a message. Raises BadTemplateError."""
    headers = lines(recipe.headers, ":", values)
    kind, body = content(recipe.body, values)
    if body and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = kind
    return recipe.method, address(recipe.url, values), headers, body


def address(template: str, values: Mapping[str, Any]) -> str:
    """A web address; what is filled in is quoted, so that it stays one piece of it."""
    safe = {name: quote(value, safe="") if isinstance(value, str) and name != "base_url" else value for name, value in values.items()}
    return templates.render(template, safe).strip()


def lines(text: str, sign: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Lines "name: template" with what they come to, each in one line. Raises BadTemplateError."""
    found = {}
    for line in text.splitlines():
        name, there, template = line.partition(sign)
        if not line.strip():
            continue
        if not there or not name.strip():
            raise BadTemplateError(f"Each line is a name, {sign} and a text; this one is not: {line.strip()[:60]!r}.")
        found[name.strip()] = (
            " ".join(templates.render(template.strip(), values).splitlines()) if sign == ":" else templates.render(template, values)
        )
    return found


def content(template: str, values: Mapping[str, Any]) -> tuple[str, bytes]:
    """The type and bytes of a body: JSON where the template is JSON, else a form. Raises BadTemplateError."""
    if not template.strip():
        return "", b""
    if template.lstrip()[0] in "{[":
        try:
            plain = json.loads(template)
        except (ValueError, RecursionError) as error:
            raise BadTemplateError("A body that begins with { or [ is JSON, with templates in its texts; this is not.") from error
        return "application/json", json.dumps(_filled(plain, values)).encode()
    return "application/x-www-form-urlencoded", urlencode(lines(template, "=", values)).encode()


def _filled(plain: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(plain, str):
        return templates.render(plain, values)
    if isinstance(plain, dict):
        return {name: _filled(one, values) for name, one in plain.items()}
    return [_filled(one, values) for one in plain] if isinstance(plain, list) else plain


def expression(text: str, values: Mapping[str, Any]) -> Any:
    """What it comes to; None where there is no expression. Raises BadTemplateError."""
    return templates.value(text, values) if text.strip() else None


def check(recipe: Recipe) -> dict[str, str]:
    """A sentence for each part that cannot be: everything is tried with a sample."""
    errors: dict[str, str] = {}
    tried: list[tuple[str, Any]] = [
        ("url", lambda: http.check_url(address(recipe.url, SAMPLE))),
        ("headers", lambda: lines(recipe.headers, ":", SAMPLE)),
        ("body", lambda: content(recipe.body, SAMPLE)),
        ("answer", lambda: templates.render(recipe.answer, SAMPLE)),
        *[
            (name, lambda name=name: expression(getattr(recipe, name), {"status": 200, "body": {}, "text": "", "query": {}}))
            for name in EXPRESSIONS
        ],
    ]
    for name in ("ask_url", "end_url"):
        if template := getattr(recipe, name):
            tried.append((name, lambda template=template: http.check_url(address(template, SAMPLE))))
    for name, attempt in tried:
        try:
            attempt()
        except ValueError as error:
            errors[name] = str(error)
    if recipe.method not in ("POST", "GET", "PUT"):
        errors["method"] = "It is POST, GET or PUT."
    if recipe.answer_type not in FORMS:
        errors["answer_type"] = f"Choose one of {', '.join(FORMS)}."
    return errors
