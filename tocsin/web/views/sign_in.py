"""How does somebody set out to the organisation's OpenID provider?"""

from __future__ import annotations

import secrets

from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from tocsin.accounts.permissions import Needs, needs


@needs(Needs.PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
def by_provider(request: HttpRequest, provider_id: str) -> HttpResponse:
    """A page that leads to the provider; a nonce, PKCE and a state that works once tie the way back to this browser.

    It only ever signs in (allauth's own view would also connect accounts), and takes nothing else from the address. It is a page
    because Chromium applies `form-action 'self'` to redirects that follow a form too.
    """
    try:
        provider = get_adapter(request).get_provider(request, provider_id)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    if request.method != "POST":
        return redirect("account_login")
    nonce = secrets.token_urlsafe(24)
    try:
        way = provider.redirect(
            request,
            "login",
            next_url=get_next_redirect_url(request),
            nonce=nonce,
            auth_params={**provider.get_auth_params(), "nonce": nonce},
        )
    except ImmediateHttpResponse as instead:
        return instead.response
    if way.status_code != 302:
        return way
    response = render(request, "socialaccount/go_on.html", {"provider": provider, "address": way["Location"]})
    response["Cache-Control"] = "no-store"
    return response


@needs(Needs.SELF)
def own_page(request: HttpRequest) -> HttpResponse:
    """Instead of allauth's pages for addresses and connected accounts: administrators change addresses, as others are matched by them."""
    return redirect("person", request.user.pk)
