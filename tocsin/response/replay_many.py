"""What will happen when many earlier events are taken in once more, and how is it carried out?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count

from tocsin.accounts.actor import Actor
from tocsin.alerts import jobs, operations_replay, queries_events
from tocsin.alerts.models import EventReplay, Integration, RawEvent
from tocsin.alerts.queries_events import EventFilter
from tocsin.integrations.registry import SOURCES
from tocsin.lib.refusal import invalid, missing
from tocsin.response import frame
from tocsin.response.read_event import read

MOST_REPLAYED = 100_000
MOST_UNTYPED = 100  # more must be confirmed by typing their number
SAMPLES = 5
STATES = ("done", "refused")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do: with so many events, in sentences; what the first of them say today. `typed`: their number must be confirmed."""

    wanted: EventFilter
    total: int
    sentences: tuple[str, ...]
    samples: tuple[str, ...]

    @property
    def typed(self) -> bool:
        return self.total > MOST_UNTYPED


def plan(wanted: EventFilter, *, by: Actor) -> Plan:
    """Say what would happen; nothing is changed. Raises Refused naming what cannot be."""
    frame.require_responder(by)
    check(wanted)
    if wanted.state not in ("", *STATES):
        raise invalid(state=f"What waits is read anyway; it is one of {', '.join(STATES)}, or nothing for both.")
    if wanted.since is None:
        raise invalid(since="From when on? A replay needs a beginning.")
    rows = queries_events.replayable(wanted)
    numbers = rows.values("pk")[: MOST_REPLAYED + 1]
    counted = RawEvent.objects.filter(pk__in=numbers).values_list("integration__name").annotate(Count("id")).order_by("integration__name")
    by_name = [(str(name), number) for name, number in counted]
    total = sum(number for _, number in by_name)
    if total > MOST_REPLAYED:
        raise invalid(since=f"More than {MOST_REPLAYED:,} events match; narrow the span or name an integration.")
    said = [f"{_events(total)} will be taken in once more, in the order in which they came, as new events that name the old ones."]
    if by_name:
        said.append(
            "By integration: " + ", ".join(f"{name} {number:,}" for name, number in by_name[:10]) + ("." if len(by_name) < 11 else ", …")
        )
    said += [
        "They count from now on, by today's rules: an alert that opens again pages, unless a silence holds it back.",
        f"Nobody is paged for alerts that are resolved within the same {operations_replay.PIECE} events; plan a silence first to page nobody at all.",
        f"Fresh events go first: while {operations_replay.MOST_WAITING} or more wait to be read, the replay waits.",
        "Events that are replays themselves, and those of integrations that were removed, are left out.",
    ]
    return Plan(wanted, total, tuple(said), tuple(_told(raw) for raw in rows.select_related("integration")[:SAMPLES]))


def check(wanted: EventFilter) -> None:
    """Refuse a filter that names what does not exist."""
    if wanted.integration is not None and not Integration.objects.filter(pk=wanted.integration).exists():
        raise invalid(integration="There is no such integration.")
    if wanted.kind and wanted.kind not in SOURCES:
        raise invalid(kind="There is no such kind of integration.")
    if wanted.since and wanted.until and wanted.since >= wanted.until:
        raise invalid(until="It ends after it begins.")


def begin(planned: Plan, *, typed: str = "", by: Actor, now: datetime) -> EventReplay:
    """Have it done by the worker. Refuses a number that was not confirmed, and an empty plan."""
    frame.require_responder(by)
    if not planned.total:
        raise invalid(since="No event matches.")
    if planned.typed and typed.replace(",", "").strip() != str(planned.total):
        raise invalid(confirm=f"Type {planned.total} to confirm that so many events are meant.")
    with transaction.atomic():
        row = operations_replay.begin(planned.wanted, total=planned.total, by=by, now=now)
        jobs.replay_events.defer(replay_id=row.pk)
        return row


def replay_of(replay_id: int) -> EventReplay:
    """The replay of that id; refuses (404) one that does not exist."""
    found = EventReplay.objects.filter(pk=replay_id).first()
    if found is None:
        raise missing("replay")
    return found


def stop(replay_id: int, *, by: Actor, now: datetime) -> EventReplay:
    """End it where it is."""
    frame.require_responder(by)
    row = operations_replay.stop(replay_id, by=by, now=now)
    if row is None:
        raise missing("replay")
    return row


def _events(number: int) -> str:
    return f"{number:,} event{'' if number == 1 else 's'}"


def _told(raw: RawEvent) -> str:
    """One event as it would be read today."""
    reading = read(raw.integration, raw)
    if reading.error or not reading.events:
        what = f"cannot be read: {reading.error}" if reading.error else "reports no problem"
    else:
        first = reading.events[0]
        what = first.error or f"{first.title}, {first.status}" + (f", {first.severity}" if first.severity else "")
        what += f", and {len(reading.events) - 1:,} more in it" if len(reading.events) > 1 else ""
    return f"Event {raw.pk} of {raw.integration.name}, {raw.received_at:%Y-%m-%d %H:%M:%S} UTC: {what[:300]}"
