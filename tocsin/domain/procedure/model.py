"""What is a procedure made of? Immutable values that every other rule reads.

Source: the organisation's incident procedure document; the texts stand here as people wrote them, the numbers as the
code uses them. Nothing in the code knows a severity, a minute or a template text: it asks these values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Track = Literal["on_call", "leadership"]
Audience = Literal["public", "internal"]


@dataclass(frozen=True, slots=True)
class Response:
    """How soon somebody must acknowledge. Exactly one of `within_minutes`, `business_days` is set."""

    text: str
    within_minutes: int | None = None
    business_days: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """Who is reached, and how: tracks that are paged, a message to the team's channel, a ticket."""

    text: str
    page: tuple[Track, ...] = ()
    team_channel: bool = False
    ticket: bool = False


@dataclass(frozen=True, slots=True)
class Communication:
    """The first update owed after the declaration, and how often it repeats until the incident is resolved (minutes)."""

    text: str
    audience: Audience
    within_minutes: int
    repeat_minutes: int


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a severity. `private` offers a private incident.

    `measure` with `at_least` lets a machine propose it: "error_ratio" at least 0.5, "latency_ratio" (times its baseline) at least 2 and
    `at_most` 3; a figure beyond `at_most` is worse than this severity describes.
    """

    text: str
    private: bool = False
    measure: str = ""
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class Severity:
    """One level. `rank` is its position in the document, 1 the worst."""

    id: str
    name: str
    definition: str
    response: Response
    escalation: Reach
    communication: Communication | None = None
    examples: tuple[Example, ...] = ()
    rank: int = 1
    channel: bool = True
    postmortem_required: bool = False
    watch_minutes: int = 0
    acknowledgement_expires_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist, word for word with its bold marks. `id` is unique within its step ("recent-deployments")."""

    id: str
    text: str

    @property
    def words(self) -> str:
        """The line as people read it, without bold and code marks."""
        return self.text.replace("**", "").replace("`", "")


@dataclass(frozen=True, slots=True)
class Block:
    """Part of a step: a list with an optional bold heading, or (when `template` names one) that message template."""

    heading: str = ""
    ordered: bool = False
    items: tuple[Item, ...] = ()
    template: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the six parts of the procedure, with its blocks in the order of the document. `number` counts from 1."""

    id: str
    number: int
    title: str
    blocks: tuple[Block, ...] = ()

    def block(self, heading: str) -> Block:
        """The block under that heading; an empty one where the document has none."""
        return next((block for block in self.blocks if block.heading.rstrip(":").lower() == heading.lower()), Block())


@dataclass(frozen=True, slots=True)
class Role:
    """A role in an incident with its duties, word for word."""

    id: str
    title: str
    duties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placeholder:
    """What stands in a template for a value: the literal text, the field that replaces it, and what an empty field does.

    `choices` are the only words allowed; `drop_when` is a field and a value of it ("status", "Resolved") with which the line goes away.
    """

    literal: str
    field: str
    when_empty: Literal["refuse", "drop_line", "unknown", "unassigned"] = "refuse"
    choices: tuple[str, ...] = ()
    drop_when: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A message text with its placeholders, rendered by `domain.messages`."""

    name: str
    text: str
    placeholders: tuple[Placeholder, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the written text leaves open. Each is a field of the document; the defaults are those of docs/reference/procedure."""

    acknowledge_starts: Literal["event_accepted", "alert_opened"] = "event_accepted"
    roles_within_minutes: int = 5
    verification_within_minutes: int = 15
    postmortem_within_hours: int = 48
    postmortem_counts_from: Literal["resolved", "closed"] = "resolved"
    postmortem_means: Literal["booked", "held"] = "booked"
    warn_at_fraction: float = 0.7
    source_severities: tuple[tuple[str, str], ...] = (("critical", "SEV2"), ("error", "SEV3"), ("warning", "SEV3"), ("info", "SEV4"))
    critical_service_steps_up: int = 1
    channel_prefix: str = "incident"
    channel_length: int = 80
    may_waive: tuple[str, ...] = ("incident_commander",)
    leadership_on_declare_only: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """The whole document."""

    title: str
    scope: str
    severities: tuple[Severity, ...]
    steps: tuple[Step, ...]
    roles: tuple[Role, ...]
    templates: tuple[Template, ...]
    settings: Settings = field(default_factory=Settings)

    def severity(self, id: str) -> Severity:
        """The severity of that id. Raises KeyError naming the known ones."""
        for severity in self.severities:
            if severity.id == id:
                return severity
        raise KeyError(f"severity {id!r} is not one of {', '.join(s.id for s in self.severities)}")

    def step(self, id: str) -> Step:
        """The step of that id. Raises KeyError."""
        return {step.id: step for step in self.steps}[id]

    def role(self, id: str) -> Role:
        """The role of that id. Raises KeyError."""
        return {role.id: role for role in self.roles}[id]

    def template(self, name: str) -> Template:
        """The template `declaration`, `public_update`, `internal_update` or `postmortem`. Raises KeyError."""
        return {template.name: template for template in self.templates}[name]
