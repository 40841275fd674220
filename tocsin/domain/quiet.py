"""How broad may a silence be, and how are its matchers written by people?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

LONGEST_BROAD = timedelta(hours=24)
_LINE = re.compile(r"\s*([^=!~\s][^=!~]*?)\s*(=~|!~|!=|=)\s*(.*?)\s*\Z", re.DOTALL)
_SIGNS = {"=": (False, True), "!=": (False, False), "=~": (True, True), "!~": (True, False)}


def too_broad(length: timedelta, *, scoped: bool, administrator: bool, recurs: bool = False) -> str:
    """Why a silence that long may not be made by that person; nothing where it may. `scoped`: it names services or a team.

    Without a service it may hold back everything: 24 hours are enough to find out what is wrong, more is for administrators to decide.
    """
    if scoped or administrator or (length <= LONGEST_BROAD and not recurs):
        return ""
    if recurs:
        return "Without a service or a team only an administrator plans what recurs: name services or a team, or ask one."
    return "Without a service it lasts at most 24 hours, because it may hold back everything: name a service, or ask an administrator."


def written(matchers: Sequence[Mapping[str, Any]]) -> str:
    """Matchers as people write them: one a line, name="value", with =, !=, =~ (pattern) and !~."""
    signs = {kind: sign for sign, kind in _SIGNS.items()}
    lines = []
    for one in matchers:
        sign = signs[(bool(one.get("is_regex", False)), bool(one.get("is_equal", True)))]
        lines.append(f"{one['name']}{sign}{json.dumps(str(one['value']), ensure_ascii=False)}")
    return "\n".join(lines)


def read(text: str) -> list[dict[str, Any]]:
    """What people wrote as matchers. Raises ValueError with a sentence that names the line."""
    found = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None:
            raise ValueError(f'{line.strip()[:60]!r}: write one matcher a line, such as env="prod" or instance=~"db.*".')
        name, sign, value = match.groups()
        if value.startswith('"'):
            try:
                value = json.loads(value, strict=False)
            except ValueError:
                value = None
            if not isinstance(value, str):
                raise ValueError(f"{line.strip()[:60]!r}: the value begins with a quotation mark and does not end with one.")
        is_regex, is_equal = _SIGNS[sign]
        found.append({"name": name, "value": value, "is_regex": is_regex, "is_equal": is_equal})
    return found


def fits(name: str) -> bool:
    """Can a label of that name be written as a matcher?"""
    match = _LINE.match(f'{name}="x"')
    return match is not None and match[1] == name
