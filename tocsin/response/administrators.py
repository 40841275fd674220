"""How do the administrators hear of what Tocsin itself needs? By a notice, which wakes nobody."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction

from tocsin.accounts.models import Role, User
from tocsin.paging import operations as paging

log = logging.getLogger(__name__)


def tell_of_failure(kind: str, id: int, error: Exception, then: str, now: datetime) -> None:
    """One of a kind ("promise") cannot be carried out and is put off, so that it is never late and nothing else notices. Said once an hour for
    all that fail alike; where that fails as well, the log has it. Not where the database was away or two met: that is tried again as it is."""
    if isinstance(error, OperationalError | InterfaceError):
        return
    what = f"{kind} {id}"
    try:
        with transaction.atomic():
            text = f"{what[:1].upper()}{what[1:]} fails: {type(error).__name__}: {error}. {then} There may be others; the log names each."
            identity = f"failure:{kind}:{type(error).__name__}:{now:%Y%m%d%H}"
            tell(f"Tocsin itself needs attention: {what} fails", text, identity=identity, now=now)
    except Exception:
        log.exception("the administrators could not be told that %s fails", what)


def tell(title: str, text: str, *, identity: str, now: datetime) -> None:
    """One notice to each active administrator, once for an identity. Call it in a transaction."""
    for user in User.objects.filter(role=Role.ADMINISTRATOR, is_active=True, removed_at=None).order_by("id"):
        paging.notice(user, title=title, text=text, identity=identity, now=now)
