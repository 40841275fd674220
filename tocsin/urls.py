"""Which address leads where in the Django part of the house? Importing it fails while a route states no permission."""

from django.urls import URLPattern, URLResolver, include, path

from tocsin.api import callbacks, opsgenie_heartbeats
from tocsin.api.mount import api
from tocsin.web import gate
from tocsin.web.views import sign_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("v2/heartbeats", opsgenie_heartbeats.heartbeats, name="opsgenie_heartbeats"),  # in Opsgenie's form; pings go to the intake
    path("v2/heartbeats/<str:name>", opsgenie_heartbeats.heartbeat, name="opsgenie_heartbeat"),
    path("v2/heartbeats/<str:name>/enable", opsgenie_heartbeats.enable, name="opsgenie_heartbeat_enable"),
    path("v2/heartbeats/<str:name>/disable", opsgenie_heartbeats.disable, name="opsgenie_heartbeat_disable"),
    path("callbacks/pages/<str:token>/", callbacks.page, name="callback_page"),  # of providers
    path("callbacks/accounts/<str:token>/", callbacks.account, name="callback_account"),
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
