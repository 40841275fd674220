"""Who changed which setting? One entry for each change, in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import AuditEntry


def audit(verb: str, kind: str, identity: object, text: str, *, by: Actor, now: datetime, **data: Any) -> AuditEntry:
    """Write that `by` did `verb` ("user.added") to an object; `text` is the sentence that people read. Never put a secret into it."""
    return AuditEntry.objects.create(
        at=now,
        actor=by.user,
        actor_label=by.label[:200],
        via=by.via,
        verb=verb,
        object_kind=kind,
        object_id=str(identity),
        text=text[:1000],
        data=data,
        address=by.address,
    )
