"""Which severity is proposed, and which sentence of the procedure does that come from?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from tocsin.domain.procedure.model import Example, Procedure, Severity


@dataclass(frozen=True, slots=True)
class Proposal:
    """A severity with the rule it came from, in words; `private` when the matched example offers a private incident."""

    severity: str
    reason: str
    private: bool = False
    example: str = ""


def worse_of(procedure: Procedure, *ids: str) -> str:
    """The worst of the severities; an unknown id raises KeyError. With none given: the worst there is, as when unsure."""
    chosen = [procedure.severity(id) for id in ids] or list(procedure.severities)
    return min(chosen, key=lambda severity: severity.rank).id


def unsure(procedure: Procedure, between: Iterable[str] = ()) -> Proposal:
    """When people cannot tell: the worse of what they hesitate between."""
    ids = tuple(between)
    worst = worse_of(procedure, *ids)
    return Proposal(worst, f"unsure between {' and '.join(sorted(ids))}: the worse is taken" if ids else "unsure: the worst is taken")


def propose(
    procedure: Procedure, *, source_severity: str | None = None, service_map: Mapping[str, str] | None = None, critical: bool = False,
    text: str = "", example: str = "", measure: Mapping[str, float] | None = None, baseline: Mapping[str, float] | None = None,
) -> Proposal:  # fmt: skip
    """The worst severity that anything speaks for, with the sentence it matched.

    `source_severity` is critical, error, warning or info, read through `service_map` (a service's own table) or the procedure's; `critical`
    services go one step up. `example` is one that a person chose, `text` a title to compare with the examples. `measure` holds figures
    ("error_ratio": 0.6, "latency": 900); a figure named in `baseline` ("latency": 300) is compared as "latency_ratio" = 3.
    """
    found = [
        *_chosen(procedure, example), *_mentioned(procedure, text), *_measured(procedure, _ratios(measure or {}, baseline or {})),
        *_from_source(procedure, source_severity, service_map or {}, critical),
    ]  # fmt: skip
    if not found:
        return _fallback(procedure, critical)
    return min(found, key=lambda proposal: procedure.severity(proposal.severity).rank)


def _chosen(procedure: Procedure, example: str) -> list[Proposal]:
    if not example:
        return []
    return [
        Proposal(severity.id, f'{severity.id} example "{row.text}"', row.private, row.text)
        for severity, row in _examples(procedure)
        if row.text.lower() == example.strip().lower()
    ]


def _mentioned(procedure: Procedure, text: str) -> list[Proposal]:
    """Examples whose every word of weight stands in the text."""
    words = _words(text)
    if not words:
        return []
    return [
        Proposal(severity.id, f'the text names the {severity.id} example "{row.text}"', row.private, row.text)
        for severity, row in _examples(procedure)
        if not row.measure and _words_of_example(row.text) <= words
    ]


def _measured(procedure: Procedure, figures: Mapping[str, float]) -> list[Proposal]:
    found: list[Proposal] = []
    for severity, row in _examples(procedure) if figures else ():
        figure = figures.get(row.measure)
        if figure is None or row.at_least is None or figure < row.at_least:
            continue
        shown = f"{row.measure.replace('_', ' ')} {figure:g}"
        if row.at_most is not None and figure > row.at_most:
            worse = _step_up(procedure, severity, 1)
            found.append(
                Proposal(worse.id, f'{shown} is beyond the {severity.id} example "{row.text}": the worse severity is taken', row.private)
            )
        else:
            found.append(Proposal(severity.id, f'{shown} matches the {severity.id} example "{row.text}"', row.private, row.text))
    return found


def _ratios(measure: Mapping[str, float], baseline: Mapping[str, float]) -> dict[str, float]:
    ratios = {f"{name}_ratio": measure[name] / normal for name, normal in baseline.items() if name in measure and normal > 0}
    return {**ratios, **measure}


def _from_source(procedure: Procedure, word: str | None, service_map: Mapping[str, str], critical: bool) -> list[Proposal]:
    if not word:
        return []
    table = dict(procedure.settings.source_severities)
    known = {severity.id for severity in procedure.severities}
    if service_map.get(word) in known:
        severity, rule = procedure.severity(service_map[word]), f"{word} by the service's table"
    elif table.get(word) in known:
        severity, rule = procedure.severity(table[word]), f"{word} from the source"
    else:
        return []
    return [_stepped(procedure, severity, rule, critical)]


def _stepped(procedure: Procedure, severity: Severity, rule: str, critical: bool) -> Proposal:
    steps = procedure.settings.critical_service_steps_up if critical else 0
    raised = _step_up(procedure, severity, steps)
    if raised == severity:
        return Proposal(severity.id, rule)
    return Proposal(raised.id, f"{rule}: {severity.id}, {steps} up for a critical service: {raised.id}")


def _fallback(procedure: Procedure, critical: bool) -> Proposal:
    """Nothing speaks for any: what an error would be, which is what most sources mean when they do not say."""
    table = dict(procedure.settings.source_severities)
    known = {severity.id for severity in procedure.severities}
    id = table.get("error", "")
    return _stepped(procedure, procedure.severity(id if id in known else worse_of(procedure)), "nothing said how bad it is", critical)


def _step_up(procedure: Procedure, severity: Severity, steps: int) -> Severity:
    ranked = sorted(procedure.severities, key=lambda row: row.rank)
    return ranked[max(ranked.index(severity) - steps, 0)]


def _examples(procedure: Procedure) -> list[tuple[Severity, Example]]:
    return [(severity, example) for severity in procedure.severities for example in severity.examples]


@lru_cache(maxsize=1024)
def _words_of_example(text: str) -> set[str]:
    return _words(text)


def _words(text: str) -> set[str]:
    # "completely" and "complete", "failures" and "failure" are the same to a reader
    return {re.sub(r"(?:ly|s)$", "", word) for word in re.findall(r"[a-z0-9]+", text.lower()) if len(word) > 2}
