from django.apps import AppConfig


class PostmortemsConfig(AppConfig):
    name = "tocsin.postmortems"
    label = "postmortems"
