"""Which address leads where in the Django part of the house? Importing it fails while a route states no permission."""

from django.urls import URLPattern, URLResolver, include, path

from tocsin.api.mount import api
from tocsin.web import gate

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/3rdparty/", include("allauth.socialaccount.urls")),
    path("accounts/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("", include("tocsin.web.urls")),
]
handler400 = "tocsin.web.views.refusals.bad_request"
handler403 = "tocsin.web.views.refusals.forbidden"
handler404 = "tocsin.web.views.refusals.missing"
handler500 = "tocsin.web.views.refusals.failed"

gate.check(urlpatterns)
