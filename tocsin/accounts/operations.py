"""How do people come, change and go? Users: each change is one transaction with its audit entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction

from tocsin.accounts import rules
from tocsin.accounts.actor import SYSTEM, Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import ApiToken, Membership, Organisation, Role, Team, User
from tocsin.lib.refusal import Refused, invalid

USERS_LIMIT = 100_000
_RULES: dict[str, Callable[[str], str]] = {
    "name": rules.name, "email": rules.email, "role": rules.role, "time_zone": rules.zone, "phone": rules.phone, "theme": rules.theme,
    "country": rules.country, "subdivision": rules.subdivision,
}  # fmt: skip


@transaction.atomic
def add_user(
    *,
    name: str,
    email: str,
    role: str = Role.RESPONDER,
    time_zone: str = "",
    phone: str = "",
    teams: Iterable[int] = (),
    password: str | None = None,
    by: Actor,
    now: datetime,
) -> User:
    """A person. Without a password they sign in by an invitation link, a passkey or single sign-on. Their address counts as verified."""
    address = rules.email(email)
    if User.objects.filter(email__iexact=address).exists():
        raise Refused(
            "Somebody with this e-mail address exists already.",
            status=409,
            errors={"email": "Somebody has this address already."},
            code="exists",
        )
    if password is not None:
        check_password(password, User(name=name, email=address))
    user = User.objects.create_user(
        address,
        password,
        name=rules.name(name),
        role=rules.role(role),
        time_zone=rules.zone(time_zone or organisation().time_zone),
        phone=rules.phone(phone),
    )
    EmailAddress.objects.create(user=user, email=address, verified=True, primary=True)
    for team in _teams(teams):
        Membership.objects.create(team=team, user=user)
    audit("user.added", "user", user.pk, f"{by.label} added {user.name} as {user.role}.", by=by, now=now, email=user.email, role=user.role)
    return user


@transaction.atomic
def change_user(user_id: int, changes: dict[str, Any], *, by: Actor, now: datetime) -> User:
    """Change name, email, role, time_zone, country, subdivision, phone, theme, single_keys or teams (ids). Only administrators change role, email and teams."""
    user = _locked(user_id)
    if not by.is_administrator and set(changes) & {"role", "email", "teams"}:
        raise Refused("Only administrators change roles, addresses and teams.", status=403, code="forbidden")
    changed: dict[str, Any] = {}
    for field, value in changes.items():
        if field == "teams":
            changed |= _change_teams(user, value)
            continue
        if field in rules.PLACE and value == getattr(user, field):
            continue
        tidy = bool(value) if field == "single_keys" else _RULES[field](value)
        if getattr(user, field) != tidy:
            changed[field] = [getattr(user, field), tidy]
            setattr(user, field, tidy)
    if "role" in changed and user.role != Role.ADMINISTRATOR:
        _keep_an_administrator(user)
    if "email" in changed:
        _move_address(user)
    if changed.keys() & {"country", "subdivision"}:
        rules.place(user.country, user.subdivision)
    if changed:
        user.save()
        audit("user.changed", "user", user.pk, f"{by.label} changed {', '.join(changed)} of {user.name}.", by=by, now=now, changes=changed)
    return user


@transaction.atomic
def remove_user(user_id: int, *, by: Actor, now: datetime) -> User:
    """Take a person out: they can no longer sign in, their tokens end, their sessions end at once. History keeps their name."""
    user = _locked(user_id)
    _keep_an_administrator(user)
    if Organisation.objects.filter(fallback_user=user).exists() or Team.objects.filter(fallback_user=user, removed_at=None).exists():
        raise Refused(f"{user.name} is a fallback contact; name another one first.", status=409, code="is_fallback")
    user.is_active, user.removed_at = False, now
    user.save(update_fields=["is_active", "removed_at"])
    ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=now)
    Membership.objects.filter(user=user).delete()
    end_sessions(user)
    audit("user.removed", "user", user.pk, f"{by.label} removed {user.name}.", by=by, now=now, email=user.email)
    return user


@transaction.atomic
def restore_user(user_id: int, *, by: Actor, now: datetime) -> User:
    """Take a removed person back in."""
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id).exclude(removed_at=None).first()
    if user is None:
        raise Refused("There is no such removed person.", status=404, code="not_found")
    user.is_active, user.removed_at = True, None
    user.save(update_fields=["is_active", "removed_at"])
    audit("user.restored", "user", user.pk, f"{by.label} restored {user.name}.", by=by, now=now)
    return user


@transaction.atomic
def set_password(user: User, password: str, *, by: Actor, now: datetime) -> None:
    """A new password; every session of the person ends."""
    check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user)
    audit("user.password", "user", user.pk, f"{by.label} set the password of {user.name}.", by=by, now=now)


def ensure_admin(now: datetime) -> User | None:
    """The administrator of TOCSIN_ADMIN_EMAIL and TOCSIN_ADMIN_PASSWORD, made if there is no user yet; None if nothing was to be done."""
    if not settings.ADMIN_EMAIL or not settings.ADMIN_PASSWORD or User.objects.exists():
        return None
    name = settings.ADMIN_EMAIL.partition("@")[0].replace(".", " ").title()
    with transaction.atomic():
        user = add_user(
            name=name, email=settings.ADMIN_EMAIL, role=Role.ADMINISTRATOR, password=settings.ADMIN_PASSWORD, by=SYSTEM, now=now
        )
        first_fallback(user)
    return user


def first_fallback(user: User) -> None:
    """Whom to page when nobody else is found: the first person, until somebody decides otherwise (R6)."""
    Organisation.objects.filter(pk=organisation().pk, fallback_user=None).update(fallback_user=user)


def organisation() -> Organisation:
    """The one organisation; made if its row is missing."""
    return Organisation.objects.get_or_create(pk=1)[0]


def check_password(password: str, user: User) -> None:
    """Raises Refused with what is missing."""
    if len(password) > 4096:
        raise invalid(password="A password has at most 4,096 characters.")  # noqa: S106
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise invalid(password=" ".join(error.messages)) from error


def end_sessions(user: User) -> None:
    """Sign the person out everywhere."""
    for session in UserSession.objects.filter(user=user):
        session.end()


def _locked(user_id: int) -> User:
    # No key changes: what points to this person meanwhile, a page or an entry, need not wait.
    user = User.objects.select_for_update(no_key=True).filter(pk=user_id, removed_at=None).first()
    if user is None:
        raise Refused("There is no such person.", status=404, code="not_found")
    return user


def _keep_an_administrator(leaving: User) -> None:
    """The last administrator stays (D21). The organisation's row is the lock, so that two cannot leave at once."""
    Organisation.objects.select_for_update(no_key=True).filter(pk=organisation().pk).first()
    was = User.objects.filter(pk=leaving.pk, role=Role.ADMINISTRATOR, is_active=True).exists()
    others = User.objects.filter(role=Role.ADMINISTRATOR, is_active=True, removed_at=None).exclude(pk=leaving.pk)
    if was and not others.exists():
        raise Refused(f"{leaving.name} is the last administrator; make somebody else one first.", status=409, code="last_administrator")


def _move_address(user: User) -> None:
    if User.objects.filter(email__iexact=user.email).exclude(pk=user.pk).exists():
        raise Refused(
            "Somebody has this address already.", status=409, errors={"email": "Somebody has this address already."}, code="exists"
        )
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


def _teams(ids: Iterable[int]) -> list[Team]:
    wanted = list(dict.fromkeys(ids))
    found = list(Team.objects.filter(pk__in=wanted, removed_at=None))
    if len(found) != len(wanted):
        raise invalid(teams="There is no such team: " + ", ".join(str(i) for i in wanted if i not in {team.pk for team in found}) + ".")
    return found


def _change_teams(user: User, ids: Iterable[int]) -> dict[str, Any]:
    wanted = {team.pk for team in _teams(ids)}
    before = set(Membership.objects.filter(user=user).values_list("team_id", flat=True))
    Membership.objects.filter(user=user, team_id__in=before - wanted).delete()
    Membership.objects.bulk_create([Membership(user=user, team_id=pk) for pk in sorted(wanted - before)])
    return {"teams": [sorted(before), sorted(wanted)]} if before != wanted else {}
