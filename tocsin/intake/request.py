"""What does an address of the intake get to know of a request, and what does it give back?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from tocsin.intake import keys
from tocsin.integrations import reading
from tocsin.integrations.reading_depth import DEEPEST, too_deep
from tocsin.integrations.reading_spoilt import mended

LARGEST = 1_000_000  # bytes of a body
RETRY_AFTER = 5  # seconds
ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


class Answer(NamedTuple):
    """A ready answer; its body is JSON unless `headers` say otherwise."""

    status: int
    body: bytes
    retry_after: int = 0  # seconds; 0 leaves the header out
    headers: tuple[tuple[bytes, bytes], ...] = ()


Refuse = Callable[..., Answer]  # (sentence, status=400, retry_after=0): a refusal in the protocol's own words


class InvalidError(Exception):
    """The request is not what the protocol demands; `answer` says so in the protocol's own words."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


class Checked(NamedTuple):
    """A request that may be stored."""

    key: str  # the integration key in the body, where the protocol carries it there
    dedup_key: str  # made by the server where the sender gave none
    accepted: Answer
    events: int = 1  # how many it holds, as far as can be told


@dataclass(slots=True)
class Request:
    """One request, its body read whole. `parts` are the pieces of the path that the address names, decoded once."""

    method: str
    path: str
    parts: dict[str, str]
    headers: list[tuple[bytes, bytes]]
    query: bytes
    body: bytes = b""

    def key(self) -> str:
        """The integration's key: in the path, else in a header or the query; empty where there is none."""
        return self.parts.get("key", "").strip() or keys.of_request(self.headers, self.query)

    def header(self, name: bytes) -> str:
        """The first header of that (lower-case) name, or nothing."""
        return next((value.decode("latin-1") for found, value in self.headers if found == name), "")


class Protocol(NamedTuple):
    """How the addresses of one kind of sender are answered."""

    refuse: Refuse
    largest: int = LARGEST  # bytes of a body
    overloaded: int = 503  # what makes its clients come again
    metered: bool = True  # its requests take from the integration's bucket


Take = Callable[[Request], Awaitable[Answer]]


def json_answer(code: int, retry_after: int = 0, /, **fields: Any) -> Answer:
    """An answer with a JSON object."""
    return Answer(code, msgspec.json.encode(fields), retry_after)


def decoded(content: bytes, refuse: Refuse, decoder: Any = ANY) -> Any:
    """The JSON of a body. Raises InvalidError in the protocol's words when it is none, or nested too deep."""
    if too_deep(content):
        raise InvalidError(refuse(f"the JSON is nested deeper than {DEEPEST} levels"))
    try:
        return decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        meant = None if isinstance(error, msgspec.ValidationError) else mended(content, quotes=decoder is ANY)
        if meant is None:
            raise InvalidError(refuse(f"The body is not valid JSON: {str(error)[:300]}.")) from None
    try:
        return msgspec.convert(meant, decoder.type)
    except msgspec.ValidationError as error:
        raise InvalidError(refuse(f"The body is not as it should be: {str(error)[:300]}.")) from None


def word(value: Any) -> str:
    """A text or whole number as cleaned text; anything else is nothing."""
    return reading.text(value) if isinstance(value, (str, int)) else ""
