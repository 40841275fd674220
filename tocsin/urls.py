"""Which address leads where in the Django part of the house? Importing it fails while a route states no permission."""

from django.urls import URLPattern, URLResolver, include, path

from tocsin.api.mount import api
from tocsin.web import gate
from tocsin.web.views import sign_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("accounts/email/", sign_in.own_page, name="account_email"),  # this and the next before those of the package
    path("accounts/3rdparty/", sign_in.own_page, name="socialaccount_connections"),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/3rdparty/", include("allauth.socialaccount.urls")),
    path("accounts/oidc/<str:provider_id>/login/", sign_in.by_provider, name="openid_connect_login"),  # before the one of the package
    path("accounts/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("", include("tocsin.web.urls")),
]
handler400 = "tocsin.web.views.refusals.bad_request"
handler403 = "tocsin.web.views.refusals.forbidden"
handler404 = "tocsin.web.views.refusals.missing"
handler500 = "tocsin.web.views.refusals.failed"

gate.check(urlpatterns)
