"""How is a change of the routing rules tried on the last seven days before it is saved?"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from tocsin.accounts.actor import Actor
from tocsin.alerts import jobs, operations_routing
from tocsin.alerts.models import RoutingTrial
from tocsin.lib.refusal import missing
from tocsin.response.simulate_routing import severities


@transaction.atomic
def begin(rules: Any, *, by: Actor, now: datetime) -> RoutingTrial:
    """Check the rules and try them in a job; the trial says how far it is."""
    trial = operations_routing.begin_trial(rules, severities=severities(), by=by, now=now)
    jobs.try_rules.defer(trial_id=trial.pk)
    return trial


def trial_of(trial_id: int) -> RoutingTrial:
    """The trial of that id. Refuses (404) one that does not exist (any more)."""
    found = RoutingTrial.objects.filter(pk=trial_id).first()
    if found is None:
        raise missing("trial")
    return found


def sentences(trial: RoutingTrial) -> list[str]:
    """What a finished trial found, in words."""
    result = trial.result
    if trial.state != RoutingTrial.State.DONE:
        return []
    if not trial.looked_at:
        return ["There was no alert in the last seven days to try them on."]
    looked = f"{trial.looked_at:,} alerts of the last seven days were looked at"
    said = [looked + (f", one in {trial.every} of {trial.total:,}." if trial.every > 1 else ".")]
    if not result["changed"]:
        said.append("None of them would have been routed differently.")
    else:
        words = {"service": "another service", "severity": "another severity", "policy": "another policy", "suppressed": "another suppression",
                 "grouping": "another grouping", "paged": "other pages"}  # fmt: skip
        parts = [f"{result['of'][what]:,} {word}" for what, word in words.items() if result["of"].get(what)]
        said.append(f"{result['changed']:,} would have got something else: {', '.join(parts)}.")
    for row in result["pages"]:
        more = row["after"] - row["before"]
        if more:
            said.append(
                f"It would have paged {row['policy']} {abs(more):,} times {'more' if more > 0 else 'less'} ({row['after']:,} instead of {row['before']:,})."
            )
    if result["stopped"]:
        said.append(f"For {result['stopped']:,} a rule failed or took too long, so that the default route took them.")
    return said
