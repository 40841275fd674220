"""How broad may a silence be, which pages does it stop, and how are its matchers written by people?"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
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


# -- pages that run already --------------------------------------------------------------------------------------------


class Fate(StrEnum):
    """What becomes of the pages that run for a cause when a silence matches alerts of it."""

    STOPS = "stops"
    OF_AN_INCIDENT = "of_an_incident"  # it is declared: the incident's own end stops them
    GOES_ON = "goes_on"  # the same, of an incident that whoever asks may not know of
    OTHERS_FIRE = "others_fire"  # alerts of the cause that do not match would wake nobody any more
    NOT_ALL_SEEN = "not_all_seen"  # it has more alerts than are looked at
    ASKED_FOR = "asked_for"  # none runs but for those whom somebody asked for by hand: they wait for an answer
    NONE_RUN = "none_run"


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that a silence matches alerts of: how many of it fire and page, how many of these it matches, whether there are `others` that it
    does not match, and which pages run for it. `told`: whoever asks may know of the incident."""

    lead: int
    firing: int
    matched: int
    others: bool = False
    paged: bool = False
    asked: bool = False
    incident: bool = False
    told: bool = False

    @property
    def all_held(self) -> bool:
        """Whether nothing of it is left that pages."""
        return not self.incident and not self.others and self.matched >= self.firing


def fate(cause: Cause) -> Fate:
    """Only pages of which everything that still fires is silenced stop, and none of an incident that somebody declared."""
    if cause.incident:
        return Fate.OF_AN_INCIDENT if cause.told else Fate.GOES_ON
    if not cause.paged:
        return Fate.ASKED_FOR if cause.asked else Fate.NONE_RUN
    if cause.all_held:
        return Fate.STOPS
    return Fate.OTHERS_FIRE if cause.others else Fate.NOT_ALL_SEEN


def outlook(causes: Iterable[Cause], *, stop: bool, later: bool = False) -> list[str]:
    """What becomes of the pages that run, in sentences. `stop`: whether the silence is to stop them; `later`: it begins later."""
    causes = list(causes)
    of = Counter(fate(cause) for cause in causes)
    running = of.total() - of[Fate.NONE_RUN]
    if not running:
        return ["Nobody is being paged for them now."]
    said = [f"Paging runs for {running:,} of them now."]
    if not stop:
        return [*said, f"{_it(running)} until somebody acknowledges it."]
    if of[Fate.STOPS]:
        when = " when it starts" if later else ""
        said.append(f"For {of[Fate.STOPS]:,} it stops{when}; what nobody has and still fires when the silence ends is paged again.")
    if n := of[Fate.OF_AN_INCIDENT]:
        said.append(f"For {n:,} it goes on: {'an incident is' if n == 1 else 'incidents are'} declared.")
    if n := of[Fate.OTHERS_FIRE]:
        said.append(f"For {n:,} it goes on: other alerts of the same cause fire and do not match.")
    if n := of[Fate.NOT_ALL_SEEN]:
        said.append(f"For {n:,} it goes on: more alerts of the same cause fire than are looked at.")
    if n := sum(cause.asked and fate(cause) in (Fate.STOPS, Fate.ASKED_FOR) for cause in causes):
        said.append(f"For {n:,} those whom somebody asked for by hand are paged on.")
    if n := of[Fate.GOES_ON]:
        said.append(f"For {n:,} it goes on.")
    return said


def _it(number: int) -> str:
    return "It goes on" if number == 1 else "Each goes on"


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
