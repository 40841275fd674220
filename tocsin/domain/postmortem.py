"""What does a post-mortem say, as Markdown, and what does such Markdown say?

The headings and their order are those of the procedure's template. Free text may hold anything: a line of a section that would be read as
a heading of the document is written with a backslash before it, and reading takes it away again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

TITLE = "# Incident Post-Mortem: "
SECTIONS = ("Summary", "Impact", "Timeline", "Root Cause", "Resolution", "Action Items", "Lessons Learned")
PROSE = {
    "Summary": "summary", "Timeline": "timeline", "Root Cause": "root_cause", "Resolution": "resolution", "Lessons Learned": "lessons_learned",
}  # fmt: skip
FACTS = {"Duration": "duration", "Users affected": "users_affected", "Revenue impact": "revenue_impact"}
UNOWNED, UNDATED = "unassigned", "no date"
LONGEST_EVENT = 300

_HEADING = re.compile(r"^\\*#")
_ITEM = re.compile(r"^- \[([ xX])\] (.*) - (.*?) - (\d{4}-\d{2}-\d{2}|no date)$")


class NotAPostmortemError(ValueError):
    """The text is not a post-mortem of the template's form; the sentence says what is wrong and in which line."""


@dataclass(frozen=True, slots=True)
class Action:
    """A promised improvement as the document shows it: the owner by name."""

    title: str
    owner: str = ""
    due_on: date | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A post-mortem. One-line fields hold no line break; prose and the timeline hold any text."""

    title: str
    summary: str = ""
    duration: str = ""
    users_affected: str = ""
    revenue_impact: str = ""
    timeline: str = ""
    root_cause: str = ""
    resolution: str = ""
    lessons_learned: str = ""
    actions: tuple[Action, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened, as the incident's record has it; `key` marks a moment that the review must show."""

    at: datetime
    text: str
    key: bool = False


# -- drafting -----------------------------------------------------------------------------------------------------------


def duration_words(lasted: timedelta) -> str:
    """ "43 minutes", "1 hour 5 minutes", "2 days 3 hours"; under a minute it is said in seconds."""
    seconds = max(int(lasted.total_seconds()), 0)
    if seconds < 60:
        return _count(seconds, "second")
    minutes = seconds // 60
    if minutes < 60 * 24:
        parts = [_count(minutes // 60, "hour") if minutes >= 60 else "", _count(minutes % 60, "minute") if minutes % 60 else ""]
    else:
        hours = minutes // 60
        parts = [_count(hours // 24, "day"), _count(hours % 24, "hour") if hours % 24 else ""]
    return " ".join(part for part in parts if part)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def draft_timeline(moments: Iterable[Moment], zone: str) -> str:
    """Lines "- [Time] - [Event]" of the key moments in order of time, times in that zone, the date wherever the day changes."""
    here, lines, day = ZoneInfo(zone), [], None
    for moment in sorted((m for m in moments if m.key), key=lambda m: m.at):
        local = moment.at.astimezone(here)
        shown = f"{local:%Y-%m-%d %H:%M} {local:%Z}" if local.date() != day else f"{local:%H:%M} {local:%Z}"
        day = local.date()
        lines.append(f"- {shown} - {event_words(moment.text)}")
    return "\n".join(lines)


def event_words(text: str) -> str:
    """A moment's text as one line."""
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_EVENT else words[: LONGEST_EVENT - 1].rstrip() + "…"


# -- Markdown out -------------------------------------------------------------------------------------------------------


def to_markdown(document: Document) -> str:
    """The document to the letter of the template; ends with one line break."""
    parts = [TITLE + _line(document.title), ""]
    for name in SECTIONS:
        parts.append(f"## {name}")
        parts.append(_section(document, name))
        parts.append("")
    return "\n".join(parts)


def _section(document: Document, name: str) -> str:
    if name == "Impact":
        return "\n".join(f"- {label}: {_line(getattr(document, attribute))}".rstrip() for label, attribute in FACTS.items())
    if name == "Action Items":
        return "\n".join(_action(action) for action in document.actions)
    return "\n".join(_escaped(line) for line in lines_of(getattr(document, PROSE[name])))


def lines_of(text: str) -> list[str]:
    """The lines as the document counts them: \\n, \\r\\n and \\r end one, nothing else does."""
    return re.split(r"\r\n|\r|\n", text)


def _escaped(line: str) -> str:
    return "\\" + line if _HEADING.match(line) else line


def _line(text: str) -> str:
    """One line of it: a field of the document that has one line keeps to it."""
    return " ".join(re.split(r"[\r\n]+", text)).strip()


def _action(action: Action) -> str:
    due = action.due_on.isoformat() if action.due_on else UNDATED
    return f"- [{'x' if action.done else ' '}] {_line(action.title)} - {_line(action.owner).replace(' - ', ' – ') or UNOWNED} - {due}"


# -- Markdown in --------------------------------------------------------------------------------------------------------


def from_markdown(text: str) -> Document:
    """The document in a Markdown text. Raises NotAPostmortemError with a sentence."""
    lines = lines_of(text.removeprefix("\ufeff"))
    while lines and not lines[0].strip():
        lines.pop(0)
    if not lines or not lines[0].startswith(TITLE.rstrip()):
        raise NotAPostmortemError(f'The first line must be "{TITLE}" and the title.')
    title, body = lines[0][len(TITLE.rstrip()) :].strip(), lines[1:]
    if not title:
        raise NotAPostmortemError("The title is missing in the first line.")
    found = _split(body)
    values = {attribute: _prose(found[name]) for name, attribute in PROSE.items()}
    return Document(title=title, **values, **_facts(found["Impact"]), actions=tuple(_actions(found["Action Items"])))


def _split(lines: list[str]) -> dict[str, list[str]]:
    """The lines under each heading; every heading once, in the template's order."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(lines, start=2):
        if not line.startswith("#") or line.startswith("###"):
            if current is not None:
                current.append(line)
            elif line.strip():
                raise NotAPostmortemError(f'Line {number} stands before "## {SECTIONS[0]}".')
            continue
        name = line.lstrip("#").strip()
        if len(found) == len(SECTIONS) or name != SECTIONS[len(found)] or not line.startswith("## "):
            wanted = f'"## {SECTIONS[len(found)]}"' if len(found) < len(SECTIONS) else "no further heading"
            raise NotAPostmortemError(f"Line {number}: {wanted} was expected, not {line[:80]!r}.")
        current = found[name] = []
    if len(found) < len(SECTIONS):
        raise NotAPostmortemError(f'The heading "## {SECTIONS[len(found)]}" is missing.')
    for name in SECTIONS:  # the blank line before the next heading belongs to the form, not to the text
        if found[name] and not found[name][-1]:
            found[name].pop()
    return found


def _prose(lines: list[str]) -> str:
    return "\n".join(line[1:] if line.startswith("\\") and _HEADING.match(line) else line for line in lines)


def _facts(lines: list[str]) -> dict[str, str]:
    values = dict.fromkeys(FACTS.values(), "")
    for line in lines:
        label, colon, value = line.removeprefix("- ").partition(":")
        if not line.strip():
            continue
        if not colon or label not in FACTS or not line.startswith("- "):
            raise NotAPostmortemError(f"Under Impact, {line[:80]!r} is none of: {', '.join(f'- {name}: …' for name in FACTS)}.")
        values[FACTS[label]] = value.strip()
    return values


def _actions(lines: list[str]) -> Iterable[Action]:
    for line in lines:
        if not line.strip():
            continue
        match = _ITEM.match(line)
        if not match:
            raise NotAPostmortemError(f'Under Action Items, {line[:80]!r} is not of the form "- [ ] Action - Owner - YYYY-MM-DD".')
        mark, title, owner, due = match.groups()
        try:
            day = None if due == UNDATED else date.fromisoformat(due)
        except ValueError as error:
            raise NotAPostmortemError(f"Under Action Items, {due} is not a day of the calendar.") from error
        yield Action(title, "" if owner == UNOWNED else owner, day, mark != " ")
