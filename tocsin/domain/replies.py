"""What does somebody want who answers a page by a text or a key? Read from few letters, typed half asleep."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """What a page can be answered with."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    ESCALATE = "escalate"  # the next step of the policy at once
    REPEAT = "repeat"  # say it again (in a call)
    STOP = "stop"  # no more messages to this number
    START = "start"  # messages again
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Wish:
    """A verb, and which page it is about: the `code` that the page carried, `all` that are open, or neither."""

    verb: Verb
    code: int | None = None
    all: bool = False


KEYS = {"4": Verb.ACKNOWLEDGE, "6": Verb.RESOLVE, "8": Verb.ESCALATE, "*": Verb.REPEAT}  # of a telephone
HIGHEST_CODE = 99
_WORDS = {
    Verb.ACKNOWLEDGE: {"a", "ack", "acknowledge", "acknowledged", "ok", "okay", "yes", "y"},
    Verb.RESOLVE: {"r", "resolve", "resolved", "c", "close", "closed", "done"},
    Verb.ESCALATE: {"e", "esc", "escalate", "next"},
    Verb.STOP: {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"},
    Verb.START: {"start", "unstop"},
}
_VERBS = {word: verb for verb, words in _WORDS.items() for word in words}
_PIECES = re.compile(r"[a-z]+|[0-9]+")


def by_key(key: str) -> Wish:
    """What a key of a telephone asks for."""
    return Wish(KEYS.get(key, Verb.UNCLEAR))


def by_text(text: str) -> Wish:
    """What a short text asks for: "7", "7a", "ack 7", "Ack all", "r 7", "OK". Case, spaces, signs and emoji do not count.

    A number alone acknowledges the page of that code. More than one verb or number, or any other word, is unclear.
    """
    pieces = _PIECES.findall(text[:200].lower())
    numbers = [int(piece[:4]) for piece in pieces if piece.isdigit()]
    words = [piece for piece in pieces if not piece.isdigit()]
    everything = "all" in words
    verbs = {_VERBS.get(word, Verb.UNCLEAR) for word in words if word != "all"} or ({Verb.ACKNOWLEDGE} if numbers else set())
    if len(verbs) != 1 or len(numbers) > 1 or (everything and numbers):
        return Wish(Verb.UNCLEAR)
    return Wish(verbs.pop(), numbers[0] if numbers else None, everything)
