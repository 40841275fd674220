"""Acts on many alerts over HTTP: say what will happen, do it, see how far it is, take it back."""

from __future__ import annotations

from typing import Annotated, NotRequired

from django.http import HttpRequest
from ninja import Field, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import listing
from tocsin.alerts.models import BulkAction
from tocsin.api.acting import acting
from tocsin.api.alert_filters import AlertFilters
from tocsin.api.shapes import At, Body, rfc3339
from tocsin.lib.refusal import invalid, missing
from tocsin.response import bulk_alerts

router = Router(tags=["Alerts"])


class BulkBody(Body):
    """`alerts` or `filter`; `dry_run` only says what would happen. Above 100 alerts `confirm` is their number, as the dry run told it."""

    action: str = Field(max_length=20)
    alerts: list[int] | None = Field(None, max_length=10_000)
    filter: AlertFilters | None = None
    minutes: int | None = None
    dry_run: bool = False
    confirm: int | None = None
    key: str = Field(
        "",
        max_length=64,
        description="The same key again is the same act; without one the same act on the same selection within a minute is.",
    )
    by: int | None = None


class BulkActShape(TypedDict):
    """An act on many alerts, and how far it is."""

    id: int
    action: str
    alerts: Annotated[int, Field(description="On how many.")]
    done: Annotated[int, Field(description="How many of them were looked at so far.")]
    changed: int
    created_at: At
    finished_at: At | None
    undone_at: At | None
    by: str


class BulkPlanShape(TypedDict):
    """What will happen, or has begun to happen."""

    dry_run: bool
    alerts: int
    changes: int
    sentences: Annotated[list[str], Field(description="The same for people.")]
    confirm: Annotated[bool, Field(description="Whether `confirm` must be sent with it.")]
    act: NotRequired[Annotated[BulkActShape, Field(description="Where it was no dry run.")]]


class BulkUndoneShape(BulkActShape):
    """An act that was taken back."""

    again: Annotated[int, Field(description="How many alerts are paged for again.")]


def shape(row: BulkAction) -> BulkActShape:
    """An act as the API shows it."""
    return {
        "id": row.pk, "action": row.action, "alerts": len(row.alert_ids), "done": row.position, "changed": len(row.changed_ids),
        "created_at": rfc3339(row.created_at), "finished_at": rfc3339(row.finished_at), "undone_at": rfc3339(row.undone_at), "by": row.by_label,
    }  # fmt: skip


@router.post("/bulk")
@needs(Needs.RESPOND)
def bulk(request: HttpRequest, body: BulkBody) -> BulkPlanShape:
    """Acknowledge, snooze, resolve or judge many alerts."""
    by, now = acting(request, body.by), clock.now()
    if (body.alerts is None) == (body.filter is None):
        raise invalid(alerts="Give alerts, or a filter, and not both.")
    ids = body.alerts if body.filter is None else listing.ids(body.filter.read(status="firing"), now, bulk_alerts.MOST_ALERTS + 1)
    planned = bulk_alerts.plan(action=body.action, alert_ids=ids or [], minutes=body.minutes, by=by, now=now)
    said: BulkPlanShape = {
        "dry_run": body.dry_run, "alerts": len(planned.alert_ids), "changes": planned.changes, "sentences": list(planned.sentences),
        "confirm": planned.typed,
    }  # fmt: skip
    if body.dry_run:
        return said
    selection = body.filter.model_dump() if body.filter else sorted(body.alerts or [])
    key = body.key or bulk_alerts.same_act(
        key=request.headers.get("Idempotency-Key", ""), action=body.action, minutes=body.minutes, selection=selection, by=by, now=now
    )
    row = bulk_alerts.carry_out(planned, key=key, typed=str(body.confirm or ""), by=by, now=now)
    return {**said, "act": shape(row)}


def _act(act_id: int) -> BulkAction:
    row = BulkAction.objects.filter(pk=act_id).first()
    if row is None:
        raise missing("act")
    return row


@router.get("/bulk/{int:act_id}")
@needs(Needs.READ)
def get_act(request: HttpRequest, act_id: int) -> BulkActShape:
    """How far an act on many alerts is."""
    return shape(_act(act_id))


@router.post("/bulk/{int:act_id}/undo")
@needs(Needs.RESPOND)
def undo(request: HttpRequest, act_id: int) -> BulkUndoneShape:
    """Take it back, within half a minute."""
    row = _act(act_id)
    again = bulk_alerts.undo(row, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return {"again": again, **shape(_act(act_id))}
