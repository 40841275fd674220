"""Through whose accounts pages leave the house, for programs: add, change, remove, and how each has been doing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.paging import Page, Paging, page
from tocsin.api.rehearsal_shapes import NotificationShape, notification
from tocsin.api.shapes import Body, one_of
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import invalid
from tocsin.paging import operations_contacts, operations_mail, operations_push, queries_providers
from tocsin.paging import operations_providers as operations
from tocsin.paging.models import ContactMethod, Provider

router = Router(tags=["Providers"])


class NewProvider(Body):
    """An account at a provider of texts, calls or messages."""

    kind: str = Field(max_length=40)
    name: str | None = Field(None, max_length=500)
    values: dict[str, str] = Field(default_factory=dict, description="By the names that /provider-kinds lists.")
    prefixes: list[str] = Field(default_factory=list, max_length=100, description="Beginnings of numbers that it serves; empty: all.")
    position: int = Field(0, ge=0, le=1000, description="The first one is tried first.")
    enabled: bool = True
    budget: int | None = Field(None, ge=1, le=10_000_000, description="Messages in 31 days; beyond it only pages go out.")


class ProviderChange(Body):
    """What is to be different; what is left out stays. Secrets that are left out stay as well."""

    name: str | None = Field(None, max_length=500)
    values: dict[str, str] | None = None
    prefixes: list[str] | None = Field(None, max_length=100)
    position: int | None = Field(None, ge=0, le=1000)
    enabled: bool | None = None
    budget: int | None = Field(None, ge=1, le=10_000_000, description="Null takes the budget away.")


class TestBody(Body):
    """Whom the test goes to."""

    contact_method: int = Field(description="A verified one of yours, of the account's channel.")


class ProviderShape(TypedDict):
    """An account at a provider, without its secrets."""

    id: int
    kind: Annotated[str, Field(description="As in /provider-kinds.")]
    channel: Annotated[str, Field(description="The kind of the contact methods that it serves.")]
    name: str
    values: dict[str, str]
    secrets: Annotated[list[str], Field(description="Which are set.")]
    prefixes: list[str]
    position: int
    enabled: bool
    budget: int | None
    failures: int
    rests_until: Annotated[datetime | None, Field(description="Nothing is sent through it until then, because it failed.")]
    last_ok_at: datetime | None
    last_failure_at: datetime | None
    last_reason: str
    inbound: Annotated[str | None, Field(description="Our address that its provider calls.")]


class PushKeyShape(TypedDict):
    """What browsers subscribe to Web Push with."""

    public_key: str


class ProviderFieldShape(TypedDict):
    """One thing that an account needs."""

    name: str
    label: str
    secret: bool
    required: bool
    help: str
    default: str


class ProviderKindShape(TypedDict):
    """A provider that is spoken to."""

    kind: str
    label: str
    channel: str
    fields: list[ProviderFieldShape]


class ProviderHourShape(TypedDict):
    """What became of what was sent in an hour."""

    at: datetime
    taken: int
    refused: int
    delivered: int
    undelivered: int


class TroubleShape(TypedDict):
    """A failure of an account."""

    at: datetime
    reason: str


class ProviderHealthShape(TypedDict):
    """How an account has been doing."""

    state: Annotated[str, one_of(["at work", "resting", "off"])]
    success_percent: Annotated[int | None, Field(description="Null: nothing was sent.")]
    used_in_31_days: int
    budget: int | None
    hours: list[ProviderHourShape]
    troubles: list[TroubleShape]


def shape(row: Provider) -> ProviderShape:
    """An account without its secrets: `secrets` names those that are set. `inbound` is our address that its provider calls (texts, buttons)."""
    return {
        "id": row.pk, "kind": row.kind, "channel": row.channel, "name": row.name, "values": row.settings,
        "secrets": sorted(name for name, value in operations.secrets_of(row).items() if value), "prefixes": row.prefixes,
        "position": row.position, "enabled": row.enabled, "budget": row.budget, "failures": row.failures, "rests_until": row.rests_until,
        "last_ok_at": row.last_ok_at, "last_failure_at": row.last_failure_at, "last_reason": row.last_reason,
        "inbound": operations.inbound(row),
    }  # fmt: skip


@router.get("/push-key")
@needs(Needs.SELF)
def push_key(request: HttpRequest) -> PushKeyShape:
    """The public key that browsers subscribe to Web Push with (`applicationServerKey`)."""
    return {"public_key": operations_push.public_key(clock.now())}


@router.get("/provider-kinds")
@needs(Needs.READ)
def list_kinds(request: HttpRequest) -> Page[ProviderKindShape]:
    """Which providers are spoken to, and what an account at each needs."""
    items: list[ProviderKindShape] = [
        {
            "kind": kind,
            "label": one.label,
            "channel": one.channel,
            "fields": [cast(ProviderFieldShape, asdict(field)) for field in one.fields],
        }
        for kind, one in sorted(GATEWAYS.items())
    ]
    return {"items": items, "next": None}


@router.get("/providers")
@needs(Needs.ADMINISTER)
def list_providers(request: HttpRequest, paging: Query[Paging]) -> Page[ProviderShape]:
    """Every account; that of the mail service is made by the settings."""
    operations_mail.keep(clock.now())
    return page(Provider.objects.filter(removed_at=None), paging, shape)


@router.post("/providers", response={201: dict})
@needs(Needs.ADMINISTER)
def create_provider(request: HttpRequest, body: NewProvider) -> Status[ProviderShape]:
    """Add an account; it is used from the next page on."""
    fields = {name: value for name, value in body.model_dump().items() if value is not None}
    return Status(201, shape(operations.create_provider(**fields, by=request.actor, now=clock.now())))  # type: ignore[attr-defined]


@router.get("/providers/{int:id}")
@needs(Needs.ADMINISTER)
def get_provider(request: HttpRequest, id: int) -> ProviderShape:
    """One account."""
    return shape(operations.provider_of(id))


@router.patch("/providers/{int:id}")
@needs(Needs.ADMINISTER)
def change_provider(request: HttpRequest, id: int, body: ProviderChange) -> ProviderShape:
    """Change what is given. Where its other values change, its secrets must be given again."""
    fields = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None or name == "budget"}
    row = operations.change_provider(operations.provider_of(id), **fields, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return shape(row)


@router.delete("/providers/{int:id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_provider(request: HttpRequest, id: int) -> Status[None]:
    """Take it out of use."""
    operations.remove_provider(operations.provider_of(id), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)


@router.get("/providers/{int:id}/health")
@needs(Needs.ADMINISTER)
def health(request: HttpRequest, id: int) -> ProviderHealthShape:
    """How it has been doing: the last 48 hours, its last failures in words, and what its budget has left."""
    row, now = operations.provider_of(id), clock.now()
    found = queries_providers.hours(row, now)
    return {
        "state": queries_providers.standing(row, now), "success_percent": queries_providers.share(found),
        "used_in_31_days": operations.used(row, now), "budget": row.budget,
        "hours": [cast(ProviderHourShape, asdict(one)) for one in found],
        "troubles": row.troubles,
    }  # fmt: skip


@router.post("/providers/{int:id}/test", response={202: dict})
@needs(Needs.ADMINISTER)
def test(request: HttpRequest, id: int, body: TestBody) -> Status[NotificationShape]:
    """A test page to oneself through this account alone; the answer's `id` is the notification that shows what becomes of it."""
    row, by = operations.provider_of(id), request.actor  # type: ignore[attr-defined]
    method = ContactMethod.objects.filter(pk=body.contact_method, user=by.user, kind=row.channel, removed_at=None).first()
    if method is None or by.user is None:
        raise invalid(contact_method=f"Give a verified contact method of yours of the kind {row.channel}.")
    return Status(202, notification(operations_contacts.send_test(method, by=by, now=clock.now(), account=row)))
