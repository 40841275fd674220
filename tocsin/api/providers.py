"""Through whose accounts pages leave the house, for programs: add, change, remove, and how each has been doing."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.paging import Paging, page
from tocsin.api.shapes import Body
from tocsin.integrations.registry import GATEWAYS
from tocsin.lib.refusal import invalid
from tocsin.paging import operations_contacts, operations_mail, operations_push, queries, queries_providers
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


def shape(row: Provider) -> dict[str, Any]:
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
def push_key(request: HttpRequest) -> dict[str, Any]:
    """The public key that browsers subscribe to Web Push with (`applicationServerKey`)."""
    return {"public_key": operations_push.public_key(clock.now())}


@router.get("/provider-kinds")
@needs(Needs.READ)
def list_kinds(request: HttpRequest) -> dict[str, Any]:
    """Which providers are spoken to, and what an account at each needs."""
    fields = ("name", "label", "secret", "required", "help", "default")
    return {
        "items": [
            {"kind": kind, "label": one.label, "channel": one.channel,
             "fields": [{name: getattr(field, name) for name in fields} for field in one.fields]}
            for kind, one in sorted(GATEWAYS.items())
        ],
        "next": None,
    }  # fmt: skip


@router.get("/providers")
@needs(Needs.ADMINISTER)
def list_providers(request: HttpRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Every account; that of the mail service is made by the settings."""
    operations_mail.keep(clock.now())
    return page(Provider.objects.filter(removed_at=None), paging, shape)


@router.post("/providers", response={201: dict})
@needs(Needs.ADMINISTER)
def create_provider(request: HttpRequest, body: NewProvider) -> Any:
    """Add an account; it is used from the next page on."""
    fields = {name: value for name, value in body.model_dump().items() if value is not None}
    return Status(201, shape(operations.create_provider(**fields, by=request.actor, now=clock.now())))  # type: ignore[attr-defined]


@router.get("/providers/{int:id}")
@needs(Needs.ADMINISTER)
def get_provider(request: HttpRequest, id: int) -> dict[str, Any]:
    """One account."""
    return shape(operations.provider_of(id))


@router.patch("/providers/{int:id}")
@needs(Needs.ADMINISTER)
def change_provider(request: HttpRequest, id: int, body: ProviderChange) -> dict[str, Any]:
    """Change what is given. Where its other values change, its secrets must be given again."""
    fields = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None or name == "budget"}
    row = operations.change_provider(operations.provider_of(id), **fields, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return shape(row)


@router.delete("/providers/{int:id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_provider(request: HttpRequest, id: int) -> Any:
    """Take it out of use."""
    operations.remove_provider(operations.provider_of(id), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)


@router.get("/providers/{int:id}/health")
@needs(Needs.ADMINISTER)
def health(request: HttpRequest, id: int) -> dict[str, Any]:
    """How it has been doing: the last 48 hours, its last failures in words, and what its budget has left."""
    row, now = operations.provider_of(id), clock.now()
    found = queries_providers.hours(row, now)
    return {
        "state": queries_providers.standing(row, now), "success_percent": queries_providers.share(found),
        "used_in_31_days": operations.used(row, now), "budget": row.budget,
        "hours": [{name: getattr(one, name) for name in ("at", "taken", "refused", "delivered", "undelivered")} for one in found],
        "troubles": row.troubles,
    }  # fmt: skip


@router.post("/providers/{int:id}/test", response={202: dict})
@needs(Needs.ADMINISTER)
def test(request: HttpRequest, id: int, body: TestBody) -> Any:
    """A test page to oneself through this account alone; the answer's `id` is the notification that shows what becomes of it."""
    row, by = operations.provider_of(id), request.actor  # type: ignore[attr-defined]
    method = ContactMethod.objects.filter(pk=body.contact_method, user=by.user, kind=row.channel, removed_at=None).first()
    if method is None or by.user is None:
        raise invalid(contact_method=f"Give a verified contact method of yours of the kind {row.channel}.")
    return Status(202, queries.notification_plain(operations_contacts.send_test(method, by=by, now=clock.now(), account=row)))
