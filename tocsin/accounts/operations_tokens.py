"""How are secrets given out that work for a program, or once for a person? API tokens, set-up, invitations."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from tocsin.accounts import bearer, rules
from tocsin.accounts.actor import Actor
from tocsin.accounts.audit import audit
from tocsin.accounts.models import ApiToken, OneTimeToken, Organisation, Role, User
from tocsin.accounts.operations import add_user, check_password, end_sessions, first_fallback, organisation
from tocsin.integrations.email.service import about, bounce
from tocsin.lib.refusal import Refused, invalid

SET_UP, INVITATION = "set-up", "invitation"
INVITATION_LASTS = timedelta(days=7)


@transaction.atomic
def add_token(
    *, name: str, scopes: list[str], user_id: int | None = None, expires_at: datetime | None = None, by: Actor, now: datetime
) -> tuple[ApiToken, str]:
    """A token for the API and its secret, which is shown this once. With a person it acts for them and can do no more than they."""
    unknown = [scope for scope in scopes if scope not in bearer.SCOPES]
    if unknown or not scopes:
        raise invalid(scopes="Scopes are read, respond, administer and watch; give at least one.")
    if expires_at is not None and expires_at <= now:
        raise invalid(expires_at="This lies in the past.")
    user = User.objects.filter(pk=user_id, is_active=True, removed_at=None).first() if user_id is not None else None
    if user_id is not None and user is None:
        raise invalid(user="There is no such person.")
    secret, prefix = bearer.fresh()
    token = ApiToken.objects.create(
        name=rules.name(name),
        prefix=prefix,
        digest=bearer.digest(secret),
        scopes=sorted(set(scopes)),
        user=user,
        created_by=by.user,
        expires_at=expires_at,
    )
    audit("token.added", "token", token.pk, f"{by.label} made the token {token.name} ({', '.join(token.scopes)}).", by=by, now=now)
    return token, secret


@transaction.atomic
def revoke_token(token_id: int, *, by: Actor, now: datetime) -> ApiToken:
    """End a token at once. Whoever may not administer ends only their own."""
    token = ApiToken.objects.select_for_update().filter(pk=token_id, revoked_at=None).first()
    if token is None or not (by.is_administrator or (by.user is not None and token.user_id == by.user.pk)):
        raise Refused("There is no such token.", status=404, code="not_found")
    token.revoked_at = now
    token.save(update_fields=["revoked_at"])
    audit("token.revoked", "token", token.pk, f"{by.label} revoked the token {token.name}.", by=by, now=now)
    return token


def make_setup_link(now: datetime) -> str | None:
    """The address at which the first administrator is made, with a fresh one-time token; None if a user exists. Earlier links end."""
    with transaction.atomic():
        Organisation.objects.select_for_update().filter(pk=organisation().pk).first()
        if User.objects.exists():
            return None
        OneTimeToken.objects.filter(purpose=SET_UP).delete()
        return f"{settings.TOCSIN_URL}/set-up/?token={_one_time(SET_UP, None, None)}"


def setup_token_holds(token: str) -> bool:
    """Whether this is the set-up token and still of use."""
    return bool(token) and OneTimeToken.objects.filter(purpose=SET_UP, digest=bearer.digest(token), used_at=None).exists()


@transaction.atomic
def take_setup(
    token: str, *, name: str, email: str, password: str, organisation_name: str, time_zone: str, now: datetime, address: str | None
) -> User:
    """Make the first administrator. Works once, with the token of the console, while there is no user."""
    Organisation.objects.select_for_update().filter(pk=organisation().pk).first()
    row = OneTimeToken.objects.select_for_update().filter(purpose=SET_UP, digest=bearer.digest(token), used_at=None).first()
    if row is None or User.objects.exists():
        raise Refused("This set-up link is not valid any more.", status=403, code="bad_token")
    zone = rules.zone(time_zone)
    Organisation.objects.filter(pk=1).update(name=rules.name(organisation_name, "organisation_name", 200), time_zone=zone)
    by = Actor(None, "Set-up", "link", address)
    user = add_user(name=name, email=email, role=Role.ADMINISTRATOR, time_zone=zone, password=password, by=by, now=now)
    first_fallback(user)
    row.used_at = now
    row.save(update_fields=["used_at"])
    return user


@transaction.atomic
def invite(user_id: int, *, by: Actor, now: datetime) -> str:
    """A link by which the person chooses a password, once, within 7 days; also the way back for who forgot it. Earlier links end.

    It is mailed where mail goes out, and returned to be shown to the administrator in any case.
    """
    user = User.objects.filter(pk=user_id, is_active=True, removed_at=None).first()
    if user is None:
        raise Refused("There is no such person.", status=404, code="not_found")
    OneTimeToken.objects.filter(purpose=INVITATION, user=user, used_at=None).delete()
    token = _one_time(INVITATION, user, now + INVITATION_LASTS)
    link, row = f"{settings.TOCSIN_URL}/invitation/{token}/", open_invitation(user, now)
    audit("user.invited", "user", user.pk, f"{by.label} made an invitation for {user.name}.", by=by, now=now)
    if settings.EMAIL_HOST or settings.MAIL_SERVICE:
        transaction.on_commit(lambda: _mail(user, link, by.label, row.pk if row else 0), robust=True)
    return link


def open_invitation(user: User, now: datetime) -> OneTimeToken | None:
    """The invitation that this person has not used yet; `trouble` says where its mail did not arrive."""
    return OneTimeToken.objects.filter(purpose=INVITATION, user=user, used_at=None, expires_at__gt=now).order_by("-id").first()


def invitation_failed(id: int, reason: str) -> None:
    """The mail with that invitation did not arrive."""
    OneTimeToken.objects.filter(pk=id, purpose=INVITATION).update(trouble=reason[:500])


def invited(token: str, now: datetime) -> User | None:
    """Whose invitation this is; None if it is unknown, used or too old."""
    row = (
        OneTimeToken.objects.select_related("user")
        .filter(purpose=INVITATION, digest=bearer.digest(token), used_at=None, expires_at__gt=now)
        .first()
    )
    return row.user if row is not None and row.user is not None and row.user.is_active else None


@transaction.atomic
def take_invitation(token: str, password: str, *, now: datetime, address: str | None) -> User:
    """The person's chosen password; the link is used up and earlier sessions end."""
    row = (
        OneTimeToken.objects.select_for_update()
        .filter(purpose=INVITATION, digest=bearer.digest(token), used_at=None, expires_at__gt=now)
        .first()
    )
    user = row.user if row is not None else None
    if row is None or user is None or not user.is_active:
        raise Refused("This invitation is not valid any more. Ask an administrator for a new one.", status=403, code="bad_token")
    check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    row.used_at = now
    row.save(update_fields=["used_at"])
    end_sessions(user)
    audit(
        "user.joined", "user", user.pk, f"{user.name} chose a password by invitation.", by=Actor(user, user.name, "link", address), now=now
    )
    return user


def _one_time(purpose: str, user: User | None, expires_at: datetime | None) -> str:
    token = secrets.token_urlsafe(32)
    OneTimeToken.objects.create(purpose=purpose, digest=bearer.digest(token), user=user, expires_at=expires_at)
    return token


def _mail(user: User, link: str, inviter: str, id: int) -> None:
    where = organisation().name
    text = f"Hello {user.name},\n\n{inviter} invites you to Tocsin, where incidents of {where} are run.\nChoose your password within 7 days:\n\n{link}\n"
    try:
        about(EmailMessage(f"Your invitation to Tocsin at {where}", text, to=[user.email]), "invitation", id).send(fail_silently=False)
    except OSError as error:  # SMTP's refusals are such too
        invitation_failed(id, bounce(error) or f"it could not be sent: {error}")
        raise
