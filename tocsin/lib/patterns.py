"""Does a text match a pattern that a person wrote? In linear time, whatever the pattern: RE2, never the standard library's engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import re2

LONGEST_PATTERN = 1000
_options = re2.Options()
_options.log_errors = False
_options.max_mem = 1 << 20


@lru_cache(maxsize=2000)
def _compiled(pattern: str) -> re2._Regexp | None:
    try:
        return re2.compile(pattern, _options)
    except re2.error:
        return None


def complaint(pattern: str) -> str:
    """What is wrong with a pattern, as a sentence; nothing when it can be used."""
    if len(pattern) > LONGEST_PATTERN:
        return f"a pattern has at most {LONGEST_PATTERN:,} characters"
    try:
        re2.compile(pattern, _options)
    except re2.error as error:
        return f"this is no regular expression: {_why(error, pattern)}"
    return ""


def _why(error: re2.error, pattern: str) -> str:
    """What the library says, as a text and without the pattern, which whoever wrote it knows: "missing )"."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text.removesuffix(f": {pattern}")


def full_match(pattern: str, value: str) -> bool:
    """Does the whole value match? A pattern that cannot be used matches nothing."""
    compiled = _compiled(pattern)
    return compiled is not None and compiled.fullmatch(value) is not None


def tester(pattern: str) -> Callable[[str], bool]:
    """A test whether a whole value matches, for patterns that are kept by whoever asks often. Raises ValueError for one that cannot be used."""
    if wrong := complaint(pattern):
        raise ValueError(wrong)
    compiled = re2.compile(pattern, _options)

    @lru_cache(maxsize=16)  # values of labels come again and again, and asking the library takes 5 µs
    def short(value: str) -> bool:
        return compiled.fullmatch(value) is not None

    return lambda value: short(value) if len(value) <= 200 else compiled.fullmatch(value) is not None
