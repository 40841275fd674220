"""How does an integration's owner have its messages read? Expressions for fields, the words for severities, the labels that make an identity.

What an owner says goes before what the source's reader found; an expression that fails leaves that in place, and says so in the event's note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from tocsin.domain.alerts import Event, SourceSeverity
from tocsin.domain.identity import chosen
from tocsin.domain.ports import Received, UnreadableError
from tocsin.integrations import reading
from tocsin.integrations.email.source import SOURCE as EMAIL
from tocsin.integrations.generic import words
from tocsin.integrations.generic.guess import Guessed, guess
from tocsin.integrations.generic.source import SOURCE as GENERIC
from tocsin.integrations.generic.source import text_or_values
from tocsin.lib import cel

FIELDS = ("title", "status", "severity", "dedup_key", "service", "started_at", "link", "runbook", "labels")
OPTIONS = ("items", "when", *FIELDS)
VARIABLES = ("body", "headers", "item")
MOST_WORDS = 50
LONGEST_WORD = 40
MOST_ITEMS = 2000  # of one body, taken by the path `items`
_LEVELS = get_args(SourceSeverity)
_PATH = re.compile(r"body(?:\.[A-Za-z_]\w{0,99}|\[\d{1,4}\]|\[\"[^\"\\]{1,100}\"\]){0,16}")
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\"([^\"]+)\"\]")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the owner set. `expressions`: field → CEL on {body, headers, item}; `words`: severity word → level, small letters."""

    expressions: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, SourceSeverity] = field(default_factory=dict)
    identity: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.expressions or self.words or self.identity or self.ignored)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One event as the rules make it; `as_read` is what the source's reader says without them; `errors`: field → sentence."""

    event: Event
    as_read: Event | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


def complaints(expressions: Any, severity_words: Any) -> dict[str, str]:
    """What is wrong with a mapping and a map of words: field → sentence (`mapping.title`, `severity_words`)."""
    errors: dict[str, str] = {}
    if not isinstance(expressions, dict):
        return {"mapping": f"It is an object of expressions for {', '.join(OPTIONS)}."}
    for name, text in expressions.items():
        if name not in OPTIONS:
            errors["mapping"] = f"There is no field {str(name)[:60]}; use {', '.join(OPTIONS)}."
        elif not isinstance(text, str):
            errors[f"mapping.{name}"] = "An expression is a text."
        elif name == "items" and not _PATH.fullmatch(text.strip()):
            errors["mapping.items"] = "It is the path of a list in the body, such as body.alerts or body.data[0].events."
        elif name != "items" and (why := cel.complaint(text, VARIABLES)):
            errors[f"mapping.{name}"] = f"{why[0].upper()}{why[1:]}."
    if not isinstance(severity_words, dict) or len(severity_words) > MOST_WORDS:
        errors["severity_words"] = f"It maps at most {MOST_WORDS} words to critical, error, warning or info."
    else:
        for word, level in severity_words.items():
            if level not in _LEVELS or not 0 < len(str(word).strip()) <= LONGEST_WORD:
                errors["severity_words"] = (
                    f"{str(word)[:LONGEST_WORD]!r} has to mean critical, error, warning or info; a word has at most {LONGEST_WORD} characters."
                )
    return errors


def read(parse: Callable[[Received], list[Event]], received: Received, rules: Rules) -> list[Event]:
    """The events in the body: by the rules, where they say nothing as `parse` reads them. Raises UnreadableError as that does."""
    if not rules:
        return parse(received)
    return [one.event for one in mapped(parse, received, rules)]


def mapped(parse: Callable[[Received], list[Event]], received: Received, rules: Rules) -> list[Mapped]:
    """The same, with what a preview shows beside it. An item that `when` leaves out is an event of the status `none`."""
    budget = cel.Budget()
    found = _found(parse, received, rules.expressions.get("items", ""))
    if not rules.expressions:
        return [Mapped(_settled(one.event, rules, {}), one.event, one.paths) for one, _, _ in found]
    body = _values(parse, received)
    scope = cel.Scope({"body": body, "headers": dict(received.headers), "item": body}, budget)
    return [_mapped(one, item, why, scope, rules, received.received_at) for one, item, why in found]


def _found(parse: Callable[[Received], list[Event]], received: Received, path: str) -> list[tuple[Guessed, Any, str]]:
    """Each event as it is read without expressions, the item it came from, and why the owner's path to the items could not be used."""
    why = ""
    if path:
        body = _values(parse, received)
        items = _at(body, path)
        if isinstance(items, list) and len(items) <= MOST_ITEMS:
            return [
                (_guess(item, body, received, f"{path.strip().removeprefix('body.')}[{index}]"), item, "")
                for index, item in enumerate(items)
            ]
        why = f"there is no list at {path.strip()}" if not isinstance(items, list) else f"there are more than {MOST_ITEMS:,} items"
    if parse == GENERIC.parse:
        return [(one, item, why) for one, item in GENERIC.explained_items(received)]
    events = parse(received)
    return [(Guessed(event), event.details or None, why) for event in events]


def _guess(item: Any, body: Any, received: Received, at: str) -> Guessed:
    try:
        return guess(reading.checked(item, "an item"), received.received_at, outer=body if isinstance(body, dict) else None, at=at)
    except UnreadableError as error:
        return Guessed(reading.unreadable(error))


def _values(parse: Callable[[Received], list[Event]], received: Received) -> Any:
    try:
        return EMAIL.values(received) if parse == EMAIL.parse else text_or_values(received)
    except UnreadableError:
        return None


def _at(value: Any, path: str) -> Any:
    for name, index, quoted in _STEP.findall(path.strip().removeprefix("body")):
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
        else:
            value = value.get(name or quoted) if isinstance(value, dict) else None
    return value


# -- one event ----------------------------------------------------------------------------------------------------------


def _mapped(one: Guessed, item: Any, why: str, scope: cel.Scope, rules: Rules, received_at: datetime) -> Mapped:
    errors: dict[str, str] = {"items": why} if why else {}
    if item is not None:
        scope.put("item", item)
    if condition := rules.expressions.get("when"):
        holds = scope.evaluate(condition)
        if holds.value is False or holds.absent:
            return Mapped(replace(one.event, status="none", error=""), one.event, one.paths, errors)
        if holds.value is not True:
            errors["when"] = holds.error or "it says neither true nor false"
    changes: dict[str, Any] = {}
    paths = dict(one.paths)
    for name in FIELDS:
        text = rules.expressions.get(name)
        if not text:
            continue
        result = scope.evaluate(text)
        if result.absent:
            continue  # the field is not there this time: what was read stands
        try:
            if result.error:
                raise ValueError(result.error)
            if result.value is not None:
                changes |= _CONVERTED[name](result.value, received_at)
                paths["key" if name == "dedup_key" else name] = text
        except ValueError as error:
            errors[name] = str(error)[:300]
    if "title" in changes and one.event.error and one.event.status == "unknown" and "status" not in changes:
        changes["error"] = one.event.error
    if "status" in changes:
        changes["error"] = ""
    return Mapped(_settled(replace(one.event, **changes), rules, errors, keyed="dedup_key" in changes), one.event, paths, errors)


def _settled(event: Event, rules: Rules, errors: dict[str, str], keyed: bool = False) -> Event:
    """With the owner's words for severities and the labels that make the identity; and a note of what failed."""
    level = rules.words.get(event.severity_word.strip().lower()) if event.severity_word else None
    if level:
        event = replace(event, severity=level)
    if rules.identity and not keyed and event.status not in ("unknown", "change", "none", "handshake"):
        picked = chosen(event.labels, rules.identity)
        if picked is None:
            errors["identity_labels"] = "it bears none of the labels that make the identity; the key is as its source says"
        else:
            event = replace(event, dedup_key=reading.labels_key(picked))
    elif rules.ignored and not keyed and event.dedup_key.startswith("labels:"):
        event = replace(event, dedup_key=reading.labels_key(event.labels, rules.ignored))
    if errors:
        note = "; ".join(f"mapping of {name}: {why}" for name, why in errors.items())
        event = replace(event, note=note[:500])
    return event


def _text_of(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("it has to say a text")
    return reading.text(value.isoformat() if isinstance(value, datetime) else value)


def _title(value: Any, at: datetime) -> dict[str, Any]:
    title = reading.first_line(_text_of(value))
    return {"title": title} if title else {}


def _status(value: Any, at: datetime) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"status": "firing" if value else "resolved"}
    said = _text_of(value)
    status = said if said in ("none", "change") else words.status_of(said)
    if said and status is None:
        raise ValueError(f"{said[:60]!r} is neither firing, acknowledged, resolved nor none")
    return {"status": status} if status else {}


def _severity(value: Any, at: datetime) -> dict[str, Any]:
    said = _text_of(value)[:100]
    return {"severity": words.severity_of("priority", said), "severity_word": said} if said else {}


def _dedup_key(value: Any, at: datetime) -> dict[str, Any]:
    key = reading.key(_text_of(value))
    return {"dedup_key": key} if key else {}


def _service(value: Any, at: datetime) -> dict[str, Any]:
    return {"service": _text_of(value)[:200]}


def _started_at(value: Any, at: datetime) -> dict[str, Any]:
    moment = reading.time(_text_of(value) if isinstance(value, datetime) else value, at) if not isinstance(value, (dict, list)) else None
    if moment is None and value != "":
        raise ValueError("it has to say a time between 2000 and tomorrow")
    return {"started_at": moment}


def _link(name: str) -> Callable[[Any, datetime], dict[str, Any]]:
    def convert(value: Any, at: datetime) -> dict[str, Any]:
        found = reading.link(_text_of(value))
        if not found and value != "":
            raise ValueError("it has to say an address that begins with http:// or https://")
        return {name: found}

    return convert


def _labels(value: Any, at: datetime) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError('it has to say a map of labels, such as {"host": item.host}')
    return {"labels": reading.labels(value)}


_CONVERTED: dict[str, Callable[[Any, datetime], dict[str, Any]]] = {
    "title": _title, "status": _status, "severity": _severity, "dedup_key": _dedup_key, "service": _service, "started_at": _started_at,
    "link": _link("link"), "runbook": _link("runbook"), "labels": _labels,
}  # fmt: skip
