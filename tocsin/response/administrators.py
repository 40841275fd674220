"""How do the administrators hear of what Tocsin itself needs? By a notice, which wakes nobody."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from tocsin.accounts.models import Role, User
from tocsin.paging import operations as paging

log = logging.getLogger(__name__)


def tell_of_failure(what: str, error: Exception, then: str, now: datetime) -> None:
    """Something cannot be carried out and is put off, so that it is never late and nothing else notices. Said once an hour; where that fails as
    well, the log has it."""
    try:
        with transaction.atomic():
            text = f"{what[:1].upper()}{what[1:]} fails: {type(error).__name__}: {error}. {then} The log says more."
            tell(f"Tocsin itself needs attention: {what} fails", text, identity=f"failure:{what}:{now:%Y%m%d%H}", now=now)
    except Exception:
        log.exception("the administrators could not be told that %s fails", what)


def tell(title: str, text: str, *, identity: str, now: datetime) -> None:
    """One notice to each active administrator, once for an identity. Call it in a transaction."""
    for user in User.objects.filter(role=Role.ADMINISTRATOR, is_active=True, removed_at=None).order_by("id"):
        paging.notice(user, title=title, text=text, identity=identity, now=now)
