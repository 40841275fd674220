"""For whom does this request act? A person for themselves; a token without a person for the one it names."""

from __future__ import annotations

from django.http import HttpRequest

from tocsin.accounts.actor import Actor
from tocsin.accounts.models import User
from tocsin.accounts.permissions import Needs
from tocsin.lib.refusal import Refused, invalid


def acting(request: HttpRequest, by: int | None = None) -> Actor:
    """The actor of this request. `by` is a user's id: only a token without a person may name somebody else.

    The person must be active and allowed to do what the route demands; the token's scopes go on to count.
    """
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if by is None or (actor.user is not None and actor.user.pk == by):
        return actor
    if actor.user is not None:
        raise Refused("You can act only for yourself.", status=403, errors={"by": "Leave this out, or give your own id."}, code="forbidden")
    user = User.objects.filter(pk=by, is_active=True, removed_at=None).first()
    if user is None:
        raise invalid(by="There is no such person.")
    named = Actor(user, str(user), actor.via, actor.address, actor.scopes)
    if not named.may(getattr(request, "needs", Needs.RESPOND), safe=False):
        raise Refused(
            f"{user} is not allowed to do this.", status=403, errors={"by": "This person's role does not allow it."}, code="forbidden"
        )
    return named


def own_or_administer(request: HttpRequest, user_id: int) -> Actor:
    """The actor, where they act on their own things or may administer; else it looks as if the person did not exist."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    if (actor.user is not None and actor.user.pk == user_id) or actor.may(Needs.ADMINISTER):
        return actor
    raise Refused("There is no such person.", status=404, code="not_found")
