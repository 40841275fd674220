"""Raw events over HTTP: what came in, byte by byte, what became of it, and once more."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, NotRequired

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import queries_evidence
from tocsin.alerts.models import RawEvent
from tocsin.api.acting import acting
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import ActingBody, At, one_of, rfc3339
from tocsin.domain.alerts import Change
from tocsin.lib.refusal import missing
from tocsin.response.replay import replay

router = Router(tags=["Raw events"])


class RawEventFilters(Schema):
    """Which raw events."""

    integration: int | None = Field(None, description="The id of an integration.")
    state: Literal["", "new", "done", "refused"] = ""


class OutcomeShape(TypedDict):
    """What came of one event in a raw event."""

    alert: NotRequired[int | None]
    change: Annotated[str, one_of([str(one) for one in Change])]
    reason: str


class RawEventShape(TypedDict):
    """What came in, and what became of it."""

    id: int
    integration: int
    protocol: Annotated[str, Field(description="Which address it came by.")]
    content_type: str
    headers: Annotated[dict[str, str], Field(description='The few that say what the body means; ":query" is the query.')]
    received_at: At
    state: Annotated[str, one_of(RawEvent.State.values)]
    outcomes: list[OutcomeShape]
    error: str | None
    attempts: int
    processed_at: At | None
    dedup_key: Annotated[str | None, Field(description="A key that was made for the sender.")]
    replay_of: int | None


class RawEventDetailShape(RawEventShape):
    """One raw event with its body."""

    body: str
    encoding: Annotated[str, one_of(["text", "base64"])]


def shape(raw: RawEvent) -> RawEventShape:
    """A raw event in a list."""
    return {
        "id": raw.pk, "integration": raw.integration_id, "protocol": raw.protocol, "content_type": raw.content_type, "headers": raw.headers,
        "received_at": rfc3339(raw.received_at), "state": raw.state, "outcomes": raw.outcomes, "error": raw.error or None,
        "attempts": raw.attempts, "processed_at": rfc3339(raw.processed_at), "dedup_key": raw.dedup_key or None, "replay_of": raw.replay_of_id,
    }  # fmt: skip


def detail(raw: RawEvent, request: HttpRequest) -> RawEventDetailShape:
    """One raw event with its body: as text where it is text, else in base64; the integration's key is in it for administrators alone."""
    may = request.actor.may(Needs.ADMINISTER)  # type: ignore[attr-defined]
    body = bytes(raw.body) if may else queries_evidence.without_key(raw)
    try:
        return {**shape(raw), "body": body.decode(), "encoding": "text"}
    except UnicodeDecodeError:
        return {**shape(raw), "body": base64.b64encode(body).decode(), "encoding": "base64"}


def _event(event_id: int) -> RawEvent:
    found = RawEvent.objects.select_related("integration").filter(pk=event_id).first()
    if found is None:
        raise missing("event")
    return found


@router.get("")
@needs(Needs.READ)
def list_events(request: HttpRequest, filters: Query[RawEventFilters], paging: Query[Paging]) -> Page[RawEventShape]:
    """Raw events, the newest first."""
    rows = RawEvent.objects.defer("body")
    if filters.integration is not None:
        rows = rows.filter(integration_id=filters.integration)
    if filters.state:
        rows = rows.filter(state=filters.state)
    return page(rows, paging, shape, order=("-id",))


@router.get("/{int:event_id}")
@needs(Needs.READ)
def get_event(request: HttpRequest, event_id: int) -> RawEventDetailShape:
    """One raw event with its body."""
    return detail(_event(event_id), request)


@router.post("/{int:event_id}/replay", response={201: dict})
@needs(Needs.RESPOND)
def replay_event(request: HttpRequest, event_id: int, body: ActingBody) -> Status[RawEventShape]:
    """Take it in once more."""
    return Status(201, shape(replay(_event(event_id), acting(request, body.by), clock.now())))
