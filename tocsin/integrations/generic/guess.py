"""Where in a body that nobody announced lie the title, the state, the key …? Every answer knows the path that it was taken from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from tocsin.domain.alerts import Event, EventStatus, SourceSeverity
from tocsin.integrations import reading
from tocsin.integrations.generic import words
from tocsin.integrations.reading_item import first, tags

MOST_PLACES = 40  # objects looked into, of one item
NAMED = ("name", "title", "summary", "display_name", "id", "value")  # what stands for an object where a text was expected
ASIDES = words.TEXTS + words.LABELS
UNTITLED = "Event without a title"


@dataclass(frozen=True, slots=True)
class Guessed:
    """An event, and for each of its fields the path that it was taken from (none: it was not found)."""

    event: Event
    paths: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    fields: dict[str, tuple[str, Any]]  # folded name → the name as it is written, its value
    aside: bool = False  # labels or annotations

    def at(self, name: str) -> tuple[str, Any]:
        written, value = self.fields.get(name, ("", None))
        return (f"{self.path}.{written}" if self.path else written), value

    def among(self, names: tuple[str, ...]) -> list[tuple[str, str, Any]]:
        """Its fields of these names: name, path, value, in the order of the names. Walks the few fields, not the many names."""
        ranks = _ranks(names)
        found = [name for name in self.fields if name in ranks]
        return [(name, *self.at(name)) for name in sorted(found, key=ranks.__getitem__)] if found else []


@lru_cache(maxsize=100)
def _ranks(names: tuple[str, ...]) -> dict[str, int]:
    return {name: rank for rank, name in reversed(list(enumerate(names)))}


def items_of(body: dict[str, Any]) -> tuple[list[Any], str]:
    """The list of items that a body carries, and where; the body itself where it carries none."""
    places = [_place("", body), *(_place(name, value) for name, value in body.items() if isinstance(value, dict))]
    for place in places[:MOST_PLACES]:
        for name, path, value in place.among(words.LISTS):
            listed = isinstance(value, list) and value and isinstance(value[0], dict)
            titled = any(title in place.fields for title in words.TITLES[:3])
            if listed and _like_an_alert(value[0], name) and (not titled or _like_an_alert(value[0], "")):
                return value, path
    return [body], ""


def _like_an_alert(item: dict[str, Any], name: str) -> bool:
    names = {words.folded(key) for key in list(item)[:100]}
    states = names & {*words.STATES, *words.SEVERITIES, *words.ENDED, *words.ONGOING}
    if name in ("data", "results", "hits", "values", "payload", ""):
        return bool(names & {*words.TITLES, *words.LABELS}) and bool(states or "labels" in names)
    return bool(names & {*words.TITLES, *words.WEAK_TITLES, *words.LABELS, *words.CONTAINERS[:8]} or states)


def guess(item: dict[str, Any], received_at: datetime, *, outer: dict[str, Any] | None = None, at: str = "") -> Guessed:
    """The event that one item is. `outer`: the body that it lies in, asked for what the item itself does not say; `at`: its path there."""
    places = list(_places(item, at, levels=2))
    labels = _labels(places)
    texts, own = [place for place in places if place.aside], [place for place in places if not place.aside]
    around = list(_places(outer, "", levels=0)) if outer else []
    paths: dict[str, str] = {}

    def find(field_name: str, names: tuple[str, ...], wanted: Callable[[Any], Any], *within: list[_Place]) -> Any:
        for group in within or (own, texts, around):
            for place in group:
                for _, path, value in place.among(names):
                    if value is not None and (found := wanted(value)):
                        paths[field_name] = path
                        return found
        return None

    title = find("title", words.TITLES, _line, own, texts) or find("title", words.WEAK_TITLES, _line, own, texts) or ""
    status, said, code = _status(own, texts, around, paths)
    if status is None and not said and title:
        by_title, _ = words.prefixed(title)
        if by_title:
            status, paths["status"] = by_title, paths["title"]
    severity, word = _severity(own, texts, around, paths)
    if severity is None and not word and code is not None:
        severity, paths["severity"] = words.code_severity(code), paths["status"]
    key = find("key", words.KEYS, _word, own) or ""
    if not key and not paths.get("title") and "labels" in labels:
        paths["key"] = labels["labels"][0]
    elif not key and title:
        paths["key"] = paths["title"]
    read_labels = {name: value for _, found in labels.values() for name, value in found.items()}
    if labels:
        paths["labels"] = ", ".join(path for path, _ in labels.values())
    event = Event(
        status or ("unknown" if said else "firing"), title or UNTITLED, reading.key(key) if key else _computed(item, title, read_labels),
        severity=severity, severity_word=word, service=(find("service", words.SERVICES, _word) or "")[:200],
        started_at=find("started_at", words.STARTS, lambda value: reading.time(value, received_at)),
        link=find("link", words.LINKS, reading.link) or "", runbook=find("runbook", words.RUNBOOKS, reading.link) or "",
        labels=read_labels, details=reading.kept(item),
        error=f"the state {said[:60]!r} is not known; say in the mapping what it means" if status is None and said else "",
    )  # fmt: skip
    return Guessed(event, paths)


# -- places -------------------------------------------------------------------------------------------------------------


def _place(path: str, value: dict[str, Any], aside: bool = False) -> _Place:
    fields: dict[str, tuple[str, Any]] = {}
    for name, one in list(value.items())[: reading.MOST_FIELDS]:
        fields.setdefault(words.folded(str(name)), (str(name), one))
    return _Place(path, fields, aside)


def _places(item: dict[str, Any], path: str, levels: int) -> Iterator[_Place]:
    """The item, then the objects within it whose names say that they tell more about it, level by level; at the end labels and annotations."""
    level, left = [_place(path, item)], MOST_PLACES
    asides: list[_Place] = []
    for depth in range(levels + 1):
        yield from level
        inner: list[_Place] = []
        for place in level:
            for _, where, value in place.among(ASIDES):
                if isinstance(value, dict):
                    asides.append(_place(where, value, aside=True))
            for _, where, value in place.among(words.CONTAINERS) if depth < levels else ():
                if isinstance(value, dict) and left > 0:
                    inner.append(_place(where, value))
                    left -= 1
        level = inner
    yield from asides


def _labels(places: list[_Place]) -> dict[str, tuple[str, dict[str, str]]]:
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for name in reversed(words.LABELS):  # what is called labels counts before tags
        for place in places:
            path, value = place.at(name)
            if name not in found and isinstance(value, (dict, list, str)) and (read := tags(value)):
                found[name] = (path, read)
    return found


# -- values -------------------------------------------------------------------------------------------------------------


def _word(value: Any) -> str:
    """A text; of an object the name it bears, of a list its first text."""
    if isinstance(value, dict):
        return first(value, *NAMED, limit=1000)
    if isinstance(value, list):
        return reading.text(value[0], 1000) if value and isinstance(value[0], str) else ""
    return "" if isinstance(value, bool) else reading.text(value)


def _line(value: Any) -> str:
    return reading.first_line(value) if isinstance(value, str) else ""


def _status(
    own: list[_Place], texts: list[_Place], around: list[_Place], paths: dict[str, str]
) -> tuple[EventStatus | None, str, int | None]:
    """The status, else the word for it that nobody knows; and a check's exit code where that is what told it."""
    unknown = ""
    for places in (own, around, texts):
        for place in places:
            for _, path, value in place.among(words.STATES):
                word = _word(value)[:100] if not isinstance(value, (int, float)) else ""
                if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
                    paths["status"] = path
                    return "firing", "", None  # a number says nothing that could be relied on, and never that all is well
                if not word:
                    continue
                paths.setdefault("status", path)
                if status := words.status_of(word):
                    paths["status"] = path
                    return status, "", None
                unknown = unknown or word
            found = _flag(place)
            if found and not unknown:
                paths["status"] = found[0]
                return found[1], "", found[2]
        if unknown:
            break
    if not unknown:
        for place in own:
            for _, path, value in place.among(words.WEAK_STATES):
                if isinstance(value, str) and (status := words.status_of(value)):
                    paths["status"] = path
                    return status, "", None
    return None, unknown, None


def _flag(place: _Place) -> tuple[str, EventStatus, int | None] | None:
    """A field that says yes or no, or an exit code."""
    for _, path, value in place.among(("acknowledged", "is_acknowledged")):
        if _yes(value):
            return path, "acknowledged", None
    for names, yes, no in ((words.ENDED, "resolved", "firing"), (words.ONGOING, "firing", "resolved")):
        for _, path, value in place.among(names):
            if (said := _yes(value)) is not None:
                return path, (yes if said else no), None  # type: ignore[return-value]
    for _, path, value in place.among(words.CODES):
        if isinstance(value, (int, str)) and str(value) in ("0", "1", "2", "3") and not isinstance(value, bool):
            return path, ("resolved" if int(value) == 0 else "firing"), int(value)
    for _, path, value in place.among(words.HTTP_CODES):
        if isinstance(value, int) and 100 <= value < 600:
            return path, ("resolved" if 200 <= value < 400 else "firing"), None
    return None


def _yes(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def _severity(own: list[_Place], texts: list[_Place], around: list[_Place], paths: dict[str, str]) -> tuple[SourceSeverity | None, str]:
    word = ""
    for places in (own, texts, around):
        for place in places:
            for name, path, value in place.among(words.SEVERITIES):
                said = _word(value)[:100]
                if not said:
                    continue
                if level := words.severity_of(name, said):
                    paths["severity"] = path
                    return level, said
                if not word:
                    word, paths["severity"] = said, path
    return None, word


def _computed(item: dict[str, Any], title: str, labels: dict[str, str]) -> str:
    """The identity of an item that names none: its title without the state it begins with, else its labels, else all of it."""
    if title:
        return reading.key("title:" + words.prefixed(title)[1])
    if labels:
        return reading.labels_key(labels)
    return reading.body_key(item)
