"""Which account stands for the service that an address of apprise leads to? It is made when the first message goes there. Writes providers."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from tocsin.domain.ports import AtServices
from tocsin.paging.models import Provider

KIND = CHANNEL = "apprise"
MOST_SERVICES = 200  # further ones share an account
OTHERS = ("", "Other services by apprise URLs")


def keep(notifier: AtServices, address: str, now: datetime) -> Provider:
    """The account of the service that the address leads to."""
    service = notifier.service(address)
    return _of(service[0]) or _make(service, now)


def _of(service: str) -> Provider | None:
    return Provider.objects.filter(kind=KIND, removed_at=None, settings__service=service).order_by("id").first()


@transaction.atomic
def _make(service: tuple[str, str], now: datetime) -> Provider:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(7424)")  # two processes must not make two
    if found := _of(service[0]):
        return found
    if Provider.objects.filter(kind=KIND, removed_at=None).count() >= MOST_SERVICES:
        service = OTHERS
    made = {"name": service[1][:120], "channel": CHANNEL, "created_at": now}
    return _of(service[0]) or Provider.objects.create(kind=KIND, settings={"service": service[0]}, **made)
