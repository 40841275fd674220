"""Is a new alert one more sign of something that people know of, or does it lead a cause of its own?

A cause is one thing that went wrong: one alert leads it and is paged, the others join it and are counted. By default alerts of one service
are one cause while they follow each other within minutes, and so are alerts of services that depend on one another; a routing rule can
group by labels instead. What would leave somebody unpaged who must know never joins: another policy, an owner further up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LONGEST = timedelta(hours=1)  # so long after it began nothing more joins a cause, unless an incident is open for it
HOPS = 3  # so far along dependencies alerts can be one cause


@dataclass(slots=True)
class Cause:
    """An open cause. `key` "" is the default grouping; `rank` is its severity's (0 the worst); `incident` is open for it (None: none).

    `rule_policy` is what a rule decided, `policy` who is paged in the end. It is changed as alerts join it.
    """

    lead: int
    service_id: int | None
    integration_id: int
    key: str
    rank: int
    began_at: datetime
    joined_at: datetime
    rule_policy: int | None = None
    policy: int | None = None
    incident: int | None = None


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A new alert. `minutes` 0: it is never grouped; `named`: what it says where no service is known."""

    service_id: int | None
    integration_id: int
    rank: int
    at: datetime
    minutes: int
    key: str = ""
    rule_policy: int | None = None
    policy: int | None = None


@dataclass(frozen=True, slots=True)
class Joins:
    """It is one more sign of that cause. `worse`: than everything in it before, so people hear of it again."""

    cause: Cause
    worse: bool
    why: str


@dataclass(frozen=True, slots=True)
class Leads:
    """It leads a cause of its own, and why, as a sentence."""

    why: str


@dataclass(slots=True)
class Topology:
    """Which service depends on which. `names` by id are for the sentences."""

    depends: Mapping[int, Iterable[int]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    _used_by: dict[int, list[int]] = field(default_factory=dict)
    _known: dict[tuple[int, bool], tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for user, used in self.depends.items():
            for one in used:
                self._used_by.setdefault(one, []).append(user)

    def upstream(self, service: int) -> tuple[int, ...]:
        """What the service depends on, the nearest first."""
        return self._walk(service, up=True)

    def downstream(self, service: int) -> tuple[int, ...]:
        """What depends on the service, the nearest first."""
        return self._walk(service, up=False)

    def region(self, service: int) -> int:
        """The smallest of all services that hang together with this one: who decides about causes holds the whole region."""
        found, waiting = {service}, [service]
        while waiting:
            here = waiting.pop()
            for there in (*self.depends.get(here, ()), *self._used_by.get(here, ())):
                if there not in found:
                    found.add(there)
                    waiting.append(there)
        return min(found)

    def near(self, services: Iterable[int]) -> set[int]:
        """Those services and every other whose alerts could be of one cause with theirs."""
        return {near for one in services for near in (one, *self.upstream(one), *self.downstream(one))}

    def name(self, service: int | None) -> str:
        """How a sentence calls it."""
        return self.names.get(service, f"service {service}") if service is not None else "no known service"

    def _walk(self, service: int, *, up: bool) -> tuple[int, ...]:
        if (service, up) not in self._known:
            ways = self.depends if up else self._used_by
            found: dict[int, int] = {service: 0}
            waiting = deque([service])
            while waiting:
                here = waiting.popleft()
                for there in sorted(ways.get(here, ())) if found[here] < HOPS else ():
                    if there not in found:
                        found[there] = found[here] + 1
                        waiting.append(there)
            self._known[service, up] = tuple(found)[1:]
        return self._known[service, up]


class Causes:
    """The open causes, found by what an alert must share with them."""

    def __init__(self, causes: Iterable[Cause] = ()) -> None:
        self._by: dict[tuple[int | None, int, str], list[Cause]] = {}
        for cause in sorted(causes, key=lambda one: one.joined_at):
            self.add(cause)

    def add(self, cause: Cause) -> None:
        """One more, the newest."""
        self._by.setdefault(_place(cause.service_id, cause.integration_id, cause.key), []).append(cause)

    def of(self, service_id: int | None, integration_id: int, key: str) -> list[Cause]:
        """Those of that place, the newest first."""
        return self._by.get(_place(service_id, integration_id, key), [])[::-1]


def _place(service_id: int | None, integration_id: int, key: str) -> tuple[int | None, int, str]:
    return service_id, integration_id if service_id is None else 0, key


def decide(new: Newcomer, causes: Causes, topology: Topology) -> Joins | Leads:
    """Join the newest cause of the same service, else of the nearest service that this one depends on, else of one that uses it."""
    if new.minutes <= 0:
        return Leads("It is a cause of its own: its alerts are not grouped.")
    for cause in causes.of(new.service_id, new.integration_id, new.key):
        if _open_for(cause, new):
            what = f"other alerts of {topology.name(new.service_id)}" if not new.key else "other alerts of the same group"
            return _join(cause, new, f"It is one cause with alert {cause.lead}: {what} came in within {new.minutes} min.")
    if new.service_id is not None and not new.key:
        for service in topology.upstream(new.service_id):
            for cause in causes.of(service, new.integration_id, ""):
                if _open_for(cause, new):
                    names = f"{topology.name(new.service_id)} depends on {topology.name(service)}"
                    return _join(cause, new, f"It is one cause with alert {cause.lead}: {names}.")
        for service in topology.downstream(new.service_id):
            for cause in causes.of(service, new.integration_id, ""):
                # The owner of what lies below must hear of it, so only where the same people have been paged already.
                if _open_for(cause, new) and cause.policy == new.policy:
                    names = f"{topology.name(service)} uses {topology.name(new.service_id)}"
                    return _join(cause, new, f"It is one cause with alert {cause.lead}: {names}.")
    of = f"alert of {topology.name(new.service_id)}" if not new.key else "alert of the same group"
    return Leads(f"It is a cause of its own: no other {of} waits for it to be one of {new.minutes} min.")


def _open_for(cause: Cause, new: Newcomer) -> bool:
    if cause.rule_policy != new.rule_policy or new.at - cause.joined_at > timedelta(minutes=new.minutes):
        return False
    return cause.incident is not None or new.at - cause.began_at <= LONGEST


def _join(cause: Cause, new: Newcomer, why: str) -> Joins:
    worse = new.rank < cause.rank
    cause.joined_at, cause.rank = max(cause.joined_at, new.at), min(cause.rank, new.rank)
    return Joins(cause, worse, why[:300])


def key_of(rule_id: int | None, group_by: tuple[str, ...] | None, labels: Mapping[str, str], named: str, *, service: bool) -> str:
    """What alerts of one group share besides the service: "" for the default of a known service, at most 500 characters."""
    if group_by is not None:
        return (f"rule {rule_id}: " + ", ".join(f"{name}={labels.get(name, '')}" for name in group_by))[:500]
    return "" if service or not named else f"named {named.strip().lower()}"[:500]
