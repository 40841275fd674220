"""How is a telephone reached by text or by call? Through accounts at providers; here is what a number and the two ways are."""

from __future__ import annotations

from tocsin.domain.ports import Abilities, Message, Outcome, Receipt
from tocsin.integrations.phone.numbers import e164


class Telephone:
    """A number that is reached by accounts at providers of this channel."""

    def __init__(self, kind: str, label: str, abilities: Abilities) -> None:
        self.kind, self.label, self.abilities = kind, label, abilities

    def check_address(self, address: str) -> str:
        """The number as "+4915112345678". Raises ValueError."""
        return e164(address)

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """Never by itself: only accounts at providers reach telephones."""
        return Receipt(Outcome.FAILED, f"no account at a provider serves {self.label}; an administrator can add one")


# A text rings like any other text: whoever mutes those is not woken.
SMS = Telephone("sms", "Text message", Abilities(wakes=False, two_way=True, receipts=True))
VOICE = Telephone("voice", "Phone call", Abilities(wakes=True, two_way=True, receipts=True))
