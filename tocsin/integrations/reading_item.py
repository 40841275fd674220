"""How is one object of a foreign message read: by paths, with what senders leave unfilled, into one event?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from tocsin.domain.alerts import Event, EventStatus, SourceSeverity
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.reading_body import body_of

# What template engines leave where they know no value: $VAR, {MACRO}, {$MACRO}, {{…}}, *variable*, *UNKNOWN*.
_UNFILLED = re.compile(r"\$[A-Z_][A-Z0-9_.]*|\{[$#A-Z][A-Z0-9_.:$?\"]*\}|\{\{[^{}]*\}\}|\*[A-Za-z_]+\*|\$[a-z_.]+\$|<no value>")


def at(value: Any, path: str) -> Any:
    """What lies at a path of names and numbers with dots between; None where it leads nowhere."""
    for name in path.split("."):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit():
            value = value[int(name)] if int(name) < len(value) else None
        else:
            return None
    return value


def obj(value: Any, path: str = "") -> dict[str, Any]:
    """The object at a path, else an empty one."""
    found = at(value, path) if path else value
    return found if isinstance(found, dict) else {}


def rows(value: Any, path: str = "") -> list[Any]:
    """The list at a path, else an empty one."""
    found = at(value, path) if path else value
    return found if isinstance(found, list) else []


def first(value: Any, *paths: str, limit: int = reading.LONGEST_TEXT) -> str:
    """The first text that says anything at one of the paths; what a template left unfilled says nothing."""
    for path in paths:
        word = reading.text(at(value, path), limit)
        if word and not _UNFILLED.fullmatch(word[:200]):
            return word
    return ""


def event(
    status: EventStatus, key: Any, item: dict[str, Any], received: Received, *, title: Iterable[Any], word: Any = "",
    severity: SourceSeverity | None = None, service: str = "", started: Iterable[Any] = (), occurred: Iterable[Any] = (),
    link: Iterable[Any] = (), runbook: Any = "", labels: Any = None, details: dict[str, Any] | None = None, error: str = "",
) -> Event:  # fmt: skip
    """An event from raw values: of titles, times and links the first usable one counts; without a key the title is the identity."""
    said = next((line for value in title if (line := reading.first_line(value))), "Event without a title")
    return Event(
        status, said, reading.key(key) or received.dedup_key or reading.key("title:" + said),
        severity=severity or reading.severity(word), severity_word=reading.text(word, 100), service=service[:200],
        started_at=_time(started, received), occurred_at=_time(occurred, received),
        link=next((found for value in link if (found := reading.link(value))), ""), runbook=reading.link(runbook),
        labels=reading.labels(labels), details=reading.kept(item if details is None else details), error=error or ("its state is not known" if status == "unknown" else ""),
    )  # fmt: skip


def _time(values: Iterable[Any], received: Received) -> Any:
    return next((moment for value in values if (moment := reading.time(value, received.received_at))), None)


def state(word: str, words: dict[str, EventStatus]) -> EventStatus:
    """The status that a product's own word means; a word nobody knows is `unknown`: kept for people, paged for by none."""
    return words.get(word.strip().lower(), "unknown")


def unknown_state(status: EventStatus, word: str) -> str:
    """The sentence that explains an `unknown`; empty for every other status."""
    return f"the state {word[:60]!r} is not known" if status == "unknown" else ""


def words(**meanings: str) -> dict[str, EventStatus]:
    """A table of states: `words(firing="down open", resolved="up")`; an underscore in a word stands for itself or a space."""
    return {form: status for status, said in meanings.items() for word in said.split() for form in {word, word.replace("_", " ")}}  # type: ignore[misc]


def joined(name: str, what: str) -> str:
    """A title of a name and what is the matter with it; one of them where the other adds nothing."""
    return name if not what or what in name else what if not name or name in what else f"{name}: {what}"


def tags(value: Any) -> dict[str, str]:
    """Tags as labels: an object, `["a:b", "c"]`, `[["a","b"]]`, `[{"key": "a", "value": "b"}]` or "a:b,c"."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        return reading.labels(value)
    read: dict[str, Any] = {}
    for tag in value[: reading.MOST_LABELS]:
        if isinstance(tag, dict):
            read[first(tag, "key", "tag", "name")] = first(tag, "value", "value.stringValue", "value.intValue") or "true"
        elif isinstance(tag, list) and len(tag) == 2:
            read[reading.text(tag[0], 200)] = tag[1]
        elif isinstance(tag, str):
            name, colon, rest = tag.strip().partition(":" if ":" in tag else "=")
            read[name] = rest.strip() if colon else "true"
    return reading.labels(read)


def each(items: list[Any], what: str, read: Callable[[dict[str, Any]], Event]) -> list[Event]:
    """Every item judged alone: one that cannot be read is kept and shown, and its neighbours count."""
    events = []
    for item in items:
        try:
            events.append(read(_object(item, what)))
        except UnreadableError as error:
            events.append(reading.unreadable(error))
    return events


def _object(item: Any, what: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise UnreadableError(f"{what} is not a JSON object")
    return item


class JsonSource:
    """A product whose body is one object, or a list of them; a form's fields count as an object."""

    kind = ""
    label = ""
    category = "Monitoring"
    about = ""  # how it is set up: {address}, {url}, {host}, {scheme} and {key} are filled in
    docs = ""  # the vendor's own page
    sample: Any = None  # a body as the product sends it
    what = "the message"

    def parse(self, received: Received) -> list[Event]:
        """One event per item. Raises UnreadableError where nothing can be read."""
        body = body_of(received)
        items = self.items(body)
        if not items:
            return [event("none", "empty", {}, received, title=["A message without an item"])]
        if len(items) == 1 and not isinstance(body, list):
            return [self.read(_object(items[0], self.what), received)]
        return each(items, self.what, lambda item: self.read(item, received))

    def items(self, body: Any) -> list[Any]:
        """The items of the body."""
        if isinstance(body, list):
            return body
        if isinstance(body, dict):
            return [body]
        raise UnreadableError("a JSON object was expected")

    def read(self, item: dict[str, Any], received: Received) -> Event:
        """The event that one item is."""
        raise NotImplementedError
