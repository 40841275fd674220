"""What does the watch on another host fetch? A signed copy of the rota, with a token of scope watch, which can do nothing else."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from tocsin import clock
from tocsin.accounts.permissions import Needs, needs
from tocsin.response import rota_copy

router = Router(tags=["Watch"])


@router.get("/watch/rota")
@needs(Needs.WATCH)
def rota(request: HttpRequest, policy: str = ""):
    """Who is on call by the steps of a policy (the one that most services use, where none is named) for 48 hours, signed (Ed25519).

    `rota` is a text: exactly it is what `signature` was made of. Addresses that are secrets are not in it.
    """
    return rota_copy.signed(policy.strip(), clock.now())
