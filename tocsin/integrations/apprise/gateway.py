"""How do messages go out through the account of one of apprise's services? Nobody adds it: it is there for the health and the budget of the service."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.domain.ports import Account, Field, Message, Receipt
from tocsin.integrations.apprise.notifier import NOTIFIER


class Service:
    """The account of one service. Its addresses, with all of their secrets, are people's own."""

    kind = "apprise"
    label = "Service reached by apprise URLs"
    channel = "apprise"
    fields = (Field("service", "Service", help="What people's own addresses lead to; nothing else is stored here."),)

    def check(self, values: Mapping[str, str]) -> dict[str, str]:
        """Nobody says what it is: the addresses do."""
        return {"service": "An account of a service is made when the first message goes there, and cannot be set up or changed by hand."}

    def send(self, account: Account, address: str, message: Message, *, key: str) -> Receipt:
        """One message to that address."""
        return NOTIFIER.send(address, message, key=key)


GATEWAY = Service()
