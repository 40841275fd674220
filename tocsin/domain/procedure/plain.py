"""How does a procedure become plain values (dicts, lists, texts, numbers) and back? The form that is stored, sent and written as YAML."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, Literal, Union, get_args, get_origin

from tocsin.domain.procedure import model
from tocsin.domain.procedure.model import Procedure

LONGEST_TEXT = 20_000
LONGEST_LIST = 100
MOST = 1_000_000


class FormError(ValueError):
    """The plain form is not a procedure; `place` says where ("severities.0.response.within_minutes"), `sentence` what would be right."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place or 'document'}: {sentence}")
        self.place = place or "document"
        self.sentence = sentence


def to_plain(procedure: Procedure) -> dict[str, Any]:
    """Dicts, lists, texts, numbers, booleans and None; fields that have their default are left out, so that the text stays short."""
    return _out(procedure)


def _out(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = {}
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
            if default is dataclasses.MISSING or item != default:
                shown[field.name] = _out(item)
        return shown
    if isinstance(value, tuple):
        return [_out(item) for item in value]
    return value


def from_plain(plain: Any) -> Procedure:
    """The procedure of that plain form. Raises FormError naming the place."""
    return _dataclass(Procedure, plain, "")


def _dataclass(kind: type, plain: Any, place: str) -> Any:
    if not isinstance(plain, dict):
        raise FormError(place, "a mapping of fields belongs here")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if unknown := sorted(str(name) for name in plain if name not in fields):
        raise FormError(_under(place, unknown[0]), f"this field is not known; known are {', '.join(fields)}")
    hints = typing.get_type_hints(kind, vars(model))
    values = {}
    for name, field in fields.items():
        if name in plain:
            values[name] = _read(hints[name], plain[name], _under(place, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise FormError(_under(place, name), "this field is missing")
    return kind(**values)


def _under(place: str, name: str | int) -> str:
    return f"{place}.{name}" if place else str(name)


def _read(hint: Any, plain: Any, place: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, plain, place)  # type: ignore[arg-type]
    if origin is tuple:
        return _tuple(inner, plain, place)
    if origin in (Union, types.UnionType):
        if plain is None:
            return None
        return _read(next(kind for kind in inner if kind is not type(None)), plain, place)
    if origin is Literal:
        if plain not in inner:
            raise FormError(place, f"one of {', '.join(map(str, inner))} belongs here")
        return plain
    return _scalar(hint, plain, place)


def _tuple(inner: tuple[Any, ...], plain: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(plain, list | tuple) or len(plain) > LONGEST_LIST:
        raise FormError(place, f"a list of at most {LONGEST_LIST} entries belongs here")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_read(inner[0], item, _under(place, n)) for n, item in enumerate(plain))
    if len(plain) != len(inner):
        raise FormError(place, f"exactly {len(inner)} entries belong here")
    return tuple(_read(kind, item, _under(place, n)) for n, (kind, item) in enumerate(zip(inner, plain, strict=True)))


def _scalar(hint: Any, plain: Any, place: str) -> Any:
    if hint is str and isinstance(plain, str):
        return _text(plain, place)
    if hint is bool and isinstance(plain, bool):
        return plain
    number = isinstance(plain, int | float) and not isinstance(plain, bool) and 0 <= plain <= MOST
    if hint is float and number:
        return float(plain)
    if hint is int and number and isinstance(plain, int):
        return plain
    names = {float: f"a number from 0 to {MOST:,}", int: f"a whole number from 0 to {MOST:,}", bool: "true or false", str: "a text"}
    raise FormError(place, f"{names.get(hint, 'another value')} belongs here")


def _text(plain: str, place: str) -> str:
    several = place.startswith("templates.") and place.endswith(".text")
    if len(plain) > LONGEST_TEXT:
        raise FormError(place, f"a text of at most {LONGEST_TEXT:,} characters belongs here")
    if not several and len(plain.splitlines()) > 1 and place != "scope":
        raise FormError(place, "one line belongs here")
    if any(ord(character) < 32 and character != "\n" for character in plain):
        raise FormError(place, "control characters do not belong here")
    if several and any(line.startswith("```") for line in plain.split("\n")):
        raise FormError(place, "a line of a template must not begin with ```, which ends it in the Markdown form")
    return plain
