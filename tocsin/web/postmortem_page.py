"""What stands on the page of a post-mortem? Its sections with what somebody is typing, the figures, how the promises were kept, what is next."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.accounts.models import User
from tocsin.incidents.models import Incident
from tocsin.incidents.queries import alerts_of
from tocsin.obligations.models import Obligation
from tocsin.obligations.queries import of_incident
from tocsin.postmortems import documents
from tocsin.postmortems.models import Postmortem
from tocsin.response import hold_postmortem as verbs
from tocsin.web import words
from tocsin.web.clocks import NOUNS

PROSE = (
    ("summary", "Summary", "One or two sentences."),
    ("timeline", "Timeline", 'A line each: "- [Time] - [Event]".'),
    ("root_cause", "Root cause", "How it came to be, in detail. Systems and decisions, not people."),
    ("resolution", "Resolution", "What fixed it."),
    ("lessons_learned", "Lessons learned", "What went well, what went badly, where we were lucky. Systems and decisions, not people."),
)
IMPACT = (
    ("title", "Title", 300, ""),
    ("users_affected", "Users affected", 500, "A number or a percentage"),
    ("revenue_impact", "Revenue impact", 500, "If applicable"),
    ("duration_text", "Duration, if not the computed one", 200, ""),
    ("duration_note", "Why it differs", 500, ""),
)
_MOMENT = re.compile(r"- (?P<at>\S.{0,60}?) - (?P<event>\S.*)")


@dataclass(frozen=True)
class Section:
    """A part of the document: what is stored, what stands in the field, and of which stored text the field was made."""

    name: str
    title: str
    hint: str
    stored: str
    value: str
    base: str
    error: str
    limit: int

    @property
    def typed(self) -> bool:
        """Whether the field holds something that is not stored."""
        return self.value != self.stored


def mark(text: str) -> str:
    """A short mark of a stored text: a form carries it, so that a save knows whether somebody else wrote meanwhile."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def typed(posted: Mapping[str, str], row: Postmortem) -> dict[str, str]:
    """The fields that this person changed: the posted text is not the one from which the field was made."""
    found = {}
    for name in verbs.SECTIONS:
        if name in posted:
            text = posted[name].replace("\r\n", "\n").strip("\n")
            if mark(text) != posted.get(f"base_{name}", "") and text != getattr(row, name):
                found[name] = text
    return found


def overtaken(posted: Mapping[str, str], row: Postmortem, fields: Mapping[str, str]) -> list[str]:
    """Those of the typed fields whose stored text is another than the one that this person saw."""
    return [name for name in fields if posted.get(f"base_{name}") not in (None, mark(getattr(row, name)))]


def sections(row: Postmortem | None, posted: Mapping[str, str], errors: Mapping[str, str]) -> tuple[list[Section], list[Section]]:
    """The prose, and the fields of the impact; what was typed stays in its field until it is saved."""
    kept = typed(posted, row) if row else {}

    def section(name: str, title: str, hint: str) -> Section:
        stored = getattr(row, name, "")
        return Section(name, title, hint, stored, kept.get(name, stored), mark(stored), errors.get(name, ""), verbs.SECTIONS[name])

    prose = [section(name, title, hint) for name, title, hint in PROSE]
    return prose, [section(name, title, hint) for name, title, _, hint in IMPACT]


def timeline_rows(text: str) -> list[tuple[str, str]]:
    """The timeline as a table of time and event; empty where a line has another form (then it is shown as text)."""
    found = []
    for line in text.splitlines():
        if line.strip():
            match = _MOMENT.fullmatch(line.strip())
            if match is None:
                return []
            found.append((match["at"], match["event"]))
    return found


def times(incident: Incident, now: datetime) -> list[tuple[str, str]]:
    """How long it took from the first event to each thing that the review asks about."""
    start, _ = documents.span(incident, now)
    asked = (
        ("Time to acknowledge", incident.acknowledged_at),
        ("Time to restore", incident.restored_at),
        ("Time to resolve", incident.resolved_at),
    )
    return [(name, words.duration(at - start)) for name, at in asked if at]


def kept_promises(incident: Incident, now: datetime) -> list[dict[str, Any]]:
    """How each kind of promise was kept: the time it took of the time it had; for several of a kind, how many were in time."""
    kinds: dict[str, list[Obligation]] = {}
    for row in of_incident(incident.pk, [alert.pk for alert in alerts_of(incident)]):
        if row.kind != "action_item" and row.state not in ("waived", "not_applicable"):
            kinds.setdefault(row.kind, []).append(row)
    return [_kept(kind, rows, now) for kind, rows in kinds.items()]


def _kept(kind: str, rows: list[Obligation], now: datetime) -> dict[str, Any]:
    name = NOUNS.get(kind, ("", kind.replace("_", " ").capitalize()))[1]
    late = [row for row in rows if row.state in ("late", "missed") or (row.state == "open" and row.due_at and row.due_at < now)]
    if len(rows) > 1:
        done = [row for row in rows if row.state == "met"]
        open_ = [row for row in rows if row.state == "open" and row not in late]
        said = f"{len(done)} of {len(rows) - len(open_)} in time"
        state = f"{len(late)} late" if late else "Met" if done else "Open"
        return {
            "name": f"{name}s" if name.endswith("update") else name,
            "said": said,
            "state": state,
            "late": bool(late),
            "met": not late and done,
        }
    row = rows[0]
    had = f" of {words.promise(row.due_at - row.started_at)}" if row.due_at and row.due_at > row.started_at else ""
    said = words.duration(row.stopped_at - row.started_at) + had if row.stopped_at else row.text
    state = {"met": "Met", "late": "Late", "missed": "Missed"}.get(row.state, "Late" if late else "Open")
    return {"name": name, "said": said, "state": state, "late": bool(late), "met": row.state == "met"}


def still_needed(row: Postmortem) -> list[str]:
    """What keeps it from being published, in words."""
    titles = {name: title for name, title, _ in PROSE}
    empty = [titles[name] for name in verbs.WHOLE if not getattr(row, name).strip()]
    loose = verbs.loose_items(row.incident)
    return empty + ([f"owner and due date of {len(loose)} action item{'s' if len(loose) > 1 else ''}"] if loose else [])


def invitees(row: Postmortem, chosen: list[int] | None) -> tuple[list[tuple[User, bool]], list[tuple[User, bool]]]:
    """Those who responded (or are invited), and everybody else, each with whether the box is ticked."""
    near = {person.pk: person for person in [*verbs.everybody(row), *row.invitees.all()]}
    if chosen is None:
        chosen = [person.pk for person in row.invitees.all()] if row.meeting_at else list(near)
    others = User.objects.filter(is_active=True, removed_at=None).exclude(pk__in=near).order_by("name")[:200]
    return [(person, person.pk in chosen) for person in near.values()], [(person, person.pk in chosen) for person in others]


def default_meeting(row: Postmortem, now: datetime, zone: str) -> str:
    """What stands in the field of the meeting's time: when it is booked, else the next full hour a day from now."""
    at = row.meeting_at or (now + timedelta(hours=25)).replace(minute=0, second=0, microsecond=0)
    return f"{at.astimezone(words.zone(zone)):%Y-%m-%dT%H:%M}"
