"""The teams, for programs."""

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts import operations_teams as operations
from tocsin.accounts.models import Team
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, given, rfc3339
from tocsin.lib.refusal import missing
from tocsin.paging import operations_rooms
from tocsin.paging.models import TeamRoom

router = Router(tags=["Teams"])


class NewTeam(Body):
    """A team to be added; empty zone and country are the organisation's."""

    name: str = Field(max_length=120)
    time_zone: str = ""
    country: str = Field("", description="ISO 3166-1, for public holidays")
    subdivision: str = ""
    members: list[int] = Field(default_factory=list, max_length=500)


class Room(Body):
    """A room of a chat: the account (a provider of the kind slack, mattermost, matrix, teams_bot or teams_room) and the room's address there."""

    account: int
    address: str = Field(max_length=500)


class TeamChanges(Body):
    """What to change; fields left out stay."""

    name: str | None = Field(None, max_length=120)
    time_zone: str | None = None
    country: str | None = None
    subdivision: str | None = None
    fallback_user: int | None = None
    members: list[int] | None = Field(None, max_length=500)
    chat: Room | None = Field(
        None, description="Where the team is told what the procedure tells it (medium severities); null: nowhere but its built-in room."
    )
    leads: list[int] | None = Field(None, max_length=500, description="Members who hear of trouble in the team's schedules.")


class TeamRoomShape(TypedDict):
    """Where a team is told what the procedure tells it."""

    account: int
    address: str


class TeamShape(TypedDict):
    """A team."""

    id: int
    name: str
    slug: str
    time_zone: str
    country: str
    subdivision: str
    fallback_user: int | None
    members: list[int]
    leads: Annotated[list[int], Field(description="Members who hear of trouble in the team's schedules.")]
    chat: Annotated[TeamRoomShape | None, Field(description="Null: nowhere but its built-in room.")]
    created_at: At


def shape(team: Team) -> TeamShape:
    """A team as the API shows it."""
    return {
        "id": team.pk,
        "name": team.name,
        "slug": team.slug,
        "time_zone": team.time_zone,
        "country": team.country,
        "subdivision": team.subdivision,
        "fallback_user": team.fallback_user_id,
        "members": [membership.user_id for membership in team.memberships.all()],
        "leads": [membership.user_id for membership in team.memberships.all() if membership.lead],
        "chat": {"account": room.provider_id, "address": room.address} if (room := _room(team)) else None,
        "created_at": rfc3339(team.created_at),
    }


def _room(team: Team) -> TeamRoom | None:
    return TeamRoom.objects.filter(team=team).first()


@router.get("")
@needs(Needs.READ)
def list_teams(request: HttpRequest, paging: Query[Paging]) -> Page[TeamShape]:
    """Every team."""
    return page(Team.objects.filter(removed_at=None).prefetch_related("memberships"), paging, shape)


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def add_team(request: HttpRequest, body: NewTeam) -> Status[TeamShape]:
    """Add a team."""
    return Status(201, shape(operations.add_team(**body.model_dump(), by=request.actor, now=clock.now())))  # type: ignore[attr-defined]


@router.get("/{int:team_id}")
@needs(Needs.READ)
def get_team(request: HttpRequest, team_id: int) -> TeamShape:
    """One team."""
    team = Team.objects.filter(pk=team_id, removed_at=None).first()
    if team is None:
        raise missing("team")
    return shape(team)


@router.patch("/{int:team_id}")
@needs(Needs.ADMINISTER)
def change_team(request: HttpRequest, team_id: int, body: TeamChanges) -> TeamShape:
    """Change a team; `fallback_user: null` takes the team's fallback contact away, `chat: null` its room of a chat."""
    changes: dict[str, Any] = {f: value for f, value in given(body).items() if value is not None or f in ("fallback_user", "chat")}
    by, now = request.actor, clock.now()  # type: ignore[attr-defined]
    with transaction.atomic():
        chat = changes.pop("chat", ...)
        team = operations.change_team(team_id, changes, by=by, now=now)
        if chat is not ...:
            operations_rooms.set_room(team, chat, by=by, now=now)
    return shape(team)


@router.delete("/{int:team_id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_team(request: HttpRequest, team_id: int) -> Status[None]:
    """Remove a team that owns nothing any more."""
    operations.remove_team(team_id, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)
