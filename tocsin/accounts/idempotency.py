"""Was this request carried out already? A repeated write with the same `Idempotency-Key` gets the first one's answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.http import HttpResponse

from tocsin.accounts.models import IdempotencyKey
from tocsin.lib.refusal import Refused
from tocsin.lib.sealing import InvalidToken, box

PURPOSE = "idempotency"  # answers may hold what is shown only once (a new token), so they are kept sealed
KEPT = timedelta(days=1)
LONGEST = 255


def once(owner: str, key: str, request: bytes, run: Callable[[], HttpResponse], now: datetime) -> HttpResponse:
    """Run it, or answer as the first time. The write and its answer are one transaction, so a crash leaves either both or neither.

    Raises Refused: 422 for a key that was used for another request, 409 while the first request is still being worked on.
    """
    if not 0 < len(key) <= LONGEST or not key.isprintable():
        raise Refused("Idempotency-Key is 1 to 255 printable characters.", code="bad_idempotency_key")
    fingerprint = hashlib.sha256(request).hexdigest()
    with transaction.atomic():
        if not _locked(owner, key):
            raise Refused("The first request with this Idempotency-Key is still being worked on.", status=409, code="in_progress")
        row = IdempotencyKey.objects.filter(owner=owner, key=key, created_at__gt=now - KEPT).first()
        if row is not None:
            return _again(row, fingerprint)
        response = run()
        if response.status_code >= 500 or connection.needs_rollback:
            transaction.set_rollback(True)
            return response
        IdempotencyKey.objects.filter(owner=owner, key=key).delete()
        IdempotencyKey.objects.create(
            owner=owner, key=key, fingerprint=fingerprint, status=response.status_code, body=box(PURPOSE).encrypt(response.content)
        )
    return response


def forget_old(now: datetime) -> int:
    """Delete answers that are no longer kept; how many."""
    return IdempotencyKey.objects.filter(created_at__lte=now - KEPT).delete()[0]


def _again(row: IdempotencyKey, fingerprint: str) -> HttpResponse:
    if row.fingerprint != fingerprint:
        raise Refused("This Idempotency-Key was used for another request; take a new one.", code="idempotency_key_reused")
    try:
        content = box(PURPOSE).decrypt(bytes(row.body or b""))
    except InvalidToken as error:
        raise Refused("The first request was carried out; its answer can no longer be read.", status=409, code="answer_lost") from error
    kind = "application/problem+json" if (row.status or 200) >= 400 else "application/json; charset=utf-8"
    response = HttpResponse(content, status=row.status or 200, content_type=kind)
    response["Idempotency-Replayed"] = "true"
    return response


def _locked(owner: str, key: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 20))", [f"{owner}\n{key}"])
        return bool(cursor.fetchone()[0])
