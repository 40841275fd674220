"""Which JSON do we read? What the standard allows, without what no database can store: NUL and halves of surrogate pairs."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

DEEPEST = 32


class StrictParser(Parser):
    """JSON bodies: no NaN or Infinity, at most 32 levels deep, texts that are valid Unicode without NUL."""

    def parse_body(self, request: HttpRequest) -> Any:
        return load(request.body)


def load(body: bytes) -> Any:
    """The value of a JSON text. Raises ValueError with the reason."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
        _check(value, DEEPEST)
    except RecursionError as error:
        raise ValueError("too deep") from error
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _check(value: Any, levels: int) -> None:
    if levels < 0:
        raise ValueError("more than 32 levels deep")
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a text contains the NUL character")
        value.encode()  # UnicodeEncodeError, a ValueError, for half a surrogate pair
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key, levels)
            _check(inner, levels - 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, levels - 1)
