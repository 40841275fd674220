"""Which account stands for the mail service that the settings name? It is made when it is first needed, and goes when they name another."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from tocsin.accounts.actor import SYSTEM
from tocsin.integrations.email.services import SERVICES
from tocsin.lib.refusal import Refused
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import Provider

log = logging.getLogger(__name__)
KIND = "mail_service"
CHANNEL = "email"


def keep(now: datetime) -> None:
    """Let the account be the one of the settings. Where it cannot be made mail goes out all the same, as far as it can."""
    if _is_right(_rows()):
        return
    try:
        _mend(now)
    except Refused as refused:
        log.warning("the account of the mail service cannot be made: %s", refused.detail)


@transaction.atomic
def _mend(now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7423)")  # two processes must not make two
    right = [row for row in _rows() if settings.MAIL_SERVICE and row.settings.get("service") == settings.MAIL_SERVICE][:1]
    for row in _rows():
        if row not in right:
            providers.remove_provider(row, by=SYSTEM, now=now)
    if settings.MAIL_SERVICE and not right:
        label = SERVICES[settings.MAIL_SERVICE].label if settings.MAIL_SERVICE in SERVICES else settings.MAIL_SERVICE[:40]
        providers.create_provider(kind=KIND, name=label, values={"service": settings.MAIL_SERVICE}, by=SYSTEM, now=now)


def _rows() -> list[Provider]:
    return list(Provider.objects.filter(kind=KIND, removed_at=None).order_by("id"))


def _is_right(rows: list[Provider]) -> bool:
    return [row.settings.get("service") for row in rows] == ([settings.MAIL_SERVICE] if settings.MAIL_SERVICE else [])
