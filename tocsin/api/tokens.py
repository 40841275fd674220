"""The API's tokens, for programs. Secrets are shown when a token is made, never again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router
from ninja.responses import Status
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts import operations_tokens as operations
from tocsin.accounts.models import ApiToken
from tocsin.accounts.permissions import Needs, needs
from tocsin.api.paging import Page, Paging, page
from tocsin.api.shapes import At, Body, one_of, rfc3339

router = Router(tags=["Tokens"])


class NewToken(Body):
    """A token to be made."""

    name: str = Field(max_length=120)
    scopes: list[str] = Field(max_length=4, description="read, respond, administer, watch")
    user: int | None = Field(None, description="The person it acts for; nobody: a program of its own")
    expires_at: datetime | None = None


class TokenShape(TypedDict):
    """A token without its secret."""

    id: int
    name: str
    prefix: Annotated[str, Field(description="What the token begins with.")]
    scopes: list[Annotated[str, one_of(["read", "respond", "administer", "watch"])]]
    user: Annotated[int | None, Field(description="The person it acts for; null: a program of its own.")]
    created_by: int | None
    created_at: At
    expires_at: At | None
    last_used_at: At | None
    revoked_at: At | None


class TokenWithSecretShape(TokenShape):
    """A new token with its secret."""

    token: Annotated[str, Field(description="Shown this once.")]


def shape(token: ApiToken) -> TokenShape:
    """A token without its secret."""
    return {
        "id": token.pk,
        "name": token.name,
        "prefix": f"tcs_{token.prefix}",
        "scopes": token.scopes,
        "user": token.user_id,
        "created_by": token.created_by_id,
        "created_at": rfc3339(token.created_at),
        "expires_at": rfc3339(token.expires_at),
        "last_used_at": rfc3339(token.last_used_at),
        "revoked_at": rfc3339(token.revoked_at),
    }


@router.get("")
@needs(Needs.ADMINISTER)
def list_tokens(request: HttpRequest, paging: Query[Paging]) -> Page[TokenShape]:
    """Every token, revoked ones too."""
    return page(ApiToken.objects.all(), paging, shape, order=("-id",))


@router.post("", response={201: dict})
@needs(Needs.ADMINISTER)
def add_token(request: HttpRequest, body: NewToken) -> Status[TokenWithSecretShape]:
    """Make a token; `token` in the answer is its secret, shown this once."""
    token, secret = operations.add_token(
        name=body.name,
        scopes=body.scopes,
        user_id=body.user,
        expires_at=body.expires_at,
        by=request.actor,  # type: ignore[attr-defined]
        now=clock.now(),
    )
    return Status(201, {**shape(token), "token": secret})


@router.delete("/{int:token_id}", response={204: None})
@needs(Needs.SELF)
def revoke_token(request: HttpRequest, token_id: int) -> Status[None]:
    """End a token at once; everybody may end those that act for themselves."""
    operations.revoke_token(token_id, by=request.actor, now=clock.now())  # type: ignore[attr-defined]
    return Status(204, None)
