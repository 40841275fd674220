"""Who may sign in, and how? Nobody signs up by themselves: people are invited, or come through the organisation's own OpenID provider."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render

from tocsin import clock
from tocsin.accounts import operations
from tocsin.accounts.actor import SYSTEM
from tocsin.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Password and passkey sign-in; addresses are vouched for by whoever invited the person."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mail goes out where SMTP is set; without it nothing is pretended, an administrator gives out a link instead."""
        if settings.EMAIL_HOST:
            super().send_mail(template_prefix, email, context)


class SocialAdapter(DefaultSocialAccountAdapter):
    """OpenID Connect: the provider must have verified the address, and its domain must be on the list."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return self._allowed(sociallogin)

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return self._allowed(sociallogin)

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """A known person is joined by verified address; a stranger outside the allowed domains is told so."""
        if sociallogin.is_existing or request.user.is_authenticated:
            return
        address = verified_address(sociallogin)
        user = User.objects.filter(email__iexact=address, is_active=True, removed_at=None).first() if address else None
        if user is not None:
            sociallogin.connect(request, user)
        elif not self._allowed(sociallogin):
            raise ImmediateHttpResponse(render(request, "socialaccount/not_allowed.html", status=403))

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """The person, made as an administrator would make them (with an audit entry), as an observer until somebody decides more."""
        claims = sociallogin.account.extra_data.get("userinfo") or sociallogin.account.extra_data
        address = verified_address(sociallogin)
        user = operations.add_user(
            name=str(claims.get("name") or address.partition("@")[0])[:120], email=address, role="observer", by=SYSTEM, now=clock.now()
        )
        sociallogin.user = user
        sociallogin.email_addresses = list(EmailAddress.objects.filter(user=user))
        sociallogin.save(request)
        return user

    def _allowed(self, sociallogin: SocialLogin) -> bool:
        return verified_address(sociallogin).rpartition("@")[2] in settings.OIDC_DOMAINS


def verified_address(sociallogin: SocialLogin) -> str:
    """The address that the provider says it has verified, lower case; empty where there is none."""
    claims = sociallogin.account.extra_data
    for known in (claims, claims.get("userinfo") or {}, claims.get("id_token") or {}):
        if known.get("email") and known.get("email_verified") is True:
            return str(known["email"]).strip().lower()
    return ""
