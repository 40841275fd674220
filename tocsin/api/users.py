"""The people, for programs."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts import operations, operations_tokens
from tocsin.accounts.models import Role, User
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.acting import own_or_administer
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, given, one_of, rfc3339
from tocsin.lib.refusal import missing
from tocsin.response.remove_person import remove_person as remove_person_verb

router = Router(tags=["People"])


class NewUser(Body):
    """A person to be added."""

    name: str = Field(max_length=120)
    email: str = Field(max_length=254)
    role: str = Field("responder", description="administrator, responder or observer")
    time_zone: str = Field("", description="IANA name; empty: the organisation's")
    phone: str = ""
    teams: list[int] = Field(default_factory=list, max_length=200)


class UserChanges(Body):
    """What to change; fields left out stay."""

    name: str | None = Field(None, max_length=120)
    email: str | None = Field(None, max_length=254)
    role: str | None = None
    time_zone: str | None = None
    country: str | None = Field(None, description="Two letters, for public holidays; empty: the organisation's")
    subdivision: str | None = None
    phone: str | None = None
    theme: str | None = None
    single_keys: bool | None = None
    teams: list[int] | None = Field(None, max_length=200)


class UserShape(TypedDict):
    """A person."""

    id: int
    name: str
    email: str
    role: Annotated[str, one_of(Role.values)]
    time_zone: str
    country: str
    subdivision: str
    phone: str
    active: bool
    teams: list[int]
    created_at: At
    removed_at: At | None


class InvitationShape(TypedDict):
    """By which a person chooses a password."""

    link: str


def shape(user: User) -> UserShape:
    """A person as the API shows them."""
    return {
        "id": user.pk,
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "time_zone": user.time_zone,
        "country": user.country,
        "subdivision": user.subdivision,
        "phone": user.phone,
        "active": user.is_active,
        "teams": [membership.team_id for membership in user.memberships.all()],
        "created_at": rfc3339(user.created_at),
        "removed_at": rfc3339(user.removed_at),
    }


@router.get("")
@needs(Needs.READ)
def list_users(
    request: HttpRequest, paging: Query[Paging], email: str | None = None, team: int | None = None, removed: bool = False
) -> Page[UserShape]:
    """Everybody; `email` and `team` narrow, `removed=true` shows who is gone."""
    people = User.objects.prefetch_related("memberships").filter(removed_at__isnull=not removed)
    if email:
        people = people.filter(email__iexact=email)
    if team is not None:
        people = people.filter(memberships__team_id=team)
    return page(people, paging, shape)


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def add_user(request: HttpRequest, body: NewUser) -> Status[UserShape]:
    """Add a person. They sign in by an invitation, by single sign-on, or with a password that they set."""
    user = operations.add_user(**body.model_dump(), by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(201, shape(user))


@router.get("/me")
@needs(Needs.SELF)
def me(request: HttpRequest) -> UserShape:
    """Whose token or session this is."""
    user = request.actor.user  # type: ignore[attr-defined]
    if user is None:
        raise missing("person: this token acts for nobody")
    return shape(user)


@router.get("/{int:user_id}")
@needs(Needs.READ)
def get_user(request: HttpRequest, user_id: int) -> UserShape:
    """One person, removed ones too."""
    return shape(_found(user_id))


@router.patch("/{int:user_id}")
@needs(Needs.SELF)
def change_user(request: HttpRequest, user_id: int, body: UserChanges) -> UserShape:
    """Change oneself; administrators change everybody, and alone change role, email and teams."""
    actor = own_or_administer(request, user_id)
    changes = {field: value for field, value in given(body).items() if value is not None}
    return shape(operations.change_user(user_id, changes, by=actor, now=clock.now()))


@router.delete("/{int:user_id}", response={204: None})
@needs(Needs.ADMINISTER)
def remove_user(request: HttpRequest, user_id: int) -> Status[None]:
    """Remove a person; sessions and tokens end at once, their turns go to the next in the order, history keeps the name."""
    remove_person_verb(user_id, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)


@router.post("/{int:user_id}/invitation", response={201: dict})
@needs(Needs.ADMINISTER)
def invite(request: HttpRequest, user_id: int) -> Status[InvitationShape]:
    """A link by which the person chooses a password, once, within 7 days; mailed too where SMTP is set."""
    return Status(201, {"link": operations_tokens.invite(user_id, by=request.actor, now=clock.now())})  # type: ignore[attr-defined]


def _found(user_id: int) -> User:
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise missing("person")
    return user
