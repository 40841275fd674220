"""What do the chats have in common? One JSON call through the guarded client, how its answer becomes a receipt, and what a page shows there."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tocsin.domain.ports import Account, Message, Outcome, Receipt
from tocsin.integrations import answers
from tocsin.lib import http

CALL_LIMIT = 8.0  # seconds for one call: a page may need two, and 20 are the most for both


class NotTaken(Exception):
    """The chat did not take it; the receipt says why, in plain words. `gone`: see Receipt."""

    def __init__(self, outcome: Outcome, reason: str, retry_after: float | None = None, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.receipt = Receipt(outcome, reason, retry_after=retry_after, gone=gone)


@dataclass(frozen=True, slots=True)
class Told:
    """What a chat answered: the status, the JSON object (empty where there was none), headers by lower-case name."""

    status: int
    said: dict[str, Any]
    headers: Mapping[str, str]


def call(
    method: str, url: str, *, token: str = "", body: Any = None, form: Mapping[str, str] | None = None, posts: bool = False,
    limit: float = CALL_LIMIT,
) -> Told:  # fmt: skip
    """One call. Raises NotTaken where there is no answer, or one that every chat means alike (429, 5xx).

    `posts`: the call makes something that would be there twice if it was made twice, so no answer to it is "unknown".
    """
    headers = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}
    content = b"" if body is None else json.dumps(body).encode()
    if form is not None:
        headers["Content-Type"], content = "application/x-www-form-urlencoded", urlencode(form).encode()
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer = http.request(method, url, headers=headers, content=content, time_limit=limit)
    except http.BlockedError as error:
        raise NotTaken(Outcome.REFUSED, str(error)) from error
    except http.UnreachableError as error:
        raise NotTaken(Outcome.UNKNOWN if error.sent and posts else Outcome.RETRY, f"no answer: {error}") from error
    told = Told(answer.status, answers.plain(answer), answer.headers)
    if answer.status == 429:
        raise NotTaken(Outcome.RETRY, "too many messages at once", _wait(told))
    if answer.status >= 500:
        raise NotTaken(Outcome.RETRY, f"the chat failed and answered {answer.status}")
    if 300 <= answer.status < 400:
        raise NotTaken(Outcome.REFUSED, f"answered {answer.status}: the address of the account leads elsewhere")
    return told


def attempt(work: Callable[[], Receipt]) -> Receipt:
    """The receipt of an attempt, whether it was taken or not."""
    try:
        return work()
    except NotTaken as not_taken:
        return not_taken.receipt


def _wait(told: Told) -> float | None:
    """How long to wait, in whichever way it is said (seconds; Matrix: milliseconds in the body)."""
    for name in ("retry-after", "x-ratelimit-reset"):
        if (value := told.headers.get(name, "")).isdigit():
            return float(value)
    milliseconds = told.said.get("retry_after_ms")
    return milliseconds / 1000 if isinstance(milliseconds, int) and not isinstance(milliseconds, bool) else None


def body_of(message: Message, longest: int) -> str:
    """The text below the title: what a page says without its first line, where that is the title again."""
    first, _, rest = message.text.partition("\n")
    return (rest if first.strip() == message.title.strip() else message.text)[:longest]


def can_be_taken(message: Message) -> bool:
    """Whether there is something to acknowledge: a page, or what a step tells a room, about an alert or incident; no code, test or notice."""
    facts = message.facts
    return bool(message.link) or (facts.get("kind") == "post" and bool(facts.get("alert") or facts.get("incident")))


def word(address: str, longest: int = 100) -> str:
    """The name of a room that is one in name only. Raises ValueError."""
    name = " ".join(address.split())
    if not 0 < len(name) <= longest:
        raise ValueError(f"A room needs a name of at most {longest} characters.")
    return name


class Memory:
    """What a chat once said about an address (whose it is, which room leads there), for an hour; each process asks for itself."""

    KNOWN_FOR = 3600.0  # seconds
    MOST = 10_000

    def __init__(self) -> None:
        self.known: dict[tuple[str, ...], tuple[float, str]] = {}

    def get(self, account: Account, place: str, *what: str, ask: Callable[[], Any]) -> str:
        """What is remembered of the account whose address is `place`, else what `ask` says now; what it raises is not remembered."""
        key = (hashlib.sha256(f"{place} {account.values['token']}".encode()).hexdigest(), *what)
        known = self.known.get(key)
        if known and time.monotonic() - known[0] < self.KNOWN_FOR:
            return known[1]
        found = str(ask())
        if len(self.known) >= self.MOST:
            self.known.clear()
        self.known[key] = (time.monotonic(), found)
        return found

    def forget(self, found: str) -> None:
        """Nobody is led there again."""
        self.known = {key: one for key, one in self.known.items() if one[1] != found}


def where(message: Message) -> str:
    """The address of the alert or incident; empty where there is none."""
    return str(message.facts.get("subject_url") or "")
