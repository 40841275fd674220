"""What does one version of the procedure change against another, in sentences, and what does that mean for open incidents?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.domain.procedure.model import Procedure, Severity, Step

OPEN_INCIDENTS = "Open incidents keep the version that they were declared under; only incidents declared from now on follow this one."
ALERTS_TOO = "Alerts that are open now keep the clock that they were given; the next alert gets the new one."


@dataclass(frozen=True, slots=True)
class Change:
    """One difference that means something: where, in one sentence, and what was and is there (plain words, empty where nothing)."""

    place: str
    sentence: str
    before: str = ""
    after: str = ""
    clock: bool = False  # it moves a due time


def diff(before: Procedure, after: Procedure) -> list[Change]:
    """Every change from `before` to `after`, in the order of the document. Equal documents give none."""
    found = [*_fields(before, after, "", "The document's", ("title", "scope"))]
    found += _rows(before.severities, after.severities, "severities", "The severity", _severity)
    found += _rows(before.steps, after.steps, "steps", "The step", _step)
    found += _rows(before.roles, after.roles, "roles", "The role", _role)
    old, new = ({template.name: template for template in procedure.templates} for procedure in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            was, now = (table[name].text if name in table else "" for table in (old, new))
            verb = "is new" if not was else "is gone" if not now else "reads differently" if was != now else "fills its fields differently"
            found.append(Change(f"templates.{name}", f"The template {name} {verb}.", was, now))
    names = tuple(field.name for field in dataclasses.fields(before.settings))
    found += _fields(before.settings, after.settings, "settings", "The setting", names)
    return found


def for_open_incidents(changes: Sequence[Change], open_incidents: int) -> str:
    """What the changes mean for what is going on now, in one or two sentences."""
    if not changes:
        return "Nothing changes."
    running = f"{open_incidents} open. " if open_incidents else ""
    return running + OPEN_INCIDENTS + (f" {ALERTS_TOO}" if any(change.clock for change in changes) else "")


def _rows(before: Sequence[Any], after: Sequence[Any], place: str, kind: str, compare: Any) -> Iterator[Change]:
    old, new = {row.id: row for row in before}, {row.id: row for row in after}
    for id, row in old.items():
        if id not in new:
            yield Change(f"{place}.{id}", f"{kind} {_name(row)} is gone.", _name(row), "", clock=place == "severities")
    for id, row in new.items():
        if id not in old:
            yield Change(f"{place}.{id}", f"{kind} {_name(row)} is new.", "", _name(row), clock=place == "severities")
        elif row != old[id]:
            yield from compare(old[id], row, f"{place}.{id}")
    common = [id for id in old if id in new]
    if common != [id for id in new if id in old]:
        yield Change(place, f"The {place} stand in another order.", ", ".join(old), ", ".join(new))


def _name(row: Any) -> str:
    return getattr(row, "title", "") or row.id


def _severity(before: Severity, after: Severity, place: str) -> Iterator[Change]:
    id = after.id
    yield from _fields(before, after, place, f"{id}:", ("name", "definition"))
    was, now = _response(before), _response(after)
    if before.response != after.response:
        yield Change(f"{place}.response", f"{id} is to be answered {now} instead of {was}.", was, now, clock=True)
    if before.escalation != after.escalation:
        was, now = _reach(before), _reach(after)
        yield Change(f"{place}.escalation", f"{id} now reaches: {now} (before: {was}).", was, now)
    if before.communication != after.communication:
        was, now = _communication(before), _communication(after)
        yield Change(f"{place}.communication", f"{id} owes {now} instead of {was}.", was, now, clock=True)
    if before.examples != after.examples:
        was, now = ("; ".join(example.text for example in row.examples) or "none" for row in (before, after))
        yield Change(f"{place}.examples", f"The examples of {id} change.", was, now)
    for name in ("rank", "channel", "postmortem_required", "watch_minutes", "acknowledgement_expires_minutes"):
        yield from _fields(before, after, place, f"{id}:", (name,), clock=name != "channel")


def _response(severity: Severity) -> str:
    days, minutes = severity.response.business_days, severity.response.within_minutes
    if days is not None:
        return "on the next business day" if days == 1 else f"within {days} business days"
    return f"within {span(minutes)}" if minutes is not None else "at any time"


def _reach(severity: Severity) -> str:
    reach = severity.escalation
    words = [f"pages {track.replace('_', '-')}" for track in reach.page]
    words += ["messages the team's channel"] * reach.team_channel + ["makes a ticket"] * reach.ticket
    return f"{reach.text} – {', '.join(words) or 'tells nobody'}"


def _communication(severity: Severity) -> str:
    owed = severity.communication
    if not owed:
        return "no update"
    return f"the first {owed.audience} update within {span(owed.within_minutes)}, then every {span(owed.repeat_minutes)} ({owed.text})"


def span(minutes: int) -> str:
    """Minutes in words: "15 min", "3 h"."""
    return f"{minutes // 60} h" if minutes and minutes % 60 == 0 else f"{minutes} min"


def _step(before: Step, after: Step, place: str) -> Iterator[Change]:
    yield from _fields(before, after, place, f"Step {after.number}:", ("title", "number"))
    old, new = ({item.id: item.text for block in step.blocks for item in block.items} for step in (before, after))
    for id, text in old.items():
        if id not in new:
            yield Change(f"{place}.{id}", f'Step {after.number} no longer asks for "{text}".', text, "")
    for id, text in new.items():
        if id not in old:
            yield Change(f"{place}.{id}", f'Step {after.number} now asks for "{text}".', "", text)
        elif text != old[id]:
            yield Change(f"{place}.{id}", f'Step {after.number} says "{text}" instead of "{old[id]}".', old[id], text)
    if old == new and before.blocks != after.blocks:
        yield Change(place, f"The lines of step {after.number} are arranged differently.")


def _role(before: Any, after: Any, place: str) -> Iterator[Change]:
    yield from _fields(before, after, place, f"{after.title}:", ("title",))
    if before.duties != after.duties:
        yield Change(
            f"{place}.duties",
            f"{after.title} has other duties: {'; '.join(after.duties) or 'none'}.",
            "; ".join(before.duties),
            "; ".join(after.duties),
        )


def _fields(before: Any, after: Any, place: str, subject: str, names: Sequence[str], clock: bool | None = None) -> Iterator[Change]:
    for name in names:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            moves = name.endswith(("_minutes", "_hours", "_from", "_starts", "_fraction")) if clock is None else clock
            words = name.replace("_", " ")
            sentence = f"{subject} {words} is now {_shown(now)} (before: {_shown(was)})."
            yield Change(f"{place}.{name}".strip("."), sentence, _shown(was), _shown(now), clock=moves)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return ", ".join(" is ".join(item) if isinstance(item, tuple) else str(item) for item in value) or "none"
    return str(value)
