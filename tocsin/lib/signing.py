"""Is this link one of ours, unaltered and still valid? Signed, expiring tokens for addresses that people receive."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core import signing


class BadLinkError(ValueError):
    """The token is not ours, was altered, or has expired; the sentence says which and may be shown."""


def sign(values: dict[str, Any], *, purpose: str, expires_at: datetime) -> str:
    """A token for an address that carries `values` (readable, not alterable) until `expires_at`. A token of one purpose is no use for another."""
    return signing.Signer(salt=f"tocsin.{purpose}").sign_object({**values, "exp": int(expires_at.timestamp())}).replace(":", "~")


def read(token: str, *, purpose: str, now: datetime) -> dict[str, Any]:
    """The values of a token. Raises BadLinkError."""
    if len(token) > 2000:
        raise BadLinkError("This link is not valid.")
    try:
        values = signing.Signer(salt=f"tocsin.{purpose}").unsign_object(token.replace("~", ":"))
    except (signing.BadSignature, ValueError) as error:
        raise BadLinkError("This link is not valid.") from error
    if now.timestamp() >= values.pop("exp", 0):
        raise BadLinkError("This link has expired.")
    return values
