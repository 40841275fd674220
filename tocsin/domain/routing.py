"""Which service does an alert concern, how severe is it, and is it silenced? With the reasons, sentence by sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.domain.procedure.model import Procedure
from tocsin.domain.severity import propose

FullMatch = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; the names `title`, `service`, `severity` mean the alert's own fields where no label is called so."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def holds(self, values: Mapping[str, str], full_match: FullMatch) -> bool:
        """Is it true for these values? A missing label counts as empty, as with Prometheus."""
        value = values.get(self.name, "")
        same = full_match(self.value, value) if self.is_regex else value == self.value
        return same is self.is_equal


@dataclass(frozen=True, slots=True)
class SilenceRule:
    """No paging for what all matchers hold for (and, where a service is named, only for that one), from `starts_at` until `ends_at`."""

    id: int
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    reason: str = ""
    service_id: int | None = None


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What routing needs to know of a service."""

    id: int
    name: str
    critical: bool = False
    severity_map: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be routed: an alert as its newest event tells it, and the integration that it came by."""

    title: str
    source_severity: str
    severity_word: str = ""
    service: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    integration: str = ""
    integration_service: int | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """What routing looks things up in: services by id, and the silences in force."""

    services: Mapping[int, ServiceFacts] = field(default_factory=dict)
    silences: Sequence[SilenceRule] = ()

    def named(self, name: str) -> ServiceFacts | None:
        """The service of that name, whatever its capitals."""
        wanted = name.strip().lower()
        return next((service for service in self.services.values() if service.name.lower() == wanted), None) if wanted else None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an alert, and why.

    `policy_id` None: the service's own policy. `group_by` None: the default grouping; labels whose values make alerts of one service one cause
    within `group_minutes`. `labels`, `links` ((text, address) pairs) and `runbook` are what rules add to the alert.
    """

    service_id: int | None
    severity: str
    severity_reason: str
    suppressed_by: str
    trace: tuple[str, ...]
    rule_id: int | None = None
    policy_id: int | None = None
    group_by: tuple[str, ...] | None = None
    group_minutes: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()
    runbook: str = ""


def route(subject: Subject, directory: Directory, procedure: Procedure, now: datetime, full_match: FullMatch) -> Decision:
    """The service (the integration's own, else the one that the message names), the proposed severity, and the silence that holds it back."""
    trace = [f"It came by the integration {subject.integration}."]
    service = _service(subject, directory, trace)
    proposal = propose(
        procedure, source_severity=subject.source_severity, service_map=dict(service.severity_map) if service else {},
        critical=bool(service and service.critical),
    )  # fmt: skip
    said = (
        f" (“{subject.severity_word}” in its own words)"
        if subject.severity_word
        else " (the integration's default: the message names none)"
    )
    trace.append(f"Its source calls it {subject.source_severity}{said}.")
    trace.append(f"Proposed severity {proposal.severity}: {proposal.reason}.")
    silence = silenced(subject, service.id if service else None, directory.silences, now, full_match)
    if silence:
        trace.append(f"Silence {silence.id} holds its pages back until {silence.ends_at:%Y-%m-%d %H:%M} UTC: {silence.reason}.")
    else:
        trace.append("No silence matches it.")
    held_by = f"silence {silence.id}: {silence.reason}"[:200] if silence else ""
    return Decision(service.id if service else None, proposal.severity, proposal.reason[:500], held_by, tuple(trace))


def silenced(
    subject: Subject, service_id: int | None, silences: Sequence[SilenceRule], now: datetime, full_match: FullMatch
) -> SilenceRule | None:
    """The first silence in force that matches."""
    values = {"title": subject.title, "service": subject.service, "severity": subject.source_severity, **subject.labels}
    for silence in silences:
        if not silence.starts_at <= now < silence.ends_at or (silence.service_id is not None and silence.service_id != service_id):
            continue
        if (silence.matchers or silence.service_id) and all(matcher.holds(values, full_match) for matcher in silence.matchers):
            return silence
    return None


def _service(subject: Subject, directory: Directory, trace: list[str]) -> ServiceFacts | None:
    if subject.integration_service is not None and (bound := directory.services.get(subject.integration_service)):
        trace.append(f"The integration belongs to the service {bound.name}.")
        return bound
    if found := directory.named(subject.service):
        trace.append(f"The message names the service {found.name}.")
        return found
    hint = f" The message names “{subject.service}”, which no service is called." if subject.service else ""
    trace.append(f"No service was found, the organisation's fallback applies.{hint}")
    return None
