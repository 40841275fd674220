"""What do the words of a procedure mean in numbers? "Immediate (within 5 minutes)" is 5 minutes, "Page on-call" pages the track on_call."""

from __future__ import annotations

import re
from dataclasses import replace

from tocsin.domain.procedure.model import Communication, Example, Placeholder, Reach, Response, Template

INTERNAL_UPDATE_MINUTES = 180  # how often colleagues hear where the text names no time
_UNITS = {"minute": 1, "hour": 60, "day": 24 * 60}
_BRACKETED = re.compile(r"SEV\[1-4\]|\[(?! \]|x\])[^\[\]\n]{1,200}\]")
STATUSES = ("Investigating", "Identified", "Monitoring", "Resolved")

# What the square brackets of each template mean. "Write [impact]" also works: a bracket that nobody knows names its field.
PLACEHOLDERS: dict[str, tuple[Placeholder, ...]] = {
    "declaration": (
        Placeholder("SEV[1-4]", "severity"),
        Placeholder("[Brief description of user impact]", "impact"),
        Placeholder("[Name]", "incident_commander", "unassigned"),
        Placeholder("[Time]", "next_update"),
    ),
    "public_update": (
        Placeholder("[TIMESTAMP]", "timestamp"),
        Placeholder("[Investigating|Identified|Monitoring|Resolved]", "status", choices=STATUSES),
        Placeholder("[investigating/experiencing]", "verb", choices=("investigating", "experiencing")),
        Placeholder("[brief description]", "description"),
        Placeholder("[What users are affected, what's not working]", "impact"),
        Placeholder("[X]", "next_update_minutes", drop_when=("status", "Resolved")),
    ),
    "internal_update": (
        Placeholder("[Timestamp]", "timestamp"),
        Placeholder("[Current status]", "status"),
        Placeholder("[User/business impact]", "impact"),
        Placeholder("[Known/unknown cause]", "cause", "unknown"),
        Placeholder("[What we're doing]", "actions"),
        Placeholder("[Planned actions]", "next_steps"),
        Placeholder("[If known]", "eta", "drop_line"),
    ),
    "postmortem": (
        Placeholder("[Title]", "title"),
        Placeholder("[1-2 sentence summary]", "summary"),
        Placeholder("[X hours/minutes]", "duration"),
        Placeholder("[Number/percentage]", "users_affected"),
        Placeholder("[If applicable]", "revenue_impact", "drop_line"),
        Placeholder("[Time]", "time"),
        Placeholder("[Event]", "event"),
        Placeholder("[Detailed explanation]", "root_cause"),
        Placeholder("[What fixed the issue]", "resolution"),
        Placeholder("[Action]", "action"),
        Placeholder("[What we learned]", "lessons_learned"),
    ),
}


def minutes(text: str) -> int | None:
    """The span that a text names, in minutes: "within 5 minutes" is 5, "Within 1 hour" 60; None where it names none."""
    found = re.search(r"(\d+)\s+(minute|hour|day)s?", text, re.IGNORECASE)
    return int(found[1]) * _UNITS[found[2].lower()] if found else None


def response(text: str) -> Response:
    """What a line "Response Time" demands."""
    if re.search(r"business day", text, re.IGNORECASE):
        days = re.search(r"(\d+)\s+business days?", text, re.IGNORECASE)
        return Response(text, business_days=int(days[1]) if days else 1)
    return Response(text, within_minutes=minutes(text))


def reach(text: str) -> Reach:
    """Whom a line "Escalation" reaches."""
    words = text.lower()
    pages = "page" in words
    tracks = [("on_call", pages and "on-call" in words), ("leadership", pages and "leadership" in words)]
    return Reach(
        text,
        page=tuple(track for track, named in tracks if named),  # type: ignore[misc]
        team_channel="team" in words and ("notification" in words or "message" in words),
        ticket="ticket" in words,
    )


def communication(text: str) -> Communication:
    """What a line "Communication" owes: it repeats as often as it is first due, unless the settings say otherwise."""
    span = minutes(text) or INTERNAL_UPDATE_MINUTES
    return Communication(text, "public" if "status page" in text.lower() else "internal", span, span)


def example(text: str) -> Example:
    """An example of a severity, with what a machine can measure of it."""
    share = re.search(r"(\d+)%\+.*error rate", text, re.IGNORECASE)
    times = re.search(r"\((\d+)-(\d+)x normal\)", text, re.IGNORECASE)
    private = "security breach" in text.lower()
    if share:
        return Example(text, private, "error_ratio", int(share[1]) / 100)
    if times:
        return Example(text, private, "latency_ratio", float(times[1]), float(times[2]))
    return Example(text, private)


def template(name: str, text: str) -> Template:
    """A message text with the values that its brackets stand for; lint refuses a bracket that names no field of the message."""
    known = {placeholder.literal: placeholder for placeholder in PLACEHOLDERS.get(name, ())}
    by_field = {placeholder.field: placeholder for placeholder in PLACEHOLDERS.get(name, ())}
    found = []
    for literal in dict.fromkeys(_BRACKETED.findall(text)):
        field = slug(literal, "_")
        found.append(known.get(literal) or replace(by_field.get(field, Placeholder("", field)), literal=literal))
    return Template(name, text, tuple(found))


def slug(text: str, joiner: str = "-") -> str:
    """A stable id from words: "**Recent** deployments?" is recent-deployments."""
    return joiner.join(re.findall(r"[a-z0-9]+", text.lower()))[:80] or "item"
