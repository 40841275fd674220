"""Many raw events over HTTP: as a file, or taken in once more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal, NotRequired

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import queries_events
from tocsin.alerts.models import EventReplay, RawEvent
from tocsin.alerts.queries_events import EventFilter
from tocsin.api.acting import acting
from tocsin.api.events import detail
from tocsin.api.paging import Page, Paging, page
from tocsin.api.reports import JsonLines, as_file
from tocsin.api.shapes import At, Body, one_of, rfc3339
from tocsin.lib.refusal import invalid
from tocsin.response import replay_many

router = Router(tags=["Raw events"])
MOST_EXPORTED = 100_000
PIECE = 50  # events in memory at once: a body holds up to a megabyte


class Wanted(Schema):
    """Which events, by what is left out of it: all."""

    integration: int | None = Field(None, description="The id of an integration.")
    kind: str = Field("", max_length=60, description="Of the integration, as in /integration-kinds.")
    state: Literal["", "new", "done", "refused"] = ""
    since: datetime | None = Field(None, description="Accepted at this time or later.")
    until: datetime | None = Field(None, description="Accepted before this time.")

    def read(self) -> EventFilter:
        """As the queries take it. Refuses times without a zone and what does not exist."""
        for name in ("since", "until"):
            if (at := getattr(self, name)) and at.tzinfo is None:
                raise invalid(**{name: "It names its zone, as in 2026-11-26T12:00:00Z."})
        wanted = EventFilter(self.integration, self.kind, self.state, self.since, self.until)
        replay_many.check(wanted)
        return wanted


class ReplayBody(Body):
    """`dry_run` only says what would happen. Above 100 events `confirm` is their number, as the dry run told it."""

    filter: Wanted
    dry_run: bool = False
    confirm: int | None = None
    by: int | None = None


class EventFilterShape(TypedDict):
    """Which events were replayed; what is null or empty leaves none out."""

    integration: int | None
    kind: str
    state: Annotated[str, one_of(["", *RawEvent.State.values])]
    since: datetime | None
    until: datetime | None


class EventReplayShape(TypedDict):
    """A replay of many events, and how far it is."""

    id: int
    state: Annotated[str, one_of(EventReplay.State.values)]
    filter: EventFilterShape
    total: int
    done: int
    by: str
    created_at: At
    finished_at: At | None


class ReplayPlanShape(TypedDict):
    """What a replay would do, or has begun to do."""

    dry_run: bool
    total: int
    sentences: list[str]
    samples: Annotated[list[str], Field(description="What the first of the events say today.")]
    confirm: Annotated[bool, Field(description="Whether `confirm` must be sent with it.")]
    replay: NotRequired[Annotated[EventReplayShape, Field(description="Where it was no dry run.")]]


def shape(row: EventReplay) -> EventReplayShape:
    """A replay and how far it is."""
    return {
        "id": row.pk, "state": row.state, "filter": row.filters, "total": row.total, "done": row.done, "by": row.by_label,
        "created_at": rfc3339(row.created_at), "finished_at": rfc3339(row.finished_at),
    }  # fmt: skip


@router.get("/events.jsonl")
@needs(Needs.READ)
def events_jsonl(request: HttpRequest, wanted: Query[Wanted]) -> JsonLines:
    """The raw events that match, the oldest first, one JSON object a line with the body as text or in base64; at most 100,000."""
    return as_file((json.dumps(detail(raw, request)) + "\n" for raw in _all(wanted.read())), "application/jsonl", "events.jsonl")


def _all(wanted: EventFilter) -> Iterator[RawEvent]:
    """Piece by piece, so that no export holds more than PIECE bodies in memory."""
    rows, last, left = queries_events.matching(wanted).select_related("integration"), 0, MOST_EXPORTED
    while left > 0:
        found = list(rows.filter(pk__gt=last)[: min(PIECE, left)])
        if not found:
            return
        yield from found
        last, left = found[-1].pk, left - len(found)


@router.post("/event-replays", response={200: dict, 202: dict})
@needs(Needs.RESPOND)
def replay_events(request: HttpRequest, body: ReplayBody) -> Status[ReplayPlanShape]:
    """Say what would happen, or take them in once more; ask the replay how far it is."""
    by, now = acting(request, body.by), clock.now()
    planned = replay_many.plan(body.filter.read(), by=by)
    said: ReplayPlanShape = {
        "dry_run": body.dry_run, "total": planned.total, "sentences": list(planned.sentences), "samples": list(planned.samples),
        "confirm": planned.typed,
    }  # fmt: skip
    if body.dry_run:
        return Status(200, said)
    row = replay_many.begin(planned, typed=str(body.confirm or ""), by=by, now=now)
    return Status(202, {**said, "replay": shape(row)})


@router.get("/event-replays")
@needs(Needs.READ)
def list_replays(request: HttpRequest, paging: Query[Paging]) -> Page[EventReplayShape]:
    """Replays of many events, the newest first."""
    return page(EventReplay.objects.all(), paging, shape, order=("-id",))


@router.get("/event-replays/{int:replay_id}")
@needs(Needs.READ)
def get_replay(request: HttpRequest, replay_id: int) -> EventReplayShape:
    """How far a replay is."""
    return shape(replay_many.replay_of(replay_id))


@router.post("/event-replays/{int:replay_id}/stop")
@needs(Needs.RESPOND)
def stop_replay(request: HttpRequest, replay_id: int) -> EventReplayShape:
    """End it where it is; what was taken in stays."""
    return shape(replay_many.stop(replay_id, by=acting(request, None), now=clock.now()))
