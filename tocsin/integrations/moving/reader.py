"""How are the lists of another product's API read, page by page, without asking more often than it allows?"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Protocol

from tocsin.lib import http

LARGEST_ANSWER = 8_000_000  # bytes
MOST_TRIES = 6
LONGEST_PAUSE = 60.0  # seconds that are waited where it says "too many requests"


class MovingError(Exception):
    """The other product's answer cannot be used; the sentence says why."""


class Translation(Protocol):
    """What was read of another product, to be said in our form."""

    notes: list[str]

    def document(self) -> dict[str, Any]:
        """What `tocsin import` takes; fills `notes`."""


def translated(product: str, move: Translation) -> tuple[dict[str, Any], list[str]]:
    """The document, and what is not carried over, each sentence once. Raises MovingError where the answers have another form than expected."""
    try:
        document = move.document()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MovingError(f"{product} answered in another form than documented: {type(error).__name__} {error}") from error
    return document, list(dict.fromkeys(move.notes))


def ask(url: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object at that address. Waits and asks again where it is told to, or where the other side is in trouble. Raises MovingError."""
    place = url.partition("?")[0]
    for turn in range(MOST_TRIES):
        try:
            answer = http.request("GET", url, headers=headers, time_limit=30.0, size_limit=LARGEST_ANSWER)
        except http.BlockedError as error:
            raise MovingError(f"{place} cannot be asked: {error}") from error
        except http.UnreachableError as error:
            if turn == MOST_TRIES - 1:
                raise MovingError(f"{place} does not answer: {error}") from error
            time.sleep(_pause("", turn))
            continue
        if answer.status == 200:
            return _object(answer.body, place)
        if answer.status != 429 and answer.status < 500:
            raise MovingError(f"{place} answered {answer.status}: {_why(answer.body)}")
        if turn < MOST_TRIES - 1:
            time.sleep(_pause(answer.headers.get("retry-after", ""), turn))
    raise MovingError(f"{place} went on refusing to answer; try again later")


def _pause(said: str, turn: int) -> float:
    return min(LONGEST_PAUSE, float(said) if said.isdigit() else 0.5 * 2**turn)


def _object(body: bytes, place: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise MovingError(f"{place} answered what is not JSON") from error
    if not isinstance(found, dict):
        raise MovingError(f"{place} answered in another form than documented")
    return found


def _why(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return "no reason was given"
    found = said.get("message") or said.get("error") if isinstance(said, dict) else None
    return str(found.get("message") if isinstance(found, dict) else found or "no reason was given")[:200]
