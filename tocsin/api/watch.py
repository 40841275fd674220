"""What does the watch on another host fetch? A signed copy of the rota, with a token of scope watch, which can do nothing else."""

from __future__ import annotations

from typing import Annotated, cast

from django.http import HttpRequest
from ninja import Field, Router
from typing_extensions import TypedDict

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.response import rota_copy

router = Router(tags=["Watch"])


class RotaShape(TypedDict):
    """Who is on call, signed."""

    rota: Annotated[str, Field(description="JSON as a text, to the letter what was signed.")]
    signature: str
    public_key: str


@router.get("/watch/rota")
@needs(Needs.WATCH)
def rota(request: HttpRequest, policy: str = "") -> RotaShape:
    """Who is on call by the steps of a policy (the one that most services use, where none is named) for 48 hours, signed (Ed25519).

    `rota` is a text: exactly it is what `signature` was made of. Addresses that are secrets are not in it.
    """
    return cast(RotaShape, rota_copy.signed(policy.strip(), clock.now()))
