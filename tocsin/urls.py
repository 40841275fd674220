"""Which address leads where in the Django part of the house?"""

from django.urls import include, path

handler400 = "tocsin.web.errors.bad_request"
handler403 = "tocsin.web.errors.forbidden"
handler404 = "tocsin.web.errors.not_found"
handler500 = "tocsin.web.errors.broken"

urlpatterns = [
    path("", include("tocsin.web.urls")),
    path("accounts/", include("allauth.urls")),
]
