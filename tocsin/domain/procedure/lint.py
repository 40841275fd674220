"""What in this procedure cannot work, or will surprise people?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tocsin.domain.procedure.model import Procedure, Severity, Template

FIELDS = {
    "declaration": {"title", "severity", "impact", "status", "incident_commander", "next_update", "timestamp", "channel", "ref"},
    "public_update": {"timestamp", "status", "verb", "description", "impact", "next_update_minutes", "title", "ref"},
    "internal_update": {"timestamp", "status", "impact", "cause", "actions", "next_steps", "eta", "title", "severity", "ref"},
    "postmortem": {
        "title", "summary", "duration", "users_affected", "revenue_impact", "time", "event", "root_cause", "resolution", "action", "owner",
        "due_date", "lessons_learned",
    },
}  # fmt: skip
DEMANDED = {
    "declaration": {"severity", "impact", "incident_commander", "next_update"},
    "public_update": {"status", "impact"},
    "internal_update": {"status"},
    "postmortem": {"title"},
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the organisation has, as far as the procedure needs it: None where nobody knows (a file checked on its own)."""

    leadership_reachable: bool | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to put right: errors stop a publication, warnings do not."""

    level: Literal["error", "warning"]
    code: str
    place: str
    sentence: str
    remedy: str


def lint(procedure: Procedure, facts: Facts | None = None) -> list[Finding]:
    """Every finding, in the order of the document; errors and warnings mixed."""
    found = [*_document(procedure)]
    for number, severity in enumerate(procedure.severities):
        found += _severity(severity, f"severities.{number}", procedure)
    found += _order(procedure)
    found += _steps(procedure)
    for number, template in enumerate(procedure.templates):
        found += _template(template, f"templates.{number}")
    found += _settings(procedure)
    if facts and facts.leadership_reachable is False and any("leadership" in s.escalation.page for s in procedure.severities):
        found.append(_warn(
            "leadership", "settings", "Engineering leadership is to be paged, but no escalation policy says who that is.",
            "Set the leadership policy of the organisation or of each service.",
        ))  # fmt: skip
    return found


def _error(code: str, place: str, sentence: str, remedy: str) -> Finding:
    return Finding("error", code, place, sentence, remedy)


def _warn(code: str, place: str, sentence: str, remedy: str) -> Finding:
    return Finding("warning", code, place, sentence, remedy)


def _document(procedure: Procedure) -> Iterator[Finding]:
    for name in ("title", "scope"):
        if not getattr(procedure, name).strip():
            yield _error("empty", name, f"The {name} is empty.", f"Write the {name}.")
    for name in ("severities", "steps", "roles"):
        rows = getattr(procedure, name)
        if not rows:
            yield _error("empty", name, f"There are no {name}.", f"Add at least one of the {name}.")
        yield from _duplicates([row.id for row in rows], name)
    yield from _duplicates([template.name for template in procedure.templates], "templates")
    for name in DEMANDED:
        if name not in {template.name for template in procedure.templates}:
            yield _error("template_missing", "templates", f"The template {name} is missing.", f"Add a template named {name}.")
    if procedure.roles and "incident_commander" not in {role.id for role in procedure.roles}:
        yield _error(
            "role_missing",
            "roles",
            "Nobody leads: there is no role incident_commander.",
            "Add the role Incident Commander with its duties.",
        )
    if procedure.roles and "communications_lead" not in {role.id for role in procedure.roles} and any(
        s.communication for s in procedure.severities
    ):  # fmt: skip
        yield _error(
            "clock_without_owner", "roles", "Updates are owed, but no role owns their clocks.", "Add the role Communications Lead."
        )
    for number, role in enumerate(procedure.roles):
        if not role.duties:
            yield _warn("no_duties", f"roles.{number}.duties", f"{role.title} has no duties.", "Say what the role does.")


def _duplicates(ids: list[str], place: str) -> Iterator[Finding]:
    for number, id in enumerate(ids):
        if not id:
            yield _error("empty", f"{place}.{number}", "It has no id.", "Give it a short name.")
        elif id in ids[:number]:
            yield _error("duplicate", f"{place}.{number}", f"{id} is there twice.", "Give each its own id.")


def _severity(severity: Severity, place: str, procedure: Procedure) -> Iterator[Finding]:
    reach, response = severity.escalation, severity.response
    if not severity.definition.strip():
        yield _error("empty", f"{place}.definition", f"{severity.id} has no definition.", "Say when an incident is of this severity.")
    if (response.within_minutes is None) == (response.business_days is None):
        yield _error(
            "response_time", f"{place}.response", f"{severity.id} does not say how soon somebody must answer.",
            'Set one of within_minutes and business_days, or write "Within 15 minutes" or "Next business day".',
        )  # fmt: skip
    elif not (response.within_minutes or response.business_days):
        yield _error("response_time", f"{place}.response", f"{severity.id} is due before anybody can answer.", "Allow at least one minute.")
    if not reach.page and not reach.team_channel and not reach.ticket:
        yield _error(
            "nobody_told", f"{place}.escalation", f"Nobody is told about a {severity.id}.",
            "Page somebody, message the team's channel, or create a ticket.",
        )  # fmt: skip
    elif response.within_minutes is not None and response.within_minutes < 60 and not reach.page:
        yield _error(
            "nobody_paged", f"{place}.escalation", f"{severity.id} is to be answered within {response.within_minutes} minutes, but nobody is paged.",
            "Page on-call, or allow an hour or more.",
        )  # fmt: skip
    elif "leadership" in reach.page and "on_call" not in reach.page:
        yield _warn("only_leadership", f"{place}.escalation", f"{severity.id} pages leadership but not on-call.", "Page on-call as well.")
    yield from _communication(severity, place, procedure)
    texts = [example.text for example in severity.examples]
    yield from _duplicates(texts, f"{place}.examples")
    for number, example in enumerate(severity.examples):
        if bool(example.measure) != (example.at_least is not None):
            yield _error(
                "measure",
                f"{place}.examples.{number}",
                f"{example.text!r} is measured only by half.",
                "Set both measure and at_least, or neither.",
            )


def _communication(severity: Severity, place: str, procedure: Procedure) -> Iterator[Finding]:
    owed = severity.communication
    if not owed:
        return
    place = f"{place}.communication"
    if not owed.within_minutes or not owed.repeat_minutes:
        yield _error("clock", place, f"An update of {severity.id} is due in no time at all.", "Allow at least one minute for both.")
    elif owed.repeat_minutes < 5:
        yield _warn(
            "clock",
            place,
            f"{severity.id} owes an update every {owed.repeat_minutes} minutes; nobody can fix anything then.",
            "Allow 5 or more.",
        )
    response = severity.response.within_minutes
    if response is not None and owed.within_minutes < response:
        yield _warn(
            "clock", place, f"The first update of {severity.id} is due after {owed.within_minutes} minutes, the answer only after {response}.",
            "Give the update at least as long as the answer.",
        )  # fmt: skip


def _order(procedure: Procedure) -> Iterator[Finding]:
    for number, severity in enumerate(procedure.severities, 1):
        if severity.rank != number:
            yield _error(
                "rank", f"severities.{number - 1}.rank", f"{severity.id} stands at place {number} but has rank {severity.rank}.",
                "The first is the worst: number them 1, 2, 3 from the top.",
            )  # fmt: skip
    for number, (worse, milder) in enumerate(pairwise(procedure.severities)):
        first, second = worse.response.within_minutes, milder.response.within_minutes
        if first is not None and second is not None and first > second:
            yield _warn(
                "order", f"severities.{number}.response", f"{worse.id} allows {first} minutes, the milder {milder.id} only {second}.",
                "Let the worse one be answered sooner.",
            )  # fmt: skip


def _steps(procedure: Procedure) -> Iterator[Finding]:
    names = {template.name for template in procedure.templates}
    for number, step in enumerate(procedure.steps, 1):
        place = f"steps.{number - 1}"
        if step.number != number:
            yield _error("number", f"{place}.number", f"Step {step.number} stands at place {number}.", "Number the steps 1, 2, 3.")
        yield from _duplicates([item.id for block in step.blocks for item in block.items], f"{place}.items")
        for index, block in enumerate(step.blocks):
            if block.template and block.template not in names:
                yield _error(
                    "template_missing", f"{place}.blocks.{index}", f"The step shows the template {block.template}, which does not exist.",
                    f"Use one of {', '.join(sorted(names))}.",
                )  # fmt: skip


def _template(template: Template, place: str) -> Iterator[Finding]:
    known = FIELDS.get(template.name)
    if known is None:
        yield _error(
            "template_unknown", place, f"Nothing is ever sent with a template {template.name}.", f"Use one of {', '.join(FIELDS)}."
        )
        return
    for number, placeholder in enumerate(template.placeholders):
        inner = f"{place}.placeholders.{number}"
        if placeholder.field not in known:
            yield _error(
                "field_unknown", inner, f"{template.name} has {placeholder.literal}, and no field is called {placeholder.field}.",
                f"Use one of {', '.join(f'[{name}]' for name in sorted(known))}.",
            )  # fmt: skip
        if not placeholder.literal or placeholder.literal not in template.text:
            yield _error(
                "placeholder",
                inner,
                f"{template.name} does not contain {placeholder.literal!r}.",
                "Write it into the text, or leave it out here.",
            )
    for field in sorted(DEMANDED[template.name] - {placeholder.field for placeholder in template.placeholders}):
        yield _error("field_missing", place, f"{template.name} never says the {field}.", f"Write [{field}] into the text.")


def _settings(procedure: Procedure) -> Iterator[Finding]:
    settings = procedure.settings
    ids = {severity.id for severity in procedure.severities}
    for word, id in settings.source_severities:
        if id not in ids:
            yield _error(
                "severity_unknown", "settings.source_severities", f"Alerts that say {word} become {id}, which does not exist.",
                f"Use one of {', '.join(sorted(ids))}.",
            )  # fmt: skip
    for word in sorted({"critical", "error", "warning", "info"} - {word for word, _ in settings.source_severities}):
        yield _error(
            "severity_unknown", "settings.source_severities", f"An alert that says {word} gets no severity.", f"Add a line for {word}."
        )
    roles = {role.id for role in procedure.roles}
    if not settings.may_waive:
        yield _warn("waive", "settings.may_waive", "Nobody may waive a step.", "Name a role, such as incident_commander.")
    for id in settings.may_waive:
        if id not in roles:
            yield _error(
                "role_missing", "settings.may_waive", f"{id} may waive steps, but is no role.", f"Use one of {', '.join(sorted(roles))}."
            )
    if not 0 < settings.warn_at_fraction < 1:
        yield _error("warning", "settings.warn_at_fraction", "The warning would come before the start or after the end.", "Use 0.7 or so.")
    if not 20 <= settings.channel_length <= 80:
        yield _error("channel", "settings.channel_length", "Chat products take channel names of at most 80 characters.", "Use 20 to 80.")
