"""Who is doing this, and through which surface? Every verb takes an Actor."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.accounts.models import User


@dataclass(frozen=True)
class Actor:
    """`user` is None for the system itself and for tokens without a person; `via` is web, api, link, cli, chat or system."""

    user: User | None
    label: str
    via: str = "system"
    address: str | None = None

    @classmethod
    def of(cls, user: User, via: str, address: str | None = None) -> Actor:
        """The actor for a person."""
        return cls(user, user.name or user.email, via, address)


SYSTEM = Actor(None, "Tocsin", "system")
