from django.apps import AppConfig


class ObligationsConfig(AppConfig):
    name = "tocsin.obligations"
    label = "obligations"
