"""Which keys do browsers subscribe with, and what if a browser changes its subscription by itself? Writes the account and the method."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import User
from tocsin.integrations.registry import NOTIFIERS
from tocsin.integrations.webpush.gateway import new_keys
from tocsin.integrations.webpush.subscription import mark, read
from tocsin.lib.refusal import invalid, missing
from tocsin.paging import addresses
from tocsin.paging import operations_providers as providers
from tocsin.paging.models import ContactMethod, Provider

KIND = "webpush"


def public_key(now: datetime) -> str:
    """The key that browsers subscribe with; the pair is made, and its private part sealed, when it is first asked for."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(7422)")  # two first visitors must not make two pairs
        row = Provider.objects.filter(kind=KIND, removed_at=None).order_by("position", "id").first()
        row = row or providers.create_provider(kind=KIND, values=new_keys(), by=SYSTEM, now=now)
    return str(row.settings["public_key"])


@transaction.atomic
def change_subscription(user: User, endpoint: str, subscription: str) -> ContactMethod:
    """The browser of `user` has replaced the subscription with that endpoint: the method goes on with the new one."""
    try:
        whole = NOTIFIERS[KIND].check_address(subscription)
    except ValueError as error:
        raise invalid(subscription=str(error)) from error
    rows = ContactMethod.objects.select_for_update().filter(user=user, kind=KIND, removed_at=None, address__endswith=mark(endpoint))
    method = next((row for row in rows if read(addresses.address_of(row)).endpoint == endpoint), None)
    if method is None:
        raise missing("subscription")
    method.address, method.sealed = addresses.kept(KIND, whole)
    method.save(update_fields=["address", "sealed"])
    return method
