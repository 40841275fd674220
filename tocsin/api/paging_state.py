"""Is paging at work, and what is overdue while it is held back? Administrators release it after a restore."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.shapes import At, NamedShape, named, rfc3339
from tocsin.paging import operations_state
from tocsin.paging.models import PagingState
from tocsin.response import release_paging

router = Router(tags=["Paging"])


class OverdueStepShape(TypedDict):
    """A step of an escalation that is overdue."""

    escalation: int
    alert: int | None
    incident: int | None
    title: str
    step: int
    due_at: At | None


class OverdueNotificationShape(TypedDict):
    """A page that is overdue."""

    notification: int
    user: NamedShape | None
    to: str
    method: str
    title: str
    alert: int | None
    incident: int | None
    due_at: At | None


class OverduePromiseShape(TypedDict):
    """A promise that is overdue."""

    obligation: int
    kind: str
    text: str
    alert: int | None
    incident: int | None
    due_at: At | None


class OverdueShape(TypedDict):
    """What would be carried out at once; at most 200 of each kind."""

    steps: list[OverdueStepShape]
    pages: list[OverdueNotificationShape]
    promises: list[OverduePromiseShape]


class PagingStateShape(TypedDict):
    """Whether paging is at work."""

    held: bool
    held_since: At | None
    held_reason: str
    released_at: At | None
    released_by: str
    away_from: Annotated[At | None, Field(description="From then on nobody was there to page.")]
    returned_at: At | None
    caught_up_at: At | None
    overdue: OverdueShape


def shape(row: PagingState, found: release_paging.Overdue) -> PagingStateShape:
    """The state of paging and what is overdue, as the API shows it."""
    return {
        "held": row.held_since is not None,
        "held_since": rfc3339(row.held_since),
        "held_reason": row.held_reason if row.held_since else "",
        "released_at": rfc3339(row.released_at),
        "released_by": row.released_by,
        "away_from": rfc3339(row.away_from),
        "returned_at": rfc3339(row.returned_at),
        "caught_up_at": rfc3339(row.caught_up_at),
        "overdue": {
            "steps": [
                {"escalation": one.pk, "alert": one.alert_id, "incident": one.incident_id, "title": str(one.subject.get("title") or ""), "step": one.step,
                 "due_at": rfc3339(one.due_at)}
                for one in found.steps
            ],
            "pages": [
                {"notification": one.pk, "user": named(one.user), "to": one.whom, "method": one.method_kind, "title": one.title,
                 "alert": one.alert_id, "incident": one.incident_id, "due_at": rfc3339(one.due_at)}
                for one in found.pages
            ],
            "promises": [
                {"obligation": one.pk, "kind": one.kind, "text": one.text, "alert": one.alert_id, "incident": one.incident_id,
                 "due_at": rfc3339(one.due_at)}
                for one in found.promises
            ],
        },
    }  # fmt: skip


@router.get("/paging")
@needs(Needs.ADMINISTER)
def get_paging(request: HttpRequest) -> PagingStateShape:
    """Whether paging is at work or held back, and what is overdue now (at most 200 of each kind)."""
    return shape(operations_state.state(), release_paging.overdue(clock.now()))


@router.post("/paging/release")
@needs(Needs.ADMINISTER)
def release_paging_again(request: HttpRequest) -> PagingStateShape:
    """Let paging go on after a restore; 409 where it is not held back. What is overdue is looked at again, merged, and goes out marked as late."""
    now = clock.now()
    row = release_paging.release(by=request.actor, now=now)  # type: ignore[attr-defined]
    return shape(row, release_paging.overdue(now))
