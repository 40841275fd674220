"""Which alerts does somebody want to see, and in which order? Reads filters from an address or a stored view, and says them in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

SORTS = {"newest": "Newest first", "severity": "Worst severity first", "last_seen": "Last seen first", "count": "Most events first"}
STATUSES = {"firing": "Firing", "resolved": "Resolved", "all": "All"}
YES_NO = ("ack", "held", "flapping", "incident")
MOST_VALUES, LONGEST_WORDS, MOST_LABELS_FILTERED = 20, 200, 5
_AGE = re.compile(r"(\d{1,5})(m|h|d)\Z")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SAID = {
    "ack": ("acknowledged", "not acknowledged"),
    "held": ("held back", "not held back"),
    "flapping": ("flapping", "not flapping"),
    "incident": ("with an incident", "without an incident"),
}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """`status` firing, resolved or all; the yes-or-no ones are None where they do not matter; `older` and `newer` are ages as written: "2h"."""

    status: str = "firing"
    severity: tuple[str, ...] = ()
    service: tuple[int, ...] = ()
    team: tuple[int, ...] = ()
    integration: tuple[int, ...] = ()
    ack: bool | None = None
    held: bool | None = None
    flapping: bool | None = None
    incident: bool | None = None
    label: tuple[tuple[str, str], ...] = ()
    q: str = ""
    older: str = ""
    newer: str = ""
    sort: str = "newest"

    def to_plain(self) -> dict[str, Any]:
        """The form of addresses and stored views: only what differs from the default; lists of texts or one text."""
        plain: dict[str, Any] = {"status": self.status} if self.status != "firing" else {}
        for name in ("severity", "service", "team", "integration"):
            if values := getattr(self, name):
                plain[name] = [str(value) for value in values]
        for name in YES_NO:
            if (value := getattr(self, name)) is not None:
                plain[name] = "yes" if value else "no"
        if self.label:
            plain["label"] = [f"{name}={value}" for name, value in self.label]
        plain |= {name: value for name in ("q", "older", "newer") if (value := getattr(self, name))}
        return plain | ({"sort": self.sort} if self.sort != "newest" else {})

    def in_words(self, names: Mapping[str, Mapping[int, str]] | None = None) -> str:
        """One phrase: "firing alerts of SEV1 of checkout, not acknowledged". `names`: {"service": {3: "checkout"}, …}."""
        names = names or {}
        parts = ["alerts" if self.status == "all" else f"{self.status} alerts"]
        if self.severity:
            parts.append("of " + " or ".join(self.severity))
        for name, word in (("service", "of"), ("team", "of the team"), ("integration", "by")):
            if values := getattr(self, name):
                parts.append(f"{word} " + " or ".join(names.get(name, {}).get(value, f"{name} {value}") for value in values))
        said = [_SAID[name][0 if value else 1] for name in YES_NO if (value := getattr(self, name)) is not None]
        said += [f"{name}={value}" for name, value in self.label]
        said += [f"older than {self.older}"] if self.older else []
        said += [f"newer than {self.newer}"] if self.newer else []
        said += [f"with the words “{self.q}”"] if self.q else []
        return ", ".join([" ".join(parts), *said])


class WrongFilterError(ValueError):
    """`errors` names each filter that cannot be read, with a sentence that says what would be right."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


def read(given: Mapping[str, Sequence[str] | str], *, status: str = "firing") -> AlertFilter:
    """From what stands in an address: each value a text, or a list of texts; `status` is meant where none is given. Empty ones count as left out."""
    values = {name: [one] if isinstance(one, str) else list(one) for name, one in given.items()}
    values = {name: [text for one in many if (text := str(one).strip())] for name, many in values.items()}
    errors: dict[str, str] = {}
    single = {name: many[-1] for name, many in values.items() if many}
    found: dict[str, Any] = {
        "status": _one_of(single.get("status", status), STATUSES, "status", errors),
        "sort": _one_of(single.get("sort", "newest"), SORTS, "sort", errors),
        "severity": tuple(one[:20] for one in _several(values.get("severity", []), "severity", errors)),
        "label": _labels(values.get("label", []), errors),
        "q": single.get("q", ""),
    }
    if len(found["q"]) > LONGEST_WORDS:
        errors["q"] = f"At most {LONGEST_WORDS} characters."
    for name in ("service", "team", "integration"):
        found[name] = _ids(_several(values.get(name, []), name, errors), name, errors)
    for name in YES_NO:
        said = single.get(name)
        found[name] = None if said is None else _one_of(said, ("yes", "no"), name, errors) == "yes"
    for name in ("older", "newer"):
        found[name] = single.get(name, "")
        if found[name] and not _AGE.match(found[name]):
            errors[name] = "An age is a number with m, h or d: 30m, 2h, 7d."
    if errors:
        raise WrongFilterError(errors)
    return AlertFilter(**found)


def age(text: str) -> timedelta:
    """ "2h" as a span of time."""
    number, unit = _AGE.match(text).groups()  # type: ignore[union-attr]
    return timedelta(**{_UNITS[unit]: int(number)})


def words(text: str) -> list[str]:
    """The words of a search, as they are looked up: runs of letters and digits."""
    return re.findall(r"[^\W_]+", text)[:MOST_VALUES]


def _one_of(said: str, known: Any, name: str, errors: dict[str, str]) -> str:
    if said not in known:
        errors[name] = f"It is one of {', '.join(known)}."
    return said


def _several(many: list[str], name: str, errors: dict[str, str]) -> list[str]:
    parts = [part.strip() for one in many for part in one.split(",") if part.strip()]
    if len(parts) > MOST_VALUES:
        errors[name] = f"At most {MOST_VALUES} values."
    return list(dict.fromkeys(parts))[:MOST_VALUES]


def _ids(many: list[str], name: str, errors: dict[str, str]) -> tuple[int, ...]:
    if any(not one.isascii() or not one.isdigit() or len(one) > 18 for one in many):
        errors[name] = "It is the number of one, or several with commas between."
        return ()
    return tuple(int(one) for one in many)


def _labels(many: list[str], errors: dict[str, str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for one in many:
        name, equals, value = one.partition("=")
        if not equals or not name.strip() or len(one) > 1000:
            errors["label"] = "A label is written name=value."
        pairs.append((name.strip(), value.strip()))
    if len(pairs) > MOST_LABELS_FILTERED:
        errors["label"] = f"At most {MOST_LABELS_FILTERED} labels."
    return tuple(pairs)
