"""The integrations, for programs: what sends events, by which key and address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations
from tocsin.alerts.models import EVENT_BURST, EVENT_RATE, Integration
from tocsin.api.paging import Paging, page
from tocsin.api.shapes import Body, given, rfc3339
from tocsin.domain.alerts import Event
from tocsin.integrations import mapping
from tocsin.integrations.registry import SOURCES
from tocsin.integrations.setting_up import address_of, shown
from tocsin.lib.refusal import Refused, missing
from tocsin.response.preview_mapping import preview

EMPTY = ("service", "stale_hours", "auto_resolve_hours")  # null means something for them
router = Router(tags=["Integrations"])


class NewIntegration(Body):
    """Something that sends events; `service` by its id."""

    name: str = Field(max_length=120)
    kind: str = Field(max_length=60)
    service: int | None = None
    default_severity: str = "warning"
    identity_labels: list[str] = Field(default_factory=list, max_length=50)
    ignored_labels: list[str] = Field(default_factory=list, max_length=50)
    mapping: dict[str, str] = Field(default_factory=dict, description="Field → CEL on body, headers, item: " + ", ".join(mapping.OPTIONS))
    severity_words: dict[str, str] = Field(default_factory=dict, description="Word → critical, error, warning or info")
    enabled: bool = True
    signed_only: bool = Field(True, description="Amazon SNS: refuse what it did not sign.")
    topics: list[str] = Field(
        default_factory=list, max_length=50, description="Amazon SNS: the ARNs of the only topics that it takes; none: any."
    )
    signing_secret: str = Field(
        "", max_length=500, description="What the product signs with; then nothing else is taken. Never shown again."
    )
    event_rate: int = Field(EVENT_RATE, description="Events a second that it may send; above it the sender is told to come again.")
    event_burst: int = Field(EVENT_BURST, description="Events that may come at once, before the rate counts.")
    stale_hours: int | None = Field(None, description="Ask about alerts that were not renewed for so long; 0 never, null: a day.")
    auto_resolve_hours: int | None = Field(None, description="End alerts that were not renewed for so long, without asking; null: never.")


class IntegrationChanges(Body):
    """What to change; fields left out stay."""

    name: str | None = Field(None, max_length=120)
    service: int | None = None
    default_severity: str | None = None
    identity_labels: list[str] | None = Field(None, max_length=50)
    ignored_labels: list[str] | None = Field(None, max_length=50)
    mapping: dict[str, str] | None = None
    severity_words: dict[str, str] | None = None
    enabled: bool | None = None
    signed_only: bool | None = None
    topics: list[str] | None = Field(None, max_length=50)
    signing_secret: str | None = Field(None, max_length=500, description='"" takes it away.')
    event_rate: int | None = None
    event_burst: int | None = None
    stale_hours: int | None = None
    auto_resolve_hours: int | None = None


def address(integration: Integration) -> str:
    """Where its events are sent to."""
    return address_of(integration.kind, settings.TOCSIN_URL, integration.key)


def shape(integration: Integration, secret: bool = True) -> dict[str, Any]:
    """An integration as the API shows it; the key only to those who may change it."""
    shown = {
        "id": integration.pk, "name": integration.name, "kind": integration.kind, "service": integration.service_id,
        "default_severity": integration.default_severity, "identity_labels": integration.identity_labels,
        "ignored_labels": integration.ignored_labels, "enabled": integration.enabled,
        "event_rate": integration.event_rate, "event_burst": integration.event_burst,
        "stale_hours": integration.stale_hours, "auto_resolve_hours": integration.auto_resolve_hours,
        "signed_only": integration.signed_only, "topics": integration.topics,
        "has_signing_secret": bool(integration.signing_secret), "mapping": integration.mapping, "severity_words": integration.severity_words,
        "last_event_at": rfc3339(integration.last_event_at), "created_at": rfc3339(integration.created_at),
    }  # fmt: skip
    return {**shown, "key": integration.key, "address": address(integration)} if secret else shown


def _may_see_keys(request: HttpRequest) -> bool:
    return bool(request.actor.may(Needs.ADMINISTER))  # type: ignore[attr-defined]


def _integration(integration_id: int) -> Integration:
    found = Integration.objects.filter(pk=integration_id, removed_at=None).first()
    if found is None:
        raise missing("integration")
    return found


@router.get("/integrations")
@needs(Needs.READ)
def list_integrations(request: HttpRequest, paging: Query[Paging]):
    """Every integration."""
    secret = _may_see_keys(request)
    return page(Integration.objects.filter(removed_at=None), paging, lambda row: shape(row, secret))


@router.post("/integrations", response={201: dict})
@needs(Needs.ADMINISTER)
def add_integration(request: HttpRequest, body: NewIntegration):
    """Add an integration; its key counts at once."""
    return Status(201, shape(operations.create_integration(**body.model_dump(), by=request.actor, now=clock.now())))  # type: ignore[attr-defined]


@router.get("/integrations/{int:integration_id}")
@needs(Needs.READ)
def get_integration(request: HttpRequest, integration_id: int):
    """One integration."""
    return shape(_integration(integration_id), _may_see_keys(request))


@router.patch("/integrations/{int:integration_id}")
@needs(Needs.ADMINISTER)
def change_integration(request: HttpRequest, integration_id: int, body: IntegrationChanges):
    """Change an integration; `service: null` leaves the choice to what the messages say."""
    changes: dict[str, Any] = {field: value for field, value in given(body).items() if value is not None or field in EMPTY}
    row = operations.change_integration(_integration(integration_id), **changes, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return shape(row)


class Reading(Body):
    """Rules to try; those left out are the ones in force."""

    mapping: dict[str, str] | None = None
    severity_words: dict[str, str] | None = None
    identity_labels: list[str] | None = Field(None, max_length=50)
    ignored_labels: list[str] | None = Field(None, max_length=50)


@router.post("/integrations/{int:integration_id}/mapping/preview")
@needs(Needs.ADMINISTER)
def preview_mapping(request: HttpRequest, integration_id: int, body: Reading):
    """What these rules would make of the last 20 raw events, and how they would merge or split the keys of the last 200. Changes nothing."""
    found = _integration(integration_id)
    rules = {field: value if value is not None else getattr(found, field) for field, value in body.model_dump().items()}
    if errors := mapping.complaints(rules["mapping"], rules["severity_words"]):
        raise Refused("The mapping cannot be used as it stands.", errors=errors, code="invalid")
    seen = preview(
        found,
        mapping.Rules(rules["mapping"], rules["severity_words"], tuple(rules["identity_labels"]), frozenset(rules["ignored_labels"])),
    )
    items = [
        {
            "event": row.raw.pk, "error": row.error, "more": row.more,
            "alerts": [{"now": _alert(before.event) if before else None, "then": _alert(after.event), "taken_from": dict(after.paths),
                        "errors": dict(after.errors)} for before, after in row.pairs],
        }
        for row in seen.rows
    ]  # fmt: skip
    keys = {name: getattr(seen.keys, name) for name in ("events", "before", "after", "merged", "split")}
    return {"items": items, "keys": keys, "errors": {name: {"sentence": why, "times": times} for name, (why, times) in seen.errors.items()}}


def _alert(event: Event) -> dict[str, Any]:
    return {
        "title": event.title, "status": event.status, "severity": event.severity, "severity_word": event.severity_word,
        "dedup_key": event.dedup_key, "service": event.service, "started_at": rfc3339(event.started_at), "link": event.link,
        "runbook": event.runbook, "labels": event.labels,
    }  # fmt: skip


@router.delete("/integrations/{int:integration_id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_integration(request: HttpRequest, integration_id: int):
    """Take it out of use: its key is refused from now on."""
    operations.remove_integration(_integration(integration_id), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)


@router.get("/integration-kinds")
@needs(Needs.READ)
def list_kinds(request: HttpRequest, integration: int | None = None):
    """Which products' messages are understood, how each is set up, and a sample. `integration`: only its kind, with its own key for administrators."""
    if integration is None:
        return {"items": [shown(kind, settings.TOCSIN_URL) for kind in sorted(SOURCES)], "next": None}
    row = _integration(integration)
    return {"items": [shown(row.kind, settings.TOCSIN_URL, row.key if _may_see_keys(request) else "{key}")], "next": None}
