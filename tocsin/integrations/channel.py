"""What is a kind of contact method that is served by accounts at providers?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tocsin.domain.ports import Abilities, Message, Outcome, Receipt


@dataclass(frozen=True)
class Channel:
    """Its name, what it can do, and `check`: the normalised address, or ValueError with a sentence."""

    kind: str
    label: str
    abilities: Abilities
    check: Callable[[str], str]

    def check_address(self, address: str) -> str:
        """The normalised address. Raises ValueError."""
        return self.check(address.strip())

    def send(self, address: str, message: Message, *, key: str) -> Receipt:
        """Nothing goes out without an account: its gateway sends."""
        return Receipt(Outcome.FAILED, f"no account at a provider serves {self.label}; an administrator can add one")
