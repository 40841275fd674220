"""The organisation's settings and its audit log, for programs."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts import operations, operations_teams
from tocsin.accounts.models import AuditEntry, Organisation
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, Data, given, rfc3339

router = Router(tags=["Organisation"])


class OrganisationChanges(Body):
    """What to change; fields left out stay."""

    name: str | None = Field(None, max_length=200)
    time_zone: str | None = None
    country: str | None = None
    subdivision: str | None = None
    day_starts: time | None = None
    day_ends: time | None = None
    fallback_user: int | None = Field(None, description="Whom to page when nobody else is found")
    leadership_policy: int | None = None
    require_mfa: bool | None = None
    event_days: int | None = Field(None, description="Days that raw events are kept for after they were read")
    refused_event_days: int | None = Field(None, description="Days that raw events are kept for that could not be read")
    event_gigabytes: int | None = Field(None, description="Gigabytes of raw events that are kept; above it the oldest go sooner")
    group_minutes: int | None = Field(None, description="Alerts of a service within so many minutes are one cause; 0: none")


class OrganisationShape(TypedDict):
    """The organisation's settings."""

    name: str
    time_zone: str
    country: str
    subdivision: str
    day_starts: Annotated[str, Field(description="09:00, as is `day_ends`.")]
    day_ends: str
    fallback_user: Annotated[int | None, Field(description="Whom to page when nobody else is found.")]
    leadership_policy: int | None
    require_mfa: bool
    event_days: int
    refused_event_days: int
    event_gigabytes: int
    group_minutes: int


class AuditEntryShape(TypedDict):
    """Who changed what."""

    id: int
    at: At
    actor: int | None
    actor_label: str
    via: str
    verb: Annotated[str, Field(description="user.added, for example.")]
    object_kind: str
    object_id: str
    text: str
    data: Data
    address: Annotated[str | None, Field(description="Where the request came from.")]


def shape(row: Organisation) -> OrganisationShape:
    """The organisation as the API shows it."""
    return {
        "name": row.name,
        "time_zone": row.time_zone,
        "country": row.country,
        "subdivision": row.subdivision,
        "day_starts": f"{row.day_starts:%H:%M}",
        "day_ends": f"{row.day_ends:%H:%M}",
        "fallback_user": row.fallback_user_id,
        "leadership_policy": row.leadership_policy_id,
        "require_mfa": row.require_mfa,
        "event_days": row.event_days,
        "refused_event_days": row.refused_event_days,
        "event_gigabytes": row.event_gigabytes,
        "group_minutes": row.group_minutes,
    }


def entry_shape(entry: AuditEntry) -> AuditEntryShape:
    """One line of the audit log."""
    return {
        "id": entry.pk,
        "at": rfc3339(entry.at),
        "actor": entry.actor_id,
        "actor_label": entry.actor_label,
        "via": entry.via,
        "verb": entry.verb,
        "object_kind": entry.object_kind,
        "object_id": entry.object_id,
        "text": entry.text,
        "data": entry.data,
        "address": entry.address,
    }


@router.get("/organisation")
@needs(Needs.READ)
def get_organisation(request: HttpRequest) -> OrganisationShape:
    """The organisation's settings."""
    return shape(operations.organisation())


@router.patch("/organisation")
@needs(Needs.ADMINISTER)
def change_organisation(request: HttpRequest, body: OrganisationChanges) -> OrganisationShape:
    """Change settings; `null` for leadership_policy takes it away."""
    changes = {field: value for field, value in given(body).items() if value is not None or field in ("fallback_user", "leadership_policy")}
    return shape(operations_teams.change_organisation(changes, by=request.actor, now=clock.now()))  # type: ignore[attr-defined]


@router.get("/audit")
@needs(Needs.ADMINISTER)
def list_audit(request: HttpRequest, paging: Query[Paging], verb: str | None = None) -> Page[AuditEntryShape]:
    """Who changed what, newest first; `verb` narrows, as in user.added."""
    entries = AuditEntry.objects.filter(verb=verb) if verb else AuditEntry.objects.all()
    return page(entries, paging, entry_shape, order=("-id",))
