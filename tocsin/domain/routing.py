"""Which service does an alert concern, how severe is it, and is it silenced? With the reasons, sentence by sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tocsin.domain.procedure.model import Procedure
from tocsin.domain.rule_model import View
from tocsin.domain.rules import RuleSet, Walk, codes
from tocsin.domain.severity import Proposal, propose

FullMatch = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; `title` and `alertname` mean the alert's title, `service` and `severity` its own where no label is called so."""

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
    services: frozenset[int] | None = None  # only for these: those of a team
    label: str = ""  # what it is called where it holds something back: "silence 5", "maintenance window 3"


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
    integration_id: int | None = None
    status: str = "firing"
    dedup_key: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Directory:
    """What routing looks things up in: services by id, the silences in force, the routing rules.

    `tick` tells the seconds of work that this thread has done, to hold the rules to their budget (None: no budget); `wall`, cheaper to
    ask, tells the seconds that passed.
    """

    services: Mapping[int, ServiceFacts] = field(default_factory=dict)
    silences: Sequence[SilenceRule] = ()
    rules: RuleSet | None = None
    tick: Callable[[], float] | None = None
    wall: Callable[[], float] | None = None
    by_name: Mapping[str, ServiceFacts] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {service.name.lower(): service for service in reversed(list(self.services.values()))})

    def named(self, name: str) -> ServiceFacts | None:
        """The service of that name, whatever its capitals."""
        return self.by_name.get(name.strip().lower())


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an alert, and why.

    `policy_id` None: the service's own policy. `group_by` None: the default grouping; labels whose values make alerts of one service one cause
    within `group_minutes`. `labels`, `links` ((text, address) pairs) and `runbook` are what rules add to the alert. `rule_id` is the rule that
    decided, `rule_ids` are all that matched. `path` is what a trace keeps of the rules (see `rule_words`); empty where there are no rules.
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
    rule_ids: tuple[int, ...] = ()
    path: Mapping[str, Any] = field(default_factory=dict)


def route(subject: Subject, directory: Directory, procedure: Procedure, now: datetime, full_match: FullMatch) -> Decision:
    """What the routing rules decide, and by default: the integration's own service, else the one that the message names; the proposed severity.

    Then the silence that holds it back.
    """
    trace = [f"It came by the integration {subject.integration}."]
    walk, path = _walk(subject, directory, now, trace)
    then, deciding = walk.then, walk.hits[-1] if walk.hits else None
    service = _ruled(walk, directory, trace) or _service(subject, directory, trace)
    proposal = _severity(subject, service, walk, procedure, trace)
    silence = silenced(subject, service.id if service else None, directory.silences, now, full_match, {**subject.labels, **walk.added})
    if silence:
        trace.append(trace_of(silence))
    else:
        trace.append("No silence matches it.")
    held_by = held_words(silence) if silence else ""
    if then.suppress:
        held_by = _suppressing(walk)
        trace.append(f"Its pages are held back: suppressed by {held_by}.")
    return Decision(
        service.id if service else None, proposal.severity, proposal.reason[:500], held_by, tuple(trace),
        deciding.id if deciding else None, then.policy_id, then.group_by, then.group_minutes, walk.added, then.links, then.runbook,
        tuple(rule.id for rule in walk.hits), path,
    )  # fmt: skip


def view_of(subject: Subject, now: datetime) -> View:
    """An alert as the conditions of rules see it."""
    labels = dict(subject.labels)
    fields = {
        "title": subject.title, "status": subject.status, "severity": subject.source_severity, "service": subject.service,
        "source": labels.get("source", ""), "integration": subject.integration, "dedup_key": subject.dedup_key,
    }  # fmt: skip
    return View(fields, labels, subject.details, now)


def _walk(subject: Subject, directory: Directory, now: datetime, trace: list[str]) -> tuple[Walk, dict[str, Any]]:
    """Ask the rules; with what the trace keeps of it."""
    rules = directory.rules
    if rules is None or not rules.rules:
        return Walk(), {}
    view = view_of(subject, now)
    path: dict[str, Any] = {"version": rules.version, "at": now.isoformat(), "integration": subject.integration_id}
    path["service"], path["seen"] = subject.service[:120], rules.seen(view, subject.integration_id)
    walk = rules.walk(view, subject.integration_id, directory.tick, directory.wall)
    path |= {"met": codes(walk.met), "hits": [rule.id for rule in walk.hits][:50], "passed": walk.passed, "stopped": walk.stopped}
    if walk.stopped:
        trace.append(f"The default route takes it: {walk.stopped}.")
    elif walk.hits:
        names = " and then ".join(f"“{rule.name}”" for rule in walk.hits[:5])
        trace.append(f"Of the routing rules, version {rules.version}, it matches {names}.")
    else:
        trace.append(f"None of the {walk.passed} routing rules for this integration matches it (version {rules.version}).")
    return walk, path


def _ruled(walk: Walk, directory: Directory, trace: list[str]) -> ServiceFacts | None:
    """The service that the rules decide."""
    if walk.then.service_id is None:
        return None
    if found := directory.services.get(walk.then.service_id):
        trace.append(f"The rule “{_rule_for(walk, 'service_id')}” gives it to the service {found.name}.")
        return found
    trace.append(f"The rule “{_rule_for(walk, 'service_id')}” names a service that is not there any more.")
    return None


def _severity(subject: Subject, service: ServiceFacts | None, walk: Walk, procedure: Procedure, trace: list[str]) -> Proposal:
    """The severity that the rules decide, else the one that the procedure proposes."""
    ruled = walk.then.severity
    if ruled and any(severity.id == ruled for severity in procedure.severities):
        name = _rule_for(walk, "severity")
        trace.append(f"The rule “{name}” makes it {ruled}.")
        return Proposal(ruled, f"routing rule “{name}”: {ruled}")
    if ruled:
        trace.append(f"The rule “{_rule_for(walk, 'severity')}” names {ruled}, which the procedure does not have.")
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
    return proposal


def _rule_for(walk: Walk, what: str) -> str:
    """The name of the last rule that decided that."""
    return next((rule.name for rule in reversed(walk.hits) if getattr(rule.then, what)), "")


def _suppressing(walk: Walk) -> str:
    return f"routing rule “{_rule_for(walk, 'suppress')}”"[:200]


def held_words(silence: SilenceRule) -> str:
    """What an alert says of the silence that holds its pages back."""
    return f"{_label(silence)}: {silence.reason}"[:200]


def trace_of(silence: SilenceRule) -> str:
    """The sentence about it for an alert's trace."""
    return f"{_label(silence).capitalize()} holds its pages back until {silence.ends_at:%Y-%m-%d %H:%M} UTC: {silence.reason}."


def _label(silence: SilenceRule) -> str:
    return silence.label or f"silence {silence.id}"


def silenced(
    subject: Subject, service_id: int | None, silences: Sequence[SilenceRule], now: datetime, full_match: FullMatch,
    labels: Mapping[str, str] | None = None,
) -> SilenceRule | None:  # fmt: skip
    """The first silence in force that matches; `labels` are the subject's own where none are given."""
    own = subject.labels if labels is None else labels
    values = {"title": subject.title, "alertname": subject.title, "service": subject.service, "severity": subject.source_severity, **own}
    for silence in silences:
        if not silence.starts_at <= now < silence.ends_at or (silence.service_id is not None and silence.service_id != service_id):
            continue
        if silence.services is not None and service_id not in silence.services:
            continue
        if (silence.matchers or silence.service_id or silence.services) and all(
            matcher.holds(values, full_match) for matcher in silence.matchers
        ):
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
