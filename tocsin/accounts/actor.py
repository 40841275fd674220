"""Who is doing this, and through which surface? Every verb takes an Actor."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs


@dataclass(frozen=True)
class Actor:
    """`user` is None for the system itself and for tokens without a person; `via` is web, api, link, cli, chat or system.

    `scopes` is what a token was given (read, respond, administer, watch); None where no token narrows what the person may do.
    """

    user: User | None
    label: str
    via: str = "system"
    address: str | None = None
    scopes: frozenset[str] | None = None

    @classmethod
    def of(cls, user: User, via: str, address: str | None = None) -> Actor:
        """The actor for a person."""
        return cls(user, user.name or user.email, via, address)

    def may(self, needed: Needs, *, safe: bool = True) -> bool:
        """Whether a route with that permission is open: the token's scopes and the person's role must both allow it.

        `safe` is False for requests that change something: a token that only reads may not change even its person's own things.
        """
        if needed is Needs.PUBLIC:
            return True
        if self.scopes is not None and not _scopes_allow(self.scopes, needed, safe):
            return False
        return self.user is None or (self.user.is_active and _role_allows(self.user, needed))

    @property
    def is_administrator(self) -> bool:
        """May change the set-up, and see what only administrators see."""
        return self.may(Needs.ADMINISTER)


def _scopes_allow(scopes: frozenset[str], needed: Needs, safe: bool) -> bool:
    if needed is Needs.ADMINISTER:
        return "administer" in scopes
    if needed is Needs.WATCH:
        return bool(scopes & {"administer", "watch"})
    if needed is Needs.RESPOND or (needed is Needs.SELF and not safe):
        return bool(scopes & {"respond", "administer"})
    return bool(scopes & {"read", "respond", "administer"})


def _role_allows(user: User, needed: Needs) -> bool:
    if needed in (Needs.ADMINISTER, Needs.WATCH):
        return user.is_administrator
    return user.may_respond if needed is Needs.RESPOND else True


SYSTEM = Actor(None, "Tocsin", "system")
