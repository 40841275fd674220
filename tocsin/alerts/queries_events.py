"""Which raw events match a filter? For replays and exports; in the order of acceptance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, QuerySet

from tocsin.alerts.models import RawEvent

# Numbers are given before the commit, and two processes commit side by side: what was accepted at nearly the same time may be out of order by that.
DISORDER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Empty values match everything. `kind` is the integration's; `since` and `until` are times of acceptance, the second one exclusive."""

    integration: int | None = None
    kind: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def plain(self) -> dict[str, Any]:
        """As it is stored."""
        times = {"since": self.since and self.since.isoformat(), "until": self.until and self.until.isoformat()}
        return {"integration": self.integration, "kind": self.kind, "state": self.state, **times}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> EventFilter:
        """Back from its stored form."""
        times = {name: datetime.fromisoformat(stored[name]) if stored[name] else None for name in ("since", "until")}
        return cls(stored["integration"], stored["kind"], stored["state"], **times)


def matching(wanted: EventFilter) -> QuerySet[RawEvent]:
    """They, the oldest first. Events are numbered in the order of acceptance: a span of time is a span of numbers, found without an index by time."""
    rows = RawEvent.objects.order_by("id")
    if wanted.integration is not None:
        rows = rows.filter(integration_id=wanted.integration)
    if wanted.kind:
        rows = rows.filter(integration__kind=wanted.kind)
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.since:
        rows = rows.filter(received_at__gte=wanted.since, pk__gte=_first_since(wanted.since - DISORDER))
    if wanted.until:
        rows = rows.filter(received_at__lt=wanted.until, pk__lt=_first_since(wanted.until + DISORDER))
    return rows


def replayable(wanted: EventFilter) -> QuerySet[RawEvent]:
    """Those of them that can be taken in again: read or refused, not themselves the repetition of another, of an integration in use."""
    return matching(wanted).exclude(state=RawEvent.State.NEW).filter(replay_of=None, integration__removed_at=None)


def newest() -> int:
    """The number of the newest event; 0 where there is none."""
    return RawEvent.objects.aggregate(newest=Max("id"))["newest"] or 0


def waiting(limit: int) -> int:
    """How many events wait to be read, counted up to a limit."""
    return RawEvent.objects.filter(state=RawEvent.State.NEW)[:limit].count()


def _first_since(at: datetime) -> int:
    """The number from which on events were accepted at that time or later: numbers are halved, each half is judged by its first event."""
    ends = RawEvent.objects.aggregate(low=Min("id"), high=Max("id"))
    low, high = ends["low"] or 0, (ends["high"] or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = RawEvent.objects.filter(pk__gte=middle).order_by("pk").values_list("pk", "received_at").first()
        if found is None or found[1] >= at:
            high = middle
        else:
            low = found[0] + 1
    return low
