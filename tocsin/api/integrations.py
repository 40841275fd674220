"""The integrations, for programs: what sends events, by which key and address."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, NotRequired, cast

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.alerts import operations
from tocsin.alerts.models import EVENT_BURST, EVENT_RATE, Integration
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, given, rfc3339
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


class IntegrationShape(TypedDict):
    """Something that sends events."""

    id: int
    name: str
    kind: Annotated[str, Field(description="As in /integration-kinds.")]
    service: int | None
    default_severity: str
    identity_labels: list[str]
    ignored_labels: list[str]
    enabled: bool
    event_rate: int
    event_burst: int
    stale_hours: int | None
    auto_resolve_hours: int | None
    signed_only: bool
    topics: list[str]
    has_signing_secret: bool
    mapping: dict[str, str]
    severity_words: dict[str, str]
    last_event_at: At | None
    created_at: At
    key: NotRequired[Annotated[str, Field(description="For administrators, as is the address.")]]
    address: NotRequired[Annotated[str, Field(description="Where its events are sent to.")]]


class ReadAlertShape(TypedDict):
    """An event as rules read it."""

    title: str
    status: str
    severity: str | None
    severity_word: str
    dedup_key: str
    service: str
    started_at: At | None
    link: str
    runbook: str
    labels: dict[str, str]


class ReadingPairShape(TypedDict):
    """One event as it is read now and as it would be."""

    now: ReadAlertShape | None
    then: ReadAlertShape
    taken_from: Annotated[dict[str, str], Field(description="For each field, where it was found.")]
    errors: dict[str, str]


class ReadEventShape(TypedDict):
    """What the rules would make of a raw event."""

    event: int
    error: str
    more: Annotated[int, Field(description="So many alerts of it are not shown.")]
    alerts: list[ReadingPairShape]


class KeysComparedShape(TypedDict):
    """What other rules would do to the dedup keys of the same events."""

    events: int
    before: int
    after: int
    merged: int
    split: int


class ReadingErrorShape(TypedDict):
    """What is wrong with an expression, and how often."""

    sentence: str
    times: int


class MappingPreviewShape(TypedDict):
    """What other rules would make of what came in last."""

    items: list[ReadEventShape]
    keys: KeysComparedShape
    errors: dict[str, ReadingErrorShape]


class IntegrationKindShape(TypedDict):
    """A product whose messages are understood, and how it is set up."""

    kind: str
    label: str
    category: str
    address: str
    docs: str | None
    set_up: str
    sample: Annotated[Any, Field(description="A body as the product sends it.")]
    curl: str


def address(integration: Integration) -> str:
    """Where its events are sent to."""
    return address_of(integration.kind, settings.TOCSIN_URL, integration.key)


def shape(integration: Integration, secret: bool = True) -> IntegrationShape:
    """An integration as the API shows it; the key only to those who may change it."""
    shown: IntegrationShape = {
        "id": integration.pk, "name": integration.name, "kind": integration.kind, "service": integration.service_id,
        "default_severity": integration.default_severity, "identity_labels": integration.identity_labels,
        "ignored_labels": integration.ignored_labels, "enabled": integration.enabled,
        "event_rate": integration.event_rate, "event_burst": integration.event_burst,
        "stale_hours": integration.stale_hours, "auto_resolve_hours": integration.auto_resolve_hours,
        "signed_only": integration.signed_only, "topics": integration.topics,
        "has_signing_secret": bool(integration.signing_secret), "mapping": integration.mapping, "severity_words": integration.severity_words,
        "last_event_at": rfc3339(integration.last_event_at), "created_at": rfc3339(integration.created_at),
    }  # fmt: skip
    if secret:
        shown["key"], shown["address"] = integration.key, address(integration)
    return shown


def _may_see_keys(request: HttpRequest) -> bool:
    return bool(request.actor.may(Needs.ADMINISTER))  # type: ignore[attr-defined]


def _integration(integration_id: int) -> Integration:
    found = Integration.objects.filter(pk=integration_id, removed_at=None).first()
    if found is None:
        raise missing("integration")
    return found


@router.get("/integrations")
@needs(Needs.READ)
def list_integrations(request: HttpRequest, paging: Query[Paging]) -> Page[IntegrationShape]:
    """Every integration."""
    secret = _may_see_keys(request)
    return page(Integration.objects.filter(removed_at=None), paging, lambda row: shape(row, secret))


@router.post("/integrations", response={201: dict})
@needs(Needs.ADMINISTER)
def add_integration(request: HttpRequest, body: NewIntegration) -> Status[IntegrationShape]:
    """Add an integration; its key counts at once."""
    return Status(201, shape(operations.create_integration(**body.model_dump(), by=request.actor, now=clock.now())))  # type: ignore[attr-defined]


@router.get("/integrations/{int:integration_id}")
@needs(Needs.READ)
def get_integration(request: HttpRequest, integration_id: int) -> IntegrationShape:
    """One integration."""
    return shape(_integration(integration_id), _may_see_keys(request))


@router.patch("/integrations/{int:integration_id}")
@needs(Needs.ADMINISTER)
def change_integration(request: HttpRequest, integration_id: int, body: IntegrationChanges) -> IntegrationShape:
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
def preview_mapping(request: HttpRequest, integration_id: int, body: Reading) -> MappingPreviewShape:
    """What these rules would make of the last 20 raw events, and how they would merge or split the keys of the last 200. Changes nothing."""
    found = _integration(integration_id)
    rules = {field: value if value is not None else getattr(found, field) for field, value in body.model_dump().items()}
    if errors := mapping.complaints(rules["mapping"], rules["severity_words"]):
        raise Refused("The mapping cannot be used as it stands.", errors=errors, code="invalid")
    seen = preview(
        found,
        mapping.Rules(rules["mapping"], rules["severity_words"], tuple(rules["identity_labels"]), frozenset(rules["ignored_labels"])),
    )
    items: list[ReadEventShape] = [
        {
            "event": row.raw.pk, "error": row.error, "more": row.more,
            "alerts": [{"now": _alert(before.event) if before else None, "then": _alert(after.event), "taken_from": dict(after.paths),
                        "errors": dict(after.errors)} for before, after in row.pairs],
        }
        for row in seen.rows
    ]  # fmt: skip
    keys = cast(KeysComparedShape, asdict(seen.keys))
    return {"items": items, "keys": keys, "errors": {name: {"sentence": why, "times": times} for name, (why, times) in seen.errors.items()}}


def _alert(event: Event) -> ReadAlertShape:
    return {
        "title": event.title, "status": event.status, "severity": event.severity, "severity_word": event.severity_word,
        "dedup_key": event.dedup_key, "service": event.service, "started_at": rfc3339(event.started_at), "link": event.link,
        "runbook": event.runbook, "labels": event.labels,
    }  # fmt: skip


@router.delete("/integrations/{int:integration_id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_integration(request: HttpRequest, integration_id: int) -> Status[None]:
    """Take it out of use: its key is refused from now on."""
    operations.remove_integration(_integration(integration_id), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)


@router.get("/integration-kinds")
@needs(Needs.READ)
def list_kinds(request: HttpRequest, integration: int | None = None) -> Page[IntegrationKindShape]:
    """Which products' messages are understood, how each is set up, and a sample. `integration`: only its kind, with its own key for administrators."""
    if integration is None:
        return {"items": [cast(IntegrationKindShape, shown(kind, settings.TOCSIN_URL)) for kind in sorted(SOURCES)], "next": None}
    row = _integration(integration)
    found = shown(row.kind, settings.TOCSIN_URL, row.key if _may_see_keys(request) else "{key}")
    return {"items": [cast(IntegrationKindShape, found)], "next": None}
