"""Whose token is this? Tokens are 256 random bits, kept as SHA-256, and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import ApiToken

SCOPES = ("read", "respond", "administer", "watch")
USED_EVERY = timedelta(minutes=1)  # how exact "last used" is: not every request is worth a write


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fresh() -> tuple[str, str]:
    """A new token and its prefix: `tcs_<8>_<43>`; secret scanners know the form, and the prefix finds the row."""
    prefix = secrets.token_hex(4)
    return f"tcs_{prefix}_{secrets.token_urlsafe(32)}", prefix


def actor_of(token: str, *, address: str | None, now: datetime) -> Actor | None:
    """Who acts with this token; None where it is unknown, revoked, expired, or its person is gone."""
    if settings.BOOTSTRAP_TOKEN and hmac.compare_digest(digest(token), digest(settings.BOOTSTRAP_TOKEN)):
        return Actor(None, "Bootstrap token", "api", address, frozenset(SCOPES))
    parts = token.split("_", 2)
    if len(parts) != 3 or parts[0] != "tcs" or len(token) > 200:
        return None
    row = (
        ApiToken.objects.select_related("user").filter(Q(expires_at=None) | Q(expires_at__gt=now), prefix=parts[1], revoked_at=None).first()
    )
    if row is None or not hmac.compare_digest(row.digest, digest(token)):
        return None
    if row.user is not None and not row.user.is_active:
        return None
    if row.last_used_at is None or now - row.last_used_at > USED_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
    label = f"{row.user} (token {row.name})" if row.user else f"Token {row.name}"
    return Actor(row.user, label[:200], "api", address, frozenset(row.scopes))
