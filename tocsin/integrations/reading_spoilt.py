"""What does a body say that is nearly JSON: in another character set, with a NaN, raw line breaks, a comma too many, a quote in a text, an object a line?

A sender does not send again what it was told is wrong, and the alert would be lost: what can be read all the same is read.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any

from tocsin.integrations.reading_depth import too_deep

LONGEST_SPOILT = 65_536  # bytes of JSON that is worth mending
MOST_LINES = 1_000  # objects, one a line
LONGEST_QUOTED = 2_048  # characters where quotes in a text are looked for: that takes the square of it
_PAIR = re.compile(r'"(\w{1,100})"\s*:\s*(?:"(.*?)"|([-\w.]{1,40}))\s*(?=,\s*"\w{1,100}"\s*:|,?\s*\}\s*\Z)', re.DOTALL)
_HALF = re.compile(  # of a pair of surrogates: Python's own JSON writes bytes that it could not read so
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


def mended(body: bytes, *, quotes: bool = True) -> Any:
    """The object or list that was meant; None where it stays unreadable, or is nested too deep.

    `quotes`: look for those that stand bare in a text as well; what strangers may send is not worth the time.
    """
    if len(body) > LONGEST_SPOILT:
        return None
    written = _HALF.sub(r"\\ufffd", _decoded(body)).strip()
    if written[:1] not in ("{", "[") or too_deep(written.encode()):  # its depth was counted in letters of one byte
        return None
    try:
        lines = [line for line in written.split("\n") if line.strip()]
        if 1 < len(lines) <= MOST_LINES and all(line.startswith("{") for line in lines):  # one object a line, as shippers of logs send them
            return [_loaded(line) for line in lines]
    except (ValueError, RecursionError):
        pass
    for form in (written, re.sub(r",(\s*[}\]])", r"\1", written)):
        try:
            return _loaded(form)
        except (ValueError, RecursionError):
            continue
    if not quotes or not written.startswith("{") or not written.endswith("}") or len(written) > LONGEST_QUOTED:
        return None
    pairs = {name: text if text or not bare else bare for name, text, bare in _PAIR.findall(written)}
    return pairs if len(pairs) > 1 else None


def _loaded(written: str) -> Any:
    return json.loads(written, strict=False, parse_constant=lambda _: None, parse_float=_finite)


def _decoded(body: bytes) -> str:
    """Windows sends Western European where nobody named a character set, and UTF-16 out of files."""
    found = json.detect_encoding(body)
    if found.startswith("utf-16") and len(body) % 2:  # half of the line break at its end was taken away with the white space
        body += b"\n"
    for charset in (found, "cp1252"):
        try:
            return body.decode(charset)
        except UnicodeDecodeError:
            continue
    return body.decode("utf-8", "replace")


def _finite(written: str) -> float:
    number = float(written)
    if not isfinite(number):
        raise ValueError(f"the number {written[:20]} is out of range")
    return number
