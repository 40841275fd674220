"""Which address is which page? Every page has a name; each area lives in web/views/<area>.py."""

from django.urls import path

from tocsin.web.views import board, more

urlpatterns = [
    path("", board.board, name="board"),
    path("more/", more.more, name="more"),
    path("search/", more.search, name="search"),
]
