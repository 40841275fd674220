"""What do we say, word for word? Every message of an incident is made here, from the procedure's templates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tocsin.domain.procedure.model import Placeholder, Procedure, Template

UNASSIGNED = "unassigned"
UNKNOWN = "unknown"
NO_UPDATE = "none promised"
MAX_VALUE = 2_000
VERBS = ("investigating", "experiencing")


class FieldErrors(ValueError):
    """A message that cannot be sent as it stands; `errors` names each field with a sentence that says what would be right."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in errors.items()))
        self.errors = dict(errors)


def render(template: Template, values: Mapping[str, str]) -> str:
    """The template's text with every placeholder replaced by its field. Raises FieldErrors with all fields that are not right.

    A placeholder that may be dropped takes its whole line with it; blank lines left over at the end go too.
    """
    errors: dict[str, str] = {}
    literals = {placeholder.literal: placeholder for placeholder in template.placeholders if placeholder.literal}
    pattern = re.compile("|".join(re.escape(literal) for literal in sorted(literals, key=len, reverse=True)) or r"(?!)")
    lines = []
    for line in template.text.split("\n"):
        found = [literals[literal] for literal in pattern.findall(line)]
        if any(_dropped(placeholder, values) for placeholder in found):
            continue
        filled = {placeholder.literal: _value(placeholder, values, errors) for placeholder in found}
        lines.append(pattern.sub(lambda match, filled=filled: filled[match.group()], line))  # type: ignore[misc]
    if errors:
        raise FieldErrors(errors)
    return "\n".join(lines).rstrip("\n")


def _dropped(placeholder: Placeholder, values: Mapping[str, str]) -> bool:
    if placeholder.drop_when and values.get(placeholder.drop_when[0], "") == placeholder.drop_when[1]:
        return True
    return placeholder.when_empty == "drop_line" and not _clean(values.get(placeholder.field, ""))


def _value(placeholder: Placeholder, values: Mapping[str, str], errors: dict[str, str]) -> str:
    value = _clean(values.get(placeholder.field, ""))
    name = placeholder.field
    if len(value) > MAX_VALUE:
        errors[name] = f"{MAX_VALUE} characters are the most; this has {len(value)}."
    elif not value:
        if placeholder.when_empty == "refuse":
            errors[name] = f"{name} is needed: it stands in the message as {placeholder.literal}."
        return {"unknown": UNKNOWN, "unassigned": UNASSIGNED}.get(placeholder.when_empty, "")
    elif placeholder.choices and value not in placeholder.choices:
        errors[name] = f"{name} must be one of {', '.join(placeholder.choices)}, not {value[:60]!r}."
    return value


def _clean(value: str) -> str:
    """One line: a message's lines are the template's own, so a line break in a field becomes a space."""
    return " ".join(str(value).split())


def declaration(
    procedure: Procedure, *, severity: str, impact: str, incident_commander: str = "", next_update: datetime | None, zone: str = "UTC",
    **more: str,
) -> str:  # fmt: skip
    """The text that declares an incident; `next_update` is when the first update is due, None when the severity owes none."""
    promised = timestamp(next_update, zone) if next_update else NO_UPDATE
    values = {"status": "Investigating", **more}
    values |= {"severity": severity, "impact": impact, "incident_commander": incident_commander, "next_update": promised}
    return render(procedure.template("declaration"), values)


def public_update(
    procedure: Procedure, *, at: datetime, status: str, description: str, impact: str, next_update_minutes: int | None = None,
    verb: str = "", zone: str = "UTC", **more: str,
) -> str:  # fmt: skip
    """A status page update. Without `verb` it is "investigating" while that is the status, else "experiencing"."""
    minutes = "" if next_update_minutes is None else str(next_update_minutes)
    values = {
        **more, "timestamp": timestamp(at, zone), "status": status, "description": _clean(description).rstrip("."), "impact": impact,
        "verb": verb or (VERBS[0] if status == "Investigating" else VERBS[1]), "next_update_minutes": minutes,
    }  # fmt: skip
    template = procedure.template("public_update")
    if next_update_minutes is not None and not 1 <= next_update_minutes <= 7 * 24 * 60:
        raise FieldErrors({**_errors(template, values), "next_update_minutes": "next_update_minutes must lie between 1 and 10080."})
    return render(template, values)


def internal_update(
    procedure: Procedure, *, at: datetime, status: str, impact: str, cause: str = "", actions: str, next_steps: str, eta: str = "",
    zone: str = "UTC", **more: str,
) -> str:  # fmt: skip
    """An update for colleagues. An empty cause is "unknown"; an empty ETA drops its line, as the default template says."""
    values = {**more, "timestamp": timestamp(at, zone), "status": status, "impact": impact, "cause": cause, "actions": actions}
    return render(procedure.template("internal_update"), values | {"next_steps": next_steps, "eta": eta})


def _errors(template: Template, values: Mapping[str, str]) -> dict[str, str]:
    try:
        render(template, values)
    except FieldErrors as error:
        return error.errors
    return {}


def timestamp(at: datetime, zone: str = "UTC") -> str:
    """An absolute time with its zone: "2026-11-23 03:14 UTC"."""
    local = at.astimezone(ZoneInfo(zone))
    name = local.tzname() or ""
    return f"{local:%Y-%m-%d %H:%M} {name if name.isalpha() else f'UTC{local:%z}'}"


def channel_name(prefix: str, on: date, title: str, taken: Collection[str] = (), length: int = 80) -> str:
    """`#incident-YYYYMMDD-brief-description`: lower-case ASCII words, at most `length` characters after the #, a clash gets -2."""
    start = f"{prefix}-{on:%Y%m%d}-"
    words = _slug(title) or "incident"
    for number in range(1, len(taken) + 2):
        suffix = "" if number == 1 else f"-{number}"
        name = f"#{start}{_cut(words, length - len(start) - len(suffix))}{suffix}"
        if name not in taken:
            return name
    raise AssertionError("one more number than names taken is always free")


def _slug(text: str) -> str:
    # ß and ligatures have no decomposition to ASCII of their own; the rest loses its accents
    for letter, plain in (("ß", "ss"), ("æ", "ae"), ("Æ", "ae"), ("ø", "o"), ("Ø", "o"), ("œ", "oe"), ("đ", "d"), ("ł", "l"), ("Ł", "l")):
        text = text.replace(letter, plain)
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")


def _cut(words: str, room: int) -> str:
    """Whole words where they fit."""
    if len(words) <= room:
        return words
    cut = words[: room + 1].rpartition("-")[0]
    return (cut or words[:room]).strip("-")
