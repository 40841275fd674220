"""What does a route demand? Every route states it, else the program does not start."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])


class Needs(StrEnum):
    """The least that a caller must have.

    READ: any signed-in person or a token with scope read; RESPOND: responders; ADMINISTER: administrators. SELF: any signed-in
    person, for their own things. WATCH: a token with scope watch, which opens nothing else, or an administrator. PUBLIC routes prove
    the caller by themselves (a signed link, a set-up token) or show nothing private.
    """

    PUBLIC = "public"
    SELF = "self"
    READ = "read"
    RESPOND = "respond"
    ADMINISTER = "administer"
    WATCH = "watch"


def needs(permission: Needs) -> Callable[[View], View]:
    """Mark a view (page or API operation) with the permission it demands; enforced before it runs."""

    def mark(view: View) -> View:
        view.needs = permission  # type: ignore[attr-defined]
        return view

    return mark
