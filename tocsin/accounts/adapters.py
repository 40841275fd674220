"""Who may sign in, and how? Nobody signs up by themselves: people are invited, or come through the organisation's own OpenID provider."""

from __future__ import annotations

import hmac
import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from tocsin import clock
from tocsin.accounts import operations
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import User
from tocsin.accounts.provider_calls import GuardedSession, ProviderAwayError

log = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Password and passkey sign-in; addresses are vouched for by whoever invited the person."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mail goes out where a way is set; without it nothing is pretended, an administrator gives out a link instead."""
        if settings.EMAIL_HOST or settings.MAIL_SERVICE:
            super().send_mail(template_prefix, email, context)


class SocialAdapter(DefaultSocialAccountAdapter):
    """OpenID Connect: the provider must have verified the address, and its domain must be on the list."""

    def get_requests_session(self) -> GuardedSession:
        """Calls to the provider obey the rule for everything that goes out."""
        return _Telling(self.request)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return self._allowed(sociallogin)

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return self._allowed(sociallogin)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """A known person is joined by verified address; one who was removed, and a stranger of another domain, is told so."""
        if not _belongs_together(sociallogin):
            raise ImmediateHttpResponse(render(request, "socialaccount/authentication_error.html", status=401))
        if sociallogin.is_existing:
            return
        address = verified_address(sociallogin)
        user = User.objects.filter(email__iexact=address).first() if address else None
        if user is not None and user.is_active and user.removed_at is None:
            sociallogin.connect(request, user)
        elif user is not None or not self._allowed(sociallogin):
            raise ImmediateHttpResponse(render(request, "socialaccount/not_allowed.html", status=403))

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """The person, made as an administrator would make them (with an audit entry), as an observer until somebody decides more."""
        claims = sociallogin.account.extra_data.get("userinfo") or sociallogin.account.extra_data
        address = verified_address(sociallogin)
        name = str(claims.get("name") or address.partition("@")[0])[:120]
        with transaction.atomic():
            user = operations.add_user(name=name, email=address, role="observer", by=SYSTEM, now=clock.now())
            sociallogin.connect(request, user)
        return user

    def _allowed(self, sociallogin: SocialLogin) -> bool:
        return verified_address(sociallogin).rpartition("@")[2] in settings.OIDC_DOMAINS


class _Telling(GuardedSession):
    """The guarded session; a provider that is away becomes a page that says so."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__()
        self.asked_for = request

    def send(self, request: Any, **kwargs: Any) -> Any:
        try:
            return super().send(request, **kwargs)
        except ProviderAwayError as error:
            log.warning("the OpenID provider: %s", error)
            raise ImmediateHttpResponse(render(self.asked_for, "socialaccount/provider_away.html", status=503)) from error


def _belongs_together(sociallogin: SocialLogin) -> bool:
    """Whether the id_token was made for this very sign-in (its nonce), and the user information is about the same person."""
    told = sociallogin.account.extra_data
    token, about = told.get("id_token") or {}, told.get("userinfo") or {}
    expected = sociallogin.state.get("nonce")
    if not expected or not hmac.compare_digest(str(token.get("nonce", "")).encode(), expected.encode()):
        return False
    return not about or about.get("sub") == token.get("sub")


def verified_address(sociallogin: SocialLogin) -> str:
    """The address that the provider says it has verified, lower case; empty where there is none."""
    claims = sociallogin.account.extra_data
    for known in (claims, claims.get("userinfo") or {}, claims.get("id_token") or {}):
        if known.get("email") and known.get("email_verified") is True:
            return str(known["email"]).strip().lower()
    return ""
