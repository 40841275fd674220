"""How do the administrators hear of what Tocsin itself needs? By a notice, which wakes nobody."""

from __future__ import annotations

from datetime import datetime

from tocsin.accounts.models import Role, User
from tocsin.paging import operations as paging


def tell(title: str, text: str, *, identity: str, now: datetime) -> None:
    """One notice to each active administrator, once for an identity. Call it in a transaction."""
    for user in User.objects.filter(role=Role.ADMINISTRATOR, is_active=True, removed_at=None).order_by("id"):
        paging.notice(user, title=title, text=text, identity=identity, now=now)
