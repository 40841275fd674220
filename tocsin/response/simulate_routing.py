"""What would become of this event, and which rules would it meet? Nothing is written, nobody is paged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tocsin.alerts import queries, queries_routing
from tocsin.alerts.models import Alert, Integration, RawEvent, Service
from tocsin.domain.alerts import Event
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.routing import Decision, Directory, Subject, route, view_of
from tocsin.domain.rule_words import Met, Names, met, told
from tocsin.domain.rules import RuleSet
from tocsin.lib.patterns import full_match
from tocsin.lib.refusal import Refused, invalid
from tocsin.paging import low_urgency, rehearsal
from tocsin.paging.models import EscalationPolicy
from tocsin.procedures import operations as procedures
from tocsin.response.read_event import read
from tocsin.response.rehearse import LEADERSHIP, policy_of

MOST_EVENTS = 20  # of one body
LONGEST_BODY = 200_000


@dataclass(frozen=True)
class Paged:
    """Who would hear of it: of one track, by which policy, and its steps (see paging.rehearsal.Line)."""

    track: str
    policy: str
    lines: list[rehearsal.Line]
    sentence: str = ""


@dataclass(frozen=True)
class Simulation:
    """One event (or alert) as the rules take it now."""

    title: str
    subject: Subject
    decision: Decision
    rules: list[Met]
    version: int
    service: str
    grouping: str
    paged: list[Paged]
    note: str = ""


def severities() -> tuple[str, ...]:
    """The severities that rules may decide: those of the procedure in force."""
    return tuple(severity.id for severity in procedures.ask_in_force().severities)


def of_event(raw: RawEvent, *, now: datetime, ruleset: RuleSet | None = None) -> list[Simulation]:
    """What would become of an event that came in earlier, if it came now."""
    return _of_reading(raw.integration, raw, now, ruleset)


def of_body(
    integration: Integration, body: bytes, *, content_type: str = "application/json", now: datetime, ruleset: RuleSet | None = None
) -> list[Simulation]:
    """What would become of a body, if it came by that integration now."""
    if not body.strip() or len(body) > LONGEST_BODY:
        raise invalid(body=f"Paste what the source sends: 1 to {LONGEST_BODY:,} characters.")
    raw = RawEvent(integration=integration, protocol="in", content_type=content_type, body=body, received_at=now)
    return _of_reading(integration, raw, now, ruleset)


def of_alert(alert: Alert, *, now: datetime, ruleset: RuleSet | None = None) -> list[Simulation]:
    """What would become of an alert, if it opened now."""
    subject = replace(queries.subject(alert, alert.integration), severity_word=alert.source_severity)
    return [_simulate(subject, alert.title, now, _surroundings(now, ruleset))]


def told_of(alert: Alert, now: datetime) -> list[Met]:
    """The rules that an alert met when it was judged, in words, by the version that was in force then."""
    if not alert.route:
        return []
    version = queries_routing.versions().filter(number=alert.route.get("version")).first()
    return told(alert.route, queries_routing.rules_of(version, now), queries_routing.names()) if version else []


@dataclass(frozen=True)
class _Surroundings:
    directory: Directory
    procedure: Procedure
    names: Names
    services: Mapping[int, Service]


def _surroundings(now: datetime, ruleset: RuleSet | None) -> _Surroundings:
    directory = queries.directory(now)
    if ruleset is not None:
        directory = replace(directory, rules=ruleset)
    services = Service.objects.filter(removed_at=None).select_related("team", "escalation_policy", "leadership_policy")
    return _Surroundings(directory, procedures.ask_in_force(), queries_routing.names(), {service.pk: service for service in services})


def _of_reading(integration: Integration, raw: RawEvent, now: datetime, ruleset: RuleSet | None) -> list[Simulation]:
    reading = read(integration, raw)
    if reading.error:
        raise Refused(f"It cannot be read as {integration.kind}: {reading.error}", errors={"body": reading.error[:500]}, code="unreadable")
    if not reading.events:
        raise Refused(f"There is no event in it that {integration.kind} knows.", errors={"body": "No event is in it."}, code="unreadable")
    around = _surroundings(now, ruleset)
    return [_simulate(_subject(event, integration), event.title, now, around, _note(event)) for event in reading.events[:MOST_EVENTS]]


def _subject(event: Event, integration: Integration) -> Subject:
    return Subject(
        event.title, event.severity or integration.default_severity, event.severity_word, event.service, event.labels, integration.name,
        integration.service_id, integration.pk, event.status, event.dedup_key, event.details,
    )  # fmt: skip


def _note(event: Event) -> str:
    if event.status == "unknown":
        return f"This item cannot be read: {event.error}"
    if event.status == "change":
        return "It is a change event: it is kept and pages nobody, whatever the rules say."
    if event.status != "firing":
        return f"It says “{event.status}”: only what fires opens an alert and is routed."
    return ""


def _simulate(subject: Subject, title: str, now: datetime, around: _Surroundings, note: str = "") -> Simulation:
    decision = route(subject, around.directory, around.procedure, now, full_match)
    rules = around.directory.rules
    each = rules.each(view_of(subject, now), subject.integration_id) if rules else []
    service = around.services.get(decision.service_id) if decision.service_id else None
    return Simulation(
        title, subject, decision, [met(place, *one, around.names) for place, one in enumerate(each, 1)], rules.version if rules else 0,
        service.name if service else "", _grouping(decision), [] if note else _paged(decision, service, around.procedure, title, now), note,
    )  # fmt: skip


def _grouping(decision: Decision) -> str:
    if decision.group_by is None and decision.group_minutes is None:
        return "Grouped as alerts of its service are by default."
    by = f"the same {', '.join(decision.group_by)}" if decision.group_by else "the same service"
    within = f" within {decision.group_minutes} minutes" if decision.group_minutes else ""
    return f"One cause with alerts of {by}{within}."


def _paged(decision: Decision, service: Service | None, procedure: Procedure, title: str, now: datetime) -> list[Paged]:
    if decision.suppressed_by:
        return [Paged("", "", [], f"Nobody is paged: {decision.suppressed_by.rstrip('.')}.")]
    demanded = procedure.severity(decision.severity).escalation
    if not demanded.page:
        return [Paged("", "", [], f"{decision.severity} pages nobody: {demanded.text}")]
    found = []
    for track in demanded.page:
        if track == "leadership" and procedure.settings.leadership_on_declare_only:
            found.append(Paged(track, "", [], "Leadership is paged when an incident is declared."))
            continue
        policy = _policy(decision, service, track)
        about = {"title": title, "severity": decision.severity, "service": service.name if service else "",
                 "critical": bool(service and service.critical), "tier": service.tier if service else 0}  # fmt: skip
        plain = {**policy.plain, "repeats": 0} if policy else {}
        lines = rehearsal.dry_run(
            plain,
            team=service.team_id if service else None,
            name=policy.name if policy else "",
            subject=about,
            low=low_urgency.Low.of(policy, decision.severity),
            now=now,
        )
        found.append(
            Paged(track, policy.name if policy else "", lines, "" if policy else "No policy is set: the fallback people are paged.")
        )
    return found


def _policy(decision: Decision, service: Service | None, track: str) -> EscalationPolicy | None:
    ruled = EscalationPolicy.objects.filter(pk=decision.policy_id or 0, removed_at=None).first() if track != LEADERSHIP else None
    return ruled or policy_of(service, track)


def shape(one: Simulation) -> dict[str, Any]:
    """A simulation as the API and the command line show it."""
    decision = one.decision
    return {
        "title": one.title, "note": one.note, "version": one.version, "rules": [
            {"place": rule.place, "id": rule.rule, "name": rule.name, "result": rule.result, "sentence": rule.sentence} for rule in one.rules
        ],
        "service": one.service or None, "severity": decision.severity, "severity_reason": decision.severity_reason,
        "suppressed_by": decision.suppressed_by, "rule": decision.rule_id, "policy": decision.policy_id, "grouping": one.grouping,
        "labels": dict(decision.labels), "links": [{"text": text, "address": address} for text, address in decision.links],
        "runbook": decision.runbook or None, "trace": list(decision.trace),
        "paged": [
            {"track": paged.track, "policy": paged.policy or None, "sentence": paged.sentence,
             "steps": [{"after_seconds": line.after_seconds, "policy_track": line.track or None, "step": line.step, "who": line.who, "how": line.how}
                       for line in paged.lines]}
            for paged in one.paged
        ],
    }  # fmt: skip
