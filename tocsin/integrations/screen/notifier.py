"""How is a page shown on a person's open pages? By a live topic; it is delivered when a browser says that it has shown it."""

from __future__ import annotations

from django.db import connection

from tocsin.domain.ports import Abilities, Message, Outcome, Receipt

LIVE_CHANNEL = "tocsin_live"


class Screen:
    """Announces the page to the live pages of its person, again on each attempt, until one of them confirms."""

    kind = "screen"
    label = "On screen"
    abilities = Abilities(receipts=True)

    def check_address(self, address: str) -> str:
        """There is no address: it is the person's own pages."""
        return address.strip()[:500]

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """Say it on the live topic. Until a page confirms (`paging.operations_notifications.shown`), the attempt counts as not yet taken."""
        topic = f"person:{message.facts.get('person')}:{message.facts.get('notification')}"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, topic])
        return Receipt(Outcome.RETRY, "not shown on any open page yet")


NOTIFIER = Screen()
