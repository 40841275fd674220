"""What would other routing rules have made of the alerts of the last days? Counted in a job, a few hundred alerts at a time."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tocsin.alerts import operations_routing, queries, queries_routing
from tocsin.alerts.models import Alert, RoutingTrial, Service
from tocsin.domain.procedure.model import Procedure
from tocsin.domain.routing import Decision, Directory, route
from tocsin.domain.rules import RuleSet
from tocsin.lib.patterns import full_match
from tocsin.paging.models import EscalationPolicy

log = logging.getLogger(__name__)
MOST_TRIED = 50_000  # alerts; of more than that every second, third … is looked at
CHUNK = 200
PAUSE = 0.02  # seconds between chunks: the worker's other threads page people
MOST_SAMPLES = 50
MOST_ROWS = 100
NOBODY = "nobody"


@dataclass(slots=True)
class _Tally:
    """What differs so far."""

    changed: int = 0
    of: Counter[str] = field(default_factory=Counter)  # service, severity, policy, suppressed, released, grouping
    rows: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (what, before, after)
    before: Counter[str] = field(default_factory=Counter)  # pages by policy
    after: Counter[str] = field(default_factory=Counter)
    hits: Counter[int] = field(default_factory=Counter)
    stopped: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)

    def result(self) -> dict[str, Any]:
        """As a trial keeps it."""
        policies = sorted(set(self.before) | set(self.after), key=lambda name: -abs(self.after[name] - self.before[name]))
        return {
            "changed": self.changed, "of": dict(self.of), "stopped": self.stopped, "samples": self.samples,
            "rows": [
                {"what": what, "before": before, "after": after, "alerts": alerts}
                for (what, before, after), alerts in self.rows.most_common(MOST_ROWS)
            ],
            "pages": [{"policy": name, "before": self.before[name], "after": self.after[name]} for name in policies[:MOST_ROWS]],
            "hits": {str(rule): alerts for rule, alerts in self.hits.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Names:
    services: dict[int, str]
    policies: dict[int, str]
    policy_of: dict[int, int | None]  # service → its own policy
    procedure: Procedure


def run(trial_id: int, procedure: Procedure, now: datetime) -> None:
    """Carry a trial out, from its beginning; one that is over stays as it is."""
    trial = RoutingTrial.objects.filter(pk=trial_id).first()
    if trial is None or trial.state in (RoutingTrial.State.DONE, RoutingTrial.State.FAILED):
        return
    try:
        _run(trial, procedure, now)
    except Exception as error:
        log.exception("the trial %d of routing rules failed", trial_id)
        operations_routing.update_trial(
            trial, state=RoutingTrial.State.FAILED, error=f"It could not be carried out: {type(error).__name__}.", finished_at=now
        )


def _run(trial: RoutingTrial, procedure: Procedure, now: datetime) -> None:
    rows = Alert.objects.filter(first_seen__gte=trial.since, first_seen__lte=trial.created_at)
    total = rows.count()
    every = max(1, -(-total // MOST_TRIED))
    operations_routing.update_trial(trial, state=RoutingTrial.State.RUNNING, total=total, every=every, looked_at=0, result={})
    base = queries_routing.version(trial.base) if trial.base else None
    old = _directory(queries_routing.ready(base.number, base.rules, now.year) if base else None)
    new = _directory(queries_routing.ready(trial.base + 1, trial.rules, now.year))
    names = _names(procedure)
    tally, last, looked = _Tally(), 0, 0
    sampled = rows.extra(where=["alerts_alert.id %% %s = 0"], params=[every]) if every > 1 else rows
    while chunk := list(sampled.filter(pk__gt=last).select_related("integration", "service").order_by("pk")[:CHUNK]):
        for alert in chunk:
            _compare(alert, old, new, names, tally)
        last, looked = chunk[-1].pk, looked + len(chunk)
        operations_routing.update_trial(trial, looked_at=looked)
        time.sleep(PAUSE)
    operations_routing.update_trial(trial, state=RoutingTrial.State.DONE, result=tally.result(), looked_at=looked, finished_at=now)


def _directory(rules: RuleSet | None) -> Directory:
    """What both are routed by: today's services, and no silences (these are no part of the rules)."""
    return Directory(queries.service_facts(), (), rules, time.thread_time, time.perf_counter)


def _names(procedure: Procedure) -> _Names:
    services = list(Service.objects.values_list("id", "name", "escalation_policy_id"))
    policies = dict(EscalationPolicy.objects.values_list("id", "name"))
    return _Names({id: name for id, name, _ in services}, policies, {id: policy for id, _, policy in services}, procedure)


def _compare(alert: Alert, old: Directory, new: Directory, names: _Names, tally: _Tally) -> None:
    subject = replace(queries.subject(alert, alert.integration), status="firing")
    before = route(subject, old, names.procedure, alert.first_seen, full_match)
    after = route(subject, new, names.procedure, alert.first_seen, full_match)
    tally.hits.update(after.rule_ids)
    tally.stopped += bool(after.path.get("stopped"))
    was, would = _seen(before, names), _seen(after, names)
    for counts, said in ((tally.before, was), (tally.after, would)):
        if said["paged"] != NOBODY:
            counts[said["paged"]] += 1
    differing = [what for what in was if was[what] != would[what]]
    if not differing:
        return
    tally.changed += 1
    for what in differing:
        tally.of[what] += 1
        tally.rows[(what, was[what], would[what])] += 1
    if len(tally.samples) < MOST_SAMPLES:
        tally.samples.append(
            {"alert": alert.pk, "title": alert.title[:200], "changes": [{"what": what, "before": was[what], "after": would[what]} for what in differing]}
        )  # fmt: skip


def _seen(decision: Decision, names: _Names) -> dict[str, str]:
    """What people would have noticed of a decision."""
    policy = decision.policy_id if decision.policy_id is not None else names.policy_of.get(decision.service_id or 0)
    by = names.policies.get(policy, "") if policy else ""
    demanded = names.procedure.severity(decision.severity).escalation.page
    pages = not decision.suppressed_by and "on_call" in demanded
    grouping = ", ".join(decision.group_by) if decision.group_by is not None else "default"
    return {
        "service": names.services.get(decision.service_id or 0, "none"), "severity": decision.severity, "policy": by or "none",
        "suppressed": decision.suppressed_by or "no", "grouping": grouping + (f", {decision.group_minutes} min" if decision.group_minutes else ""),
        "paged": (by or "the fallback people") if pages else NOBODY,
    }  # fmt: skip
