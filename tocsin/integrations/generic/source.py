"""What does a message of unknown form say? Sensible guesses by what such fields are called everywhere; a list holds one event per element."""

from __future__ import annotations

from typing import Any

from tocsin.domain.alerts import Event
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.generic import words
from tocsin.integrations.generic.guess import UNTITLED, Guessed, guess, items_of
from tocsin.integrations.reading_body import body_of


class Generic:
    """Any JSON, a form, or a plain text."""

    kind = "generic"
    label = "Any JSON"
    category = "Drop-in"
    about = (
        "Post any JSON, or a form. Title, status, severity, key, time and link are found by what such fields are usually called:\n{address}"
    )
    docs = ""
    sample: Any = {"title": "checkout: 5xx", "status": "firing", "severity": "critical", "key": "checkout-5xx", "service": "checkout"}

    def parse(self, received: Received) -> list[Event]:
        """One event per object. Raises UnreadableError for what is neither an object, a list of objects nor a text."""
        return [one.event for one in self.explain(received)]

    def of(self, item: dict[str, Any], received: Received) -> Event:
        """The event that one object is, found inside another product's message."""
        return _item(item, received, None, "").event

    def explain(self, received: Received) -> list[Guessed]:
        """The same, each with the paths that its fields were taken from."""
        return [one for one, _ in self.explained_items(received)]

    def explained_items(self, received: Received) -> list[tuple[Guessed, Any]]:
        """The same, each beside the item that it was read from."""
        body = text_or_values(received)
        if isinstance(body, str):
            return [(_text(body), body)]
        if isinstance(body, list):
            items, at, outer = body, "", None
        else:
            items, at = items_of(body)
            outer = body if at else None
        if not any(isinstance(item, dict) for item in items):
            raise UnreadableError("a JSON object, or a list of objects, was expected")
        listed = isinstance(body, list) or bool(at)
        return [(_item(item, received, outer, f"{at}[{index}]" if listed else ""), item) for index, item in enumerate(items)]


def text_or_values(received: Received) -> Any:
    """The body as an object or a list; a plain text as it is. Raises UnreadableError for everything else."""
    content = received.body.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        body = body_of(received)
    except UnreadableError:
        if not reading.may_be_text(content):
            raise
        return _written(content)
    if not isinstance(body, (dict, list)):
        raise UnreadableError("a JSON object, or a list of objects, was expected")
    return body


def _written(content: bytes) -> str:
    written = reading.in_words(content)
    if written is None:
        raise UnreadableError("the body is neither JSON, a form nor a text")
    if not reading.first_line(written):
        raise UnreadableError("the body is empty; JSON, a form or a text was expected")
    return written


def _item(item: Any, received: Received, outer: dict[str, Any] | None, at: str) -> Guessed:
    try:
        return guess(reading.checked(item, "an element of the list"), received.received_at, outer=outer, at=at)
    except UnreadableError as error:
        return Guessed(reading.unreadable(error))


def _text(body: str) -> Guessed:
    title = reading.first_line(body)
    status, rest = words.prefixed(title)
    paths = {"title": "the first line", "key": "the first line", **({"status": "the first line"} if status else {})}
    return Guessed(Event(status or "firing", title or UNTITLED, reading.key("title:" + rest), details={"text": reading.text(body)}), paths)


SOURCE = Generic()
