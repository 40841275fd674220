"""How is Twilio's REST API spoken to, and what do its answers mean for a page?

https://www.twilio.com/docs/api/errors lists the numbers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from tocsin.domain.ports import Account, Answer, Field, Outcome, Receipt
from tocsin.integrations import answers
from tocsin.lib import http

BASE = "https://api.twilio.com"
OPTED_OUT = 21610
BAD_CALLBACK = (21609, 21205, 21626)  # Twilio cannot call an address like ours (a name without a public host)
FIELDS = (
    Field("account_sid", "Account SID", help="Begins with AC; on the first page of Twilio's console."),
    Field("auth_token", "Auth token", secret=True, help="Also proves the calls that Twilio makes to us."),
    Field(
        "api_key_sid",
        "API key SID",
        required=False,
        help="Begins with SK; where set, requests are signed with it instead of the auth token.",
    ),
    Field("api_key_secret", "API key secret", secret=True, required=False),
    Field(
        "shared_key",
        "Shared key of webhooks",
        secret=True,
        required=False,
        help="Where Twilio signs its calls with a shared key (HMAC-SHA256) instead of the auth token.",
    ),
)
PLACE = Field("base_url", "Address of the API", required=False, default=BASE, help="Another one only for Twilio's regions.")
_ID = {"account_sid": re.compile(r"AC[0-9a-f]{32}"), "api_key_sid": re.compile(r"SK[0-9a-f]{32}")}
_FAILED: dict[int, str] = {  # no account will do better
    21211: "the number is not valid",
    21214: "the number cannot be called",
    21217: "the number is not valid",
    21265: "the number cannot be a short code",
    21401: "the number is not valid",
    21407: "the number cannot be reached this way",
    21421: "the number is not valid",
    OPTED_OUT: "the person has opted out: they replied STOP to the sender's number and can reply START",
    21614: "the number is not a mobile phone",
    21635: "the number is a landline and takes no texts",
    13223: "the number is not valid",
    13224: "the number is not valid",
    13225: "the number may not be called (it is on a list of forbidden numbers)",
    30003: "the phone cannot be reached: it is off or has no signal",
    30004: "the carrier or the person blocks the message",
    30005: "the number does not exist",
    30006: "the number is a landline, or its carrier takes no texts",
    30007: "the carrier rejected the text as unwanted",
    30008: "the carrier gave no reason",
    30010: "the message costs more than the account allows",
    30017: "the carrier's network is overloaded",
    30044: "trial accounts may not send messages this long",
    30454: "the account has reached its limit of texts of the day",
    60410: "Twilio's protection against fraud blocks this number",
}
_REFUSED: dict[int, str] = {  # another account may do better
    13227: "calls to this country are switched off at Twilio (geographic permissions)",
    21215: "calls to this country are switched off at Twilio (geographic permissions)",
    21216: "calls to this number are not allowed by Twilio",
    21408: "texts to this country are switched off at Twilio (geographic permissions)",
    32205: "calls to this country are switched off at Twilio (geographic permissions)",
    21612: "the sender cannot reach this number",
    30034: "the sender's number is not registered (A2P 10DLC)",
    30032: "the sender's toll-free number is not verified",
    30024: "the sender's number is not known to the carrier",
    21608: "the number is not verified, and this is a trial account",
    21219: "the number is not verified, and this is a trial account",
    20003: "Twilio does not accept the account's secret",
    20005: "the account is suspended",
    20006: "the secret may not do this",
    20404: "Twilio knows no such account",
    20008: "these are test credentials",
    30001: "the queue of the account is full",
    30002: "the account is suspended",
    21210: "the sender's number does not belong to the account",
    21212: "the sender's number is not valid",
    21606: "the sender's number cannot send to this one",
    21603: "the account has no sender's number",
    21659: "the sender's number does not belong to the account",
    21660: "the sender's number does not belong to the account",
    21701: "the messaging service does not exist",
    21703: "the messaging service has no number",
    63038: "the account has reached its limit of messages of the day",
}


@dataclass(frozen=True)
class Said:
    """What Twilio answered: the record that it made, or why it made none (a receipt)."""

    record: dict[str, Any]
    refusal: Receipt | None = None
    code: int = 0


def check(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the fields that every account has: a sentence each."""
    errors = {}
    if not _ID["account_sid"].fullmatch(values["account_sid"]):
        errors["account_sid"] = "An account SID is AC and 32 digits or letters from a to f."
    if values["api_key_sid"] and not _ID["api_key_sid"].fullmatch(values["api_key_sid"]):
        errors["api_key_sid"] = "The SID of an API key is SK and 32 digits or letters from a to f."
    if bool(values["api_key_sid"]) != bool(values["api_key_secret"]):
        errors["api_key_secret"] = "An API key is its SID and its secret: give both or neither."  # noqa: S105 - a sentence
    return errors | answers.wrong_address("base_url", values["base_url"] or BASE)


Form = Mapping[str, str | list[str]]


def post(account: Account, path: str, form: Form, *, unheard: Form) -> Said:
    """Make a record. Where Twilio cannot call us back, `unheard` is asked for instead: a page matters more than its report."""
    said = _request(account, "POST", path, form)
    return _request(account, "POST", path, unheard) if said.code in BAD_CALLBACK else said


def get(account: Account, path: str) -> dict[str, Any] | None:
    """A record; None where there is no answer to be had now."""
    said = _request(account, "GET", path)
    return None if said.refusal else said.record


def _request(account: Account, method: str, path: str, form: Form | None = None) -> Said:
    values = account.values
    user, secret = values.get("api_key_sid") or values["account_sid"], values.get("api_key_secret") or values["auth_token"]
    headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode(), "Accept": "application/json"}
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    url = f"{(values.get('base_url') or BASE).rstrip('/')}/2010-04-01/Accounts/{values['account_sid']}/{path}"
    try:
        answer = http.request(method, url, headers=headers, content=urlencode(form, doseq=True).encode() if form is not None else b"")
    except http.BlockedError as error:
        return Said({}, Receipt(Outcome.REFUSED, str(error)))
    except http.UnreachableError as error:
        return Said({}, Receipt(Outcome.UNKNOWN if error.sent else Outcome.RETRY, f"no answer: {error}"))
    return _read(answer)


def _read(answer: http.Answer) -> Said:
    body = answers.plain(answer)
    if 200 <= answer.status < 300 and body.get("sid"):
        return Said(body)
    if 200 <= answer.status < 300:  # it may have gone out: nobody else says 2xx
        return Said({}, Receipt(Outcome.UNKNOWN, "the answer is not what Twilio answers"))
    code = body.get("code") if isinstance(body.get("code"), int) else 0
    return Said({}, _refusal(answer, code or 0, str(body.get("message") or "")), code or 0)


def _refusal(answer: http.Answer, code: int, message: str) -> Receipt:
    if answer.status == 429 or answer.status >= 500:
        return answers.refused(answer, message)
    if code in _FAILED:
        return Receipt(Outcome.FAILED, f"{_FAILED[code]} ({code})", stopped=code == OPTED_OUT)
    if code in _REFUSED or answer.status in (401, 403, 404):
        return Receipt(Outcome.REFUSED, f"{_REFUSED.get(code, f'Twilio answered {answer.status}')}" + (f" ({code})" if code else ""))
    return Receipt(Outcome.FAILED, f"Twilio answered {answer.status}: {message[:200]}" + (f" ({code})" if code else ""))


def element(name: str, text: str, **attributes: str) -> str:
    """An element of TwiML around a text from outside; signs that XML cannot carry are left out."""
    inside = "".join(letter for letter in text if letter.isprintable() or letter == "\n")
    return f"<{name}{''.join(f' {key}={quoteattr(value)}' for key, value in attributes.items())}>{escape(inside)}</{name}>"


def twiml(inside: str) -> Answer:
    """A whole answer in TwiML."""
    return Answer(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inside}</Response>'.encode(), "application/xml; charset=utf-8")


def failure(code: str | int | None) -> str:
    """The words for a number that a report carries."""
    number = int(code) if code and str(code).isdigit() else 0
    if number == 0:
        return "no reason was given"
    return f"{_FAILED.get(number) or _REFUSED.get(number) or 'for a reason of its own'} ({number})"
