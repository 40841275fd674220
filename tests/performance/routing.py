"""How long does one event take to be routed by 10, 200 and 2,000 rules? `python -m tests.performance.routing` prints microseconds."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

ROUNDS = 300


def main() -> None:
    """A line for each kind and number of rules; the alert matches the last rule."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.settings")
    import django

    django.setup()
    from tocsin.alerts import queries_routing
    from tocsin.domain.procedure import default
    from tocsin.domain.routing import Directory, Subject, route
    from tocsin.lib.patterns import full_match

    procedure, now = default(), datetime.now(UTC)

    def rule(number: int, kind: str) -> dict:
        value = f"team-{number:05}"
        condition = {"field": "labels.team", "operator": "equals" if kind == "exact" else kind, "value": value}
        then = {
            "service": None,
            "severity": "SEV2",
            "policy": None,
            "group_by": None,
            "group_minutes": None,
            "suppress": False,
            "labels": {},
            "links": [],
            "runbook": "",
        }
        return {
            "id": number, "name": f"rule {number}", "enabled": True, "integrations": [], "match": "all", "go_on": False, "hours": None, "then": then,
            "conditions": [] if kind == "expression" else [condition], "expression": f"labels.team == '{value}'" if kind == "expression" else "",
        }  # fmt: skip

    for kind in ("exact", "contains", "regex", "expression"):
        for count in (10, 200, 2000):
            rules = queries_routing.ready(1, [rule(number, kind) for number in range(count)], now.year)
            directory = Directory({}, (), rules, time.thread_time, time.perf_counter)
            subject = Subject(
                "Disk full", "critical", labels={"team": f"team-{count - 1:05}", "host": "db-1"}, integration="Prometheus", integration_id=1
            )
            decision = route(subject, directory, procedure, now, full_match)
            rounds = max(20, ROUNDS * 10 // count)
            began = time.perf_counter()
            for _ in range(rounds):
                route(subject, directory, procedure, now, full_match)
            taken = (time.perf_counter() - began) / rounds * 1e6
            print(
                f"{kind:>10} {count:>5} rules: {taken:>8.0f} µs an event{'' if decision.rule_id else '  (' + str(decision.path['stopped'] or 'no match') + ')'}"
            )


if __name__ == "__main__":
    main()
