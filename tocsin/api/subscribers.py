"""Followers of every incident over HTTP: the support group and the stakeholders, told by mail of what is declared, said and resolved."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import acting
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import ActingBody, At, one_of, rfc3339
from tocsin.incidents.models import Subscriber
from tocsin.response import followers

router = Router(tags=["Followers"])


class NewSubscriber(ActingBody):
    """Somebody outside who hears of every incident by mail."""

    email: str = Field(max_length=254)
    name: str = Field("", max_length=120)
    group: Literal["support", "stakeholder"] = "stakeholder"


class SubscriberFilters(Paging):
    """Which subscribers."""

    group: Literal["support", "stakeholder"] | None = None


class SubscriberShape(TypedDict):
    """Somebody outside who is told by mail."""

    id: int
    email: str
    name: str
    group: Annotated[str, one_of(["support", "stakeholder"])]
    undeliverable_since: Annotated[At | None, Field(description="Mail to them came back then.")]
    undeliverable_reason: str | None


@router.get("")
@needs(Needs.READ)
def list_subscribers(request: HttpRequest, filters: Query[SubscriberFilters]) -> Page[SubscriberShape]:
    """Who is told of every incident (private ones excepted), newest first."""
    rows = Subscriber.objects.filter(incident=None, removed_at=None)
    if filters.group:
        rows = rows.filter(group=filters.group)
    return page(rows, filters, shape, order=("-id",))


@router.post("", response={201: dict})
@needs(Needs.RESPOND)
def add_subscriber(request: HttpRequest, body: NewSubscriber) -> Status[SubscriberShape]:
    """Add somebody; adding the same address to the same group again changes nothing, unless mail to it came back: then it is tried anew."""
    by = acting(request, body.by)
    return Status(201, shape(followers.add(email=body.email, name=body.name, group=body.group, by=by, now=clock.now())))


@router.delete("/{subscriber_id}", response={204: None})
@needs(Needs.RESPOND)
def remove_subscriber(request: HttpRequest, subscriber_id: int) -> Status[None]:
    """Stop telling somebody."""
    followers.remove(follower_id=subscriber_id, by=acting(request), now=clock.now())
    return Status(204, None)


def shape(row: Subscriber) -> SubscriberShape:
    """A follower over HTTP."""
    return {
        "id": row.pk, "email": row.email, "name": row.name, "group": row.group, "undeliverable_since": rfc3339(row.undeliverable_at),
        "undeliverable_reason": row.undeliverable_reason or None,
    }  # fmt: skip
